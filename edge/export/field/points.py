"""Points on a reduced frame, in a graph: rows of a fixed length, of which some are valid."""

from __future__ import annotations

from typing import NamedTuple

from edge.export.arrays import argsort, clip, filled, floor, reshape, rint, size, total, upto, where, whole
from edge.export.tensor import Tensor

POINTS = 600  # of a hull, 3 pixels apart: more than a reduced frame has, one whose squeeze was undone too


class Points(NamedTuple):
    """Points in a row, float64 (P,) each; only the valid ones, bool (P,), are any."""

    x: Tensor
    y: Tensor
    valid: Tensor

    def only(self, kept: Tensor) -> Points:
        return Points(self.x, self.y, self.valid & kept)

    @property
    def number(self) -> Tensor:
        return total(self.valid)

    def moved(self, right: Tensor, down: Tensor) -> Points:
        return Points(self.x + right, self.y + down, self.valid)


def packed(points: Points, *more: Tensor) -> tuple[Points, list[Tensor]]:
    """The valid points first, in their order, and other rows in the same order."""
    every = upto(size(points.valid, 0))
    order = argsort(where(points.valid, every, every + size(points.valid, 0)))
    return Points(*(each[order] for each in points)), [each[order] for each in more]


def in_frame(points: Points, picture: Tensor) -> Tensor:
    """Which points lie in a picture (h, w)."""
    height, width = size(picture, 0), size(picture, 1)
    inside = (points.x >= 0.0) & (points.y >= 0.0) & (points.x <= width - 1) & (points.y <= height - 1)
    return points.valid & inside


def nearest(picture: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Pixels of a picture (h, w) at places of any shape; beyond its border it goes on as it ends."""
    return _at(picture, rint(x), rint(y))


def linear(picture: Tensor, x: Tensor, y: Tensor, black: bool = False) -> Tensor:
    """The same between pixels, as a whole number; where ``black``, nothing lies beyond the border."""
    x, y = (each.astype("float32").astype("float64") for each in (x, y))  # as OpenCV reads them
    left, above = floor(x), floor(y)
    right, below = x - left, y - above
    spots = [
        (left, above, (1 - right) * (1 - below)),
        (left + 1, above, right * (1 - below)),
        (left, above + 1, (1 - right) * below),
        (left + 1, above + 1, right * below),
    ]
    mixed = filled(x, 0.0)
    for across, down, share in spots:
        seen = share
        if black:
            inside = (across >= 0.0) & (down >= 0.0) & (across < size(picture, 1)) & (down < size(picture, 0))
            seen = where(inside, share, 0.0)
        mixed = mixed + _at(picture, across, down) * seen
    return rint(mixed)


def _at(picture: Tensor, across: Tensor, down: Tensor) -> Tensor:
    height, width = size(picture, 0), size(picture, 1)
    row, column = clip(whole(down), 0, height - 1), clip(whole(across), 0, width - 1)
    return reshape(picture, -1)[row * width + column]
