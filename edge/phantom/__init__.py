"""A synthetic eye before a hand-held camera: pictures whose every vessel, fault and true quality is known."""

from edge.phantom.degradation import KINDS, Kind, degrade
from edge.phantom.retina import Retina, make_retina, phantom_frame
from edge.phantom.sequence import Sequence, SequenceFrame, sequence
from edge.phantom.transfer import GRADABLE, true_map, truth

__all__ = [
    "GRADABLE",
    "KINDS",
    "Kind",
    "Retina",
    "Sequence",
    "SequenceFrame",
    "degrade",
    "make_retina",
    "phantom_frame",
    "sequence",
    "true_map",
    "truth",
]
