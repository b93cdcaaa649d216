"""``edge.field.straight_edges`` in a graph."""

from __future__ import annotations

import numpy as np

from edge.export.arrays import (
    anywhere,
    bottom,
    ceil,
    clip,
    filled,
    floor,
    hypot,
    maximum,
    median,
    minimum,
    rint,
    size,
    sqrt,
    stack,
    top,
    total,
    transpose,
    upto,
    where,
    whole,
)
from edge.export.field.circle_fit import Box, Circle
from edge.export.field.points import Points, linear, nearest
from edge.export.matrices import least_squares
from edge.export.tensor import Tensor
from edge.field import straight_edges as rules

_DEPTHS = 0.5 * np.arange(208)  # more than a corner of the largest reduced frame needs


def straight_sides(hull: Points, picture: Tensor) -> tuple[Box, Tensor]:
    """The box that straight sides of a hull leave, and which points lie on one."""
    box, on_side, size_ = [], at_border(hull, picture), filled(hull.x[0], 0.0)
    spans = [(_least(each, hull.valid), _most(each, hull.valid)) for each in (hull.x, hull.y)]
    for low, high in spans:
        size_ = maximum(size_, high - low)
    for side in range(4):
        axis = side % 2
        here, other = (hull.x, hull.y) if axis == 0 else (hull.y, hull.x)
        edge = spans[axis][side // 2]
        near = hull.valid & (abs(here - edge) < 1.1)
        straight = _most(other, near) - _least(other, near) > 0.38 * size_
        box.append(where(straight, edge, -np.inf if side < 2 else np.inf))
        on_side = on_side | (straight & (abs(here - edge) < 2.0))
    return (box[0], box[1], box[2], box[3]), on_side


def at_border(hull: Points, picture: Tensor) -> Tensor:
    """Which points belong to the border of the frame."""
    right, down = size(picture, 1) - 1 - rules.MARGIN, size(picture, 0) - 1 - rules.MARGIN
    return (hull.x < rules.MARGIN) | (hull.y < rules.MARGIN) | (hull.x > right) | (hull.y > down)


def _least(values: Tensor, valid: Tensor) -> Tensor:
    return bottom(where(valid, values, np.inf))


def _most(values: Tensor, valid: Tensor) -> Tensor:
    return top(where(valid, values, -np.inf))


def true_cuts(brightness: Tensor, circle: tuple[Tensor, Tensor, Tensor], box: Box, keep: Tensor) -> Box:
    """The box by what the picture shows; ``keep`` is a scalar."""
    x, y, radius = circle
    height, width = (size(brightness, axis).astype("float64") for axis in (0, 1))
    border = _border(brightness, circle)
    upright = transpose(brightness, 1, 0)
    left = _cut(upright, (y, x, radius), box[0], border, keep)
    high = _cut(brightness, (x, y, radius), box[1], border, keep)
    right = _cut(upright[::-1], (y, width - 1 - x, radius), width - 1 - box[2], border, keep)
    low = _cut(brightness[::-1], (x, height - 1 - y, radius), height - 1 - box[3], border, keep)
    return left, high, width - 1 - right, height - 1 - low


def cut_corners(brightness: Tensor, box: Box) -> Circle:
    """The circle that cuts the corners of a rectangle off."""
    constant = brightness.graph.constant
    x, y, wide, high = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    length = hypot(wide, high)
    to_right, to_below = constant(rules._CORNERS[:, 0]) * wide, constant(rules._CORNERS[:, 1]) * high
    depths, number = constant(_DEPTHS), whole(ceil(0.3 * length / 0.5))
    inside = upto(size(depths, 0)) < number
    across = x + to_right[:, None] - depths * (to_right / length)[:, None]
    down = y + to_below[:, None] - depths * (to_below / length)[:, None]
    found = linear(brightness, across, down)
    so_far = constant(np.tri(len(_DEPTHS), dtype=np.bool_))  # each depth and those before it
    rise = top(where(so_far, found[:, None], 0.0), 2)
    deep = inside & (upto(size(depths, 0)) >= number // 2)
    dark, bright = rise[:, 2], stack([median(found[corner], deep) for corner in range(4)])
    first = total(inside & (rise < ((dark + bright) / 2)[:, None]), 1)
    cut = (bright - dark >= float(rules._FALL)) & (3.0 * dark < bright) & (first < number)
    at = depths[clip(first, 0, maximum(number - 1, 0))] / length
    right, below = to_right - at * to_right, to_below - at * to_below
    columns = [2.0 * right, 2.0 * below, filled(right, 1.0)]
    solved = least_squares(columns, cut.astype("float64"), right * right + below * below)
    dx, dy, rest = (solved[i] for i in range(3))
    radius = sqrt(rest + dx * dx + dy * dy)
    fits = (maximum(abs(dx), abs(dy)) < 0.1 * length) & (radius > 0.97 * maximum(wide, high))
    return Circle(x + dx, y + dy, radius, filled(x, 1.0), fits & (total(cut) >= 3))


def _border(brightness: Tensor, circle: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    x, y, radius = circle
    around = x.graph.constant(rules._AROUND)
    right, down = rint(x + 1.12 * radius * around[:, 0]), rint(y + 1.12 * radius * around[:, 1])
    seen = (right >= 0.0) & (down >= 0.0) & (right < size(brightness, 1)) & (down < size(brightness, 0))
    return where(total(seen) >= 8, floor(median(nearest(brightness, right, down), seen)), 0.0)


def _ends(picture: Tensor, circle: tuple[Tensor, Tensor, Tensor], row: Tensor, border: Tensor) -> Tensor:
    x, y, radius = circle
    first = maximum(whole(ceil(y - 0.97 * radius)), 0)
    half = 0.6 * sqrt(radius * radius - (row - y) * (row - y))
    rows, columns = upto(size(picture, 0))[:, None], upto(size(picture, 1))
    middle = (columns >= maximum(whole(x - half), 0)) & (columns < maximum(whole(x + half) + 1, 1))
    above = middle & (rows >= first) & (rows < row - 2)
    below = middle & (rows >= row + 4) & (rows < row + 9)
    beyond, inside = _mean(picture, above), _mean(picture, below)
    nothing = ~anywhere(above) | ~anywhere(below) | (row - 2 - first < 2.0)
    return nothing | (beyond - border < rules._DARK * (inside - border))


def _mean(picture: Tensor, of: Tensor) -> Tensor:
    return total(where(of, picture, 0.0)) / maximum(total(of), 1)


def _cut(picture: Tensor, circle: tuple[Tensor, Tensor, Tensor], known: Tensor, border: Tensor, keep: Tensor) -> Tensor:
    x, y, radius = circle
    finite = abs(known) < 1e9
    keep = keep | (finite & ((known < rules.MARGIN) | _ends(picture, circle, rint(where(finite, known, 0.0)), border)))
    first = maximum(whole(ceil(y - radius * float(np.sqrt(1 - rules._SHORTEST**2)))), rules._FAR)
    last = minimum(whole(y - (1 - rules._DEEPEST) * radius), size(picture, 0) - 1 - rules._FAR)
    rows, columns = upto(size(picture, 0)), upto(size(picture, 1))
    looked = (rows >= first) & (rows <= last) & (last > first)
    from_middle = rows - rules._NEAR - y
    half = sqrt(radius * radius - from_middle * from_middle) - 3.0
    chord = (abs(columns - x) < half[:, None]) & looked[:, None]
    most = size(picture, 0) - 1
    far_out, outside, inside, far_in = (
        picture[clip(rows + step, 0, most)] for step in (-rules._FAR, -rules._NEAR, rules._NEAR, rules._FAR)
    )
    drop = inside - outside
    falls = (drop >= float(rules._FALL)) & (3.0 * (outside - border) < inside - border)
    falls = falls & (3.0 * drop > 2.0 * (far_in - far_out)) & chord
    length = maximum(total(chord, 1), 1)
    least = where(abs(rows - known) <= 3.0, filled(half, rules._KNOWN), rules._NEW)
    likely = looked & (total(falls, 1) / length >= least) & (length > rules._SHORTEST * radius)
    fall = where(likely, total(where(chord, drop, 0.0), 1) / length, 0.0)
    steepest = looked & (fall >= 0.9 * top(where(looked, fall, -np.inf)))
    middle = total(where(steepest, rows, 0)) / maximum(total(steepest), 1) + 0.5
    return where(anywhere(likely & (abs(fall) > 0.0)), middle, where(keep, known, -np.inf))
