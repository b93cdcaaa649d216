"""A synthetic eye in front of a hand-held camera: every vessel, fault and true quality of its pictures is known."""

from edge.phantom.retina import phantom_frame
from edge.phantom.transfer import GRADABLE

__all__ = ["GRADABLE", "phantom_frame"]
