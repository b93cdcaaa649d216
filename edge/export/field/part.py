"""The largest bright part of a reduced frame and its hull: what OpenCV's contours are for in ``edge.field.outline``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.export.arrays import (
    anywhere,
    argmax,
    bottom,
    compress,
    concat,
    cumsum,
    filled,
    hypot,
    maximum,
    minimum,
    pool,
    reshape,
    size,
    top,
    total,
    upto,
    where,
)
from edge.export.field.points import POINTS, Points
from edge.export.tensor import Tensor

_SPACING = 3.0
_OPENING = 5  # pixels
_AT_ONCE = 8  # steps of a flood between two looks whether it still rises


def largest_part(bright: Tensor) -> tuple[Tensor, Tensor]:
    """The largest part that hangs together, without its holes, and the area of its outline.

    Args:
        bright: bool (h, w).

    Returns:
        bool (h, w), and float64 as ``cv2.contourArea`` has it. Of nothing, a spot somewhere, and 0.
    """
    eroded = -pool(-bright.astype("float32"), _OPENING, _OPENING)
    opened = pool(eroded, _OPENING, _OPENING) > 0.5
    solid = ~_outside(opened)
    height, width = size(bright, 0), size(bright, 1)
    number = reshape(upto(height * width), height, width) + 1
    labels = _flood(where(solid, number, 0).astype("float32"), solid, lambda level: pool(level, 3, 3))
    areas = _areas(labels, height * width + 1)
    largest = argmax(areas, 0)
    spot = (upto(height)[:, None] < 8) & (upto(width) < 8)
    part = where(largest > 0, labels.astype("int64").equals(largest), spot)
    return part, where(largest > 0, areas[largest], 0.0)


def _outside(bright: Tensor) -> Tensor:
    """What is dark up to the border of the frame, bool (h, w)."""
    height, width = size(bright, 0), size(bright, 1)
    rows, columns = upto(height)[:, None], upto(width)
    border = rows.equals(0) | columns.equals(0) | rows.equals(height - 1) | columns.equals(width - 1)
    dark = ~bright
    seeds = (border & dark).astype("float32")
    return _flood(seeds, dark, lambda level: maximum(pool(level, 3, 1), pool(level, 1, 3))) > 0.5


def _flood(level: Tensor, where_it_may: Tensor, spread: Callable[[Tensor], Tensor]) -> Tensor:
    """What becomes of levels, float32 (h, w), that spread until nothing changes any more."""
    open_ = where_it_may.astype("float32")

    def rise(_: Tensor, before: Tensor) -> tuple[Tensor, list[Tensor]]:
        after = before
        for _step in range(_AT_ONCE):
            after = spread(after) * open_
        return anywhere(after > before), [after]

    return level.graph.loop(size(level, 0) * size(level, 1), [level], rise)[0]


def _areas(labels: Tensor, number: Tensor) -> Tensor:
    """The area of the outline of each label, float64 (number,); 0 for label 0.

    The outline goes through the middles of pixels: of the square between four, it takes all where all four belong to
    the part, half where three do.
    """
    corners = [labels[:-1, :-1], labels[:-1, 1:], labels[1:, :-1], labels[1:, 1:]]
    label = corners[0]
    for corner in corners[1:]:
        label = maximum(label, corner)
    alike = corners[0].equals(label).astype("int64")
    for corner in corners[1:]:
        alike = alike + corner.equals(label).astype("int64")
    share = where(label > 0.5, maximum(alike - 2, 0).astype("float64") / 2, 0.0)
    graph = labels.graph
    zeros = graph.node("Expand", graph.constant(0.0), number[None], kind="float64")
    place = reshape(label, -1).astype("int64")
    return graph.node(
        "ScatterElements", zeros, place, reshape(share, -1), kind="float64", axis=0, reduction="add"
    )  # fmt: skip


def hull_of(part: Tensor) -> tuple[Points, Tensor]:
    """Points every 3 pixels along the convex hull of a part, bool (h, w), and the hull's area.

    They start behind the leftmost pixel of the first row, clockwise, as those of ``cv2.convexHull`` do.
    """
    rows = upto(size(part, 0)).astype("float64")
    seen = anywhere(part, 1)
    lefts, rights = (argmax(part, 1, last=last).astype("float64") for last in (False, True))
    on_left, on_right = _turns(lefts, rows, seen), _turns(-rights, rows, seen)
    single = lefts.equals(rights)  # at its first and its last row; one point then
    first, last = _ends(seen)
    on_right = on_right & ~(single & first)
    on_left = on_left & ~(single & last & ~first)
    kept = concat([on_right, on_left[::-1]])
    x = compress(concat([rights, lefts[::-1]]), kept)
    y = compress(concat([rows, rows[::-1]]), kept)
    return _resampled(x, y), _shoelace(x, y)


def _ends(seen: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last of the rows seen, bool (h,) each."""
    counted, every = cumsum(seen), total(seen)
    return seen & counted.equals(1), seen & counted.equals(every)


def _turns(x: Tensor, rows: Tensor, seen: Tensor) -> Tensor:
    """At which rows the hull of the leftmost pixels turns: where it comes more steeply from the left than it leaves."""
    apart = rows - rows[:, None]  # from each row to every other
    slopes = (x - x[:, None]) / where(abs(apart) > 0.0, apart, 1.0)
    before = top(where(seen & (apart < 0.0), slopes, -np.inf), 1)
    after = bottom(where(seen & (apart > 0.0), slopes, np.inf), 1)
    return seen & (before < after)


def _shoelace(x: Tensor, y: Tensor) -> Tensor:
    next_x, next_y = (concat([each[1:], each[:1]]) for each in (x, y))
    return abs(total(x * next_y - y * next_x)) / 2


def _resampled(x: Tensor, y: Tensor) -> Points:
    """``edge.field.circle_fit.resample``."""
    to_x, to_y = (concat([each[1:], each[:1]]) for each in (x, y))
    lengths = hypot(to_x - x, to_y - y)
    ends = cumsum(lengths)
    starts = concat([filled(ends[:1], 0.0), ends[:-1]])
    stops = x.graph.constant(_SPACING * np.arange(POINTS))
    at = minimum(total(ends <= stops[:, None], 1), size(x, 0) - 1)
    along = stops - starts[at]
    right, down = (to_x - x) / lengths, (to_y - y) / lengths
    return Points(x[at] + right[at] * along, y[at] + down[at] * along, stops < ends[-1])


def area_of(hull: Points) -> Tensor:
    """The area within a row of points of which the valid ones stand first."""
    every = upto(size(hull.valid, 0))
    following = where(every + 1 < hull.number, every + 1, 0)
    turned = hull.x * hull.y[following] - hull.y * hull.x[following]
    return abs(total(where(hull.valid, turned, 0.0))) / 2
