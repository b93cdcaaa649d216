"""``edge.field.camera_cuts`` in a graph."""

from __future__ import annotations

import numpy as np

from edge.export.arrays import anywhere, filled, maximum, minimum, rint, size, sqrt, stack, total, upto, where
from edge.export.field.circle_fit import Box, Outline, choose, raster_of, steepness, whole_of
from edge.export.field.points import Points
from edge.export.tensor import Tensor
from edge.field import camera_cuts as rules
from edge.field.circle_fit import ACROSS, FAR_ACROSS
from edge.field.straight_edges import MARGIN

_ALONG = np.linspace(0, 1, 34)[1:-1]  # places along a side


def cameras_own(brightness: Tensor, outline: Outline) -> Outline:
    """The outline without the cuts that no camera makes."""
    height, width = (size(brightness, axis).astype("float64") for axis in (0, 1))
    ends, box = (width - 1, height - 1), outline.box
    field = raster_of(outline, brightness)
    kept, more = list(box), [filled(box[0], 0.0)] * 4
    for axis in (0, 1):
        cut = box[axis] > MARGIN, ends[axis] - box[axis + 2] > MARGIN
        beyond = [where(cut[side], _beyond(field, box[axis + 2 * side], axis, side), 0.0) for side in (0, 1)]
        both = minimum(*beyond)
        for side in (0, 1):
            more[axis + 2 * side] = (beyond[side] - both) / maximum(1 - 2 * both, 0.01)
            soft = cut[side] & _soft_side(brightness, outline, axis, side)
            end = filled(box[0], 0.0) if side == 0 else ends[axis]
            kept[axis + 2 * side] = where(soft, end, box[axis + 2 * side])
    most = stack([where(each < rules._SLIVER, filled(each, 0.0), each) for each in more])
    uneven = total(most) >= rules._MOST_CUT
    frame = filled(box[0], 0.0), filled(box[0], 0.0), *ends
    kept = [where(uneven & (most[side] > 0.0), frame[side], kept[side]) for side in range(4)]
    chosen: Box = (kept[0], kept[1], kept[2], kept[3])
    changed = anywhere(~stack(list(chosen)).equals(stack(list(box))))
    return choose(outline.whole & changed, whole_of(outline, chosen), outline._replace(box=chosen))


def _beyond(field: Tensor, edge: Tensor, axis: int, side: int) -> Tensor:
    """The share of a field, bool (h, w), beyond a line."""
    places = upto(size(field, 1 - axis))
    out = places < rint(edge) if side == 0 else places > rint(edge)
    part = field & (out if axis == 0 else out[:, None])
    return total(part).astype("float64") / maximum(total(field), 1)


def _soft_side(brightness: Tensor, outline: Outline, axis: int, side: int) -> Tensor:
    """Whether the light fades slowly across a straight side of a field."""
    box, across = outline.box, 1 - axis
    middle, edge = (outline.x, outline.y), outline.box[axis + 2 * side]
    half = sqrt(outline.radius * outline.radius - (edge - middle[axis]) * (edge - middle[axis]))
    first = maximum(box[across], middle[across] - half)
    last = minimum(box[across + 2], middle[across] + half)
    along = first + (last - first) * edge.graph.constant(_ALONG)
    there, zero = filled(along, 0.0) + edge, filled(along, 0.0)
    ray = zero + (-1.0, 1.0)[side]
    every = filled(along.astype("bool"), True)
    points, rays = (
        (Points(there, along, every), (ray, zero)) if axis == 0 else (Points(along, there, every), (zero, ray))
    )
    steep, far = (steepness(brightness, points, rays, steps=steps) for steps in (ACROSS, FAR_ACROSS))
    limit = where(outline.whole, filled(steep, rules._SOFT), rules._SOFTEST)
    return (steep < limit) | (far < rules._LONG)
