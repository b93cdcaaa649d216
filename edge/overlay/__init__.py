"""The degradation map as a picture: laid over the frame for the operator, or alone."""

from edge.overlay.degradation import map_picture
from edge.overlay.draw import draw_overlay, reduced

__all__ = ["draw_overlay", "map_picture", "reduced"]
