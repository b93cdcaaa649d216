"""The cuts of a field that a camera makes: at the border of its frame, a little on one side, or on two sides alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.field.circle_fit import ACROSS, FAR_ACROSS, Outline, raster, steepness, whole_of
from edge.field.straight_edges import MARGIN, Channel

_MOST_CUT, _SLIVER = 0.2, 0.03  # share of the field that a camera cuts off on one side at most, and one of no account
_SOFT, _SOFTEST = 0.5, 0.32  # share of a fall of light that its steepest 3 pixels take: in a rectangle, in a disc
_LONG = 0.22  # the same of a fall that may be longer


def cameras_own(brightness: Channel, outline: Outline) -> Outline:
    """The outline without the cuts that no camera makes.

    Args:
        brightness: uint8 (h, w), smoothed.
        outline: with the cuts that the picture shows.
    """
    height, width = brightness.shape
    ends, box = (width - 1.0, height - 1.0), outline.box
    field = raster(outline, height, width)
    kept, more = list(box), np.zeros(4)
    for axis in (0, 1):
        taken = box[axis], ends[axis] - box[axis + 2]  # from each border of the frame on
        cut = tuple(depth > MARGIN for depth in taken)
        beyond = [_beyond(field, box[axis + 2 * side], axis, side) if cut[side] else 0.0 for side in (0, 1)]
        both = min(beyond)  # what is cut on either side alike is the camera's; what one side has more, may be
        more[axis::2] = (np.array(beyond) - both) / max(1 - 2 * both, 0.01)
        for side in (0, 1):
            if cut[side] and _soft_side(brightness, outline, axis, side):
                kept[axis + 2 * side] = (0.0, ends[axis])[side]
    more[more < _SLIVER] = 0
    if more.sum() >= _MOST_CUT:  # a corner counts as both of its sides
        kept = [(0.0, 0.0, *ends)[side] if more[side] > 0 else kept[side] for side in range(4)]
    chosen = kept[0], kept[1], kept[2], kept[3]
    if not outline.whole or chosen == box:
        return replace(outline, box=chosen)
    return whole_of(outline, chosen)


def _beyond(field: NDArray[np.uint8], edge: float, axis: int, side: int) -> float:
    """The share of a field beyond a level (axis 1) or upright (axis 0) line: on its low (side 0) or its high side."""
    lines = field if axis == 1 else field.T
    part = lines[: round(edge)] if side == 0 else lines[round(edge) + 1 :]
    return float(part.sum()) / max(float(field.sum()), 1.0)


def _soft_side(brightness: Channel, outline: Outline, axis: int, side: int) -> bool:
    """Whether the light fades slowly across a straight side of a field."""
    box, across = outline.box, 1 - axis
    middle = (outline.x, outline.y)
    half = np.sqrt(max(outline.radius**2 - (box[axis + 2 * side] - middle[axis]) ** 2, 0.0))
    ends = max(box[across], middle[across] - half), min(box[across + 2], middle[across] + half)
    along = np.linspace(*ends, 34)[1:-1]
    points = np.empty((len(along), 2))
    points[:, axis], points[:, across] = box[axis + 2 * side], along
    ray = np.zeros_like(points)
    ray[:, axis] = (-1, 1)[side]
    steep, far = (steepness(brightness, points, ray, across=across) for across in (ACROSS, FAR_ACROSS))
    soft = steep is not None and steep < (_SOFT if outline.whole else _SOFTEST)
    return soft or (far is not None and far < _LONG)
