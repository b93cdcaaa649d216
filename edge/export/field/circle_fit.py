"""``edge.field.circle_fit`` in a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.export.arrays import (
    argmin,
    choose_tensors,
    clip,
    filled,
    floor,
    hypot,
    maximum,
    median,
    minimum,
    rint,
    size,
    sort,
    sqrt,
    top,
    total,
    upto,
    where,
    whole,
)
from edge.export.field.points import POINTS, Points, in_frame, linear, nearest, packed
from edge.export.matrices import least_squares
from edge.export.tensor import Graph, Tensor
from edge.field import circle_fit as rules

Box = tuple[Tensor, Tensor, Tensor, Tensor]  # left, top, right, bottom, float64; infinite where nothing cuts


class Outline(NamedTuple):
    """``edge.field.circle_fit.Outline``, all scalars but for the hull, and whether there is one."""

    x: Tensor
    y: Tensor
    radius: Tensor
    box: Box
    quality: Tensor
    hull: Points
    whole: Tensor
    found: Tensor

    def tensors(self) -> list[Tensor]:
        return [self.x, self.y, self.radius, *self.box, self.quality, *self.hull, self.whole, self.found]


def outline_from(tensors: Sequence[Tensor]) -> Outline:
    """What ``Outline.tensors`` gave."""
    x, y, radius, left, high, right, low, quality, *hull, whole_, found = tensors
    return Outline(x, y, radius, (left, high, right, low), quality, Points(*hull), whole_, found)


def no_outline(graph: Graph) -> Outline:
    """What stands for none."""
    zero, no, points = graph.constant(0.0), graph.constant(False), graph.constant(np.zeros(POINTS))
    hull = Points(points, points, graph.constant(np.zeros(POINTS, np.bool_)))
    return Outline(zero, zero, zero, (zero, zero, zero, zero), zero, hull, no, no)


def choose(condition: Tensor, one: Outline, two: Outline) -> Outline:
    """One outline or the other."""
    return outline_from(choose_tensors(condition, one.tensors(), two.tensors()))


class Circle(NamedTuple):
    """A circle that points lie on, the share of them that do, and whether there is one."""

    x: Tensor
    y: Tensor
    radius: Tensor
    share: Tensor
    found: Tensor


def fit_circle(points: Points, weights: Tensor) -> Circle:
    """The circle that most points lie on, by weight, float64 (P,)."""
    points, (weights,) = packed(points, weights)
    weights = where(points.valid, weights, 0.0)
    picks = whole(points.number * points.x.graph.constant(rules._PICKS))
    (ax, ay), (bx, by), (cx, cy) = ((points.x[picks[:, i]], points.y[picks[:, i]]) for i in range(3))
    abx, aby, acx, acy = bx - ax, by - ay, cx - ax, cy - ay
    twice_area = 2.0 * (abx * acy - aby * acx)
    spread = abs(twice_area) > 40.0
    divisor = where(spread, twice_area, 1.0)
    ab2, ac2 = abx * abx + aby * aby, acx * acx + acy * acy
    dx, dy = (acy * ab2 - aby * ac2) / divisor, (abx * ac2 - acx * ab2) / divisor
    radii = hypot(dx, dy)
    jury_x, jury_y = points.x[::2][:, None], points.y[::2][:, None]
    off = abs(hypot(jury_x - (ax + dx), jury_y - (ay + dy)) - radii)
    best = argmin(where(spread, weights[::2] @ minimum(off, 4.0), np.inf), 0)
    x, y, radius = ax[best] + dx[best], ay[best] + dy[best], radii[best]
    found = (points.number >= 12) & (total(spread) > 0)
    inliers = points.valid & (abs(hypot(points.x - x, points.y - y) - radius) < 2.0)
    for _ in range(2):
        number = total(inliers)
        found = found & (number >= 8)
        among = inliers.astype("float64")
        middle = [total(each * among) / maximum(number, 1) for each in (points.x, points.y)]
        right, down = points.x - middle[0], points.y - middle[1]
        columns = [2.0 * right, 2.0 * down, filled(right, 1.0)]
        solved = least_squares(columns, among, right * right + down * down)
        dx, dy, rest = (solved[i] for i in range(3))
        x, y, radius = middle[0] + dx, middle[1] + dy, sqrt(rest + dx * dx + dy * dy)
        inliers = points.valid & (abs(hypot(points.x - x, points.y - y) - radius) < 1.5)
    found = found & abs(x).equals(abs(x))  # not where the equations have no solution
    return Circle(x, y, radius, total(where(inliers, weights, 0.0)) / total(weights), found)


def circle_points(x: Tensor, y: Tensor, radius: Tensor, box: Box) -> Points:
    """96 points on the circle, of which those are valid that no cut takes away."""
    compass = x.graph.constant(rules._COMPASS)
    across, down = x + radius * compass[:, 0], y + radius * compass[:, 1]
    inside = (across >= box[0]) & (down >= box[1]) & (across <= box[2]) & (down <= box[3])
    return Points(across, down, inside)


def rays_of(points: Points, outline: Outline | Circle) -> tuple[Tensor, Tensor]:
    """From the middle of a circle to points on it, in radii."""
    return (points.x - outline.x) / outline.radius, (points.y - outline.y) / outline.radius


def sharpness_along(brightness: Tensor, outline: Points, centre: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The sharpness at each point, and at which it is seen."""
    height, width = size(brightness, 0), size(brightness, 1)
    right, down = outline.x - centre[0], outline.y - centre[1]
    length = maximum(hypot(right, down), 1e-6)
    right, down = right / length, down / length
    steps = right.graph.constant(rules._STEPS[:, None])
    across = (outline.x + steps * right).astype("float32").astype("float64")
    below = (outline.y + steps * down).astype("float32").astype("float64")
    x, y = across[2], below[2]
    seen = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    found = nearest(brightness, across, below)
    near, far = found[1] - found[2], found[0] - found[3]
    sharpness = maximum(2.0 * near - maximum(far, near), floor(near / 3.0))
    return clip(sharpness, -60.0, 60.0), outline.valid & seen


def mean_sharpness(brightness: Tensor, outline: Points, centre: tuple[Tensor, Tensor]) -> Tensor:
    """The mean over the points that have something outside, a scalar."""
    sharpness, seen = sharpness_along(brightness, outline, centre)
    number = total(seen)
    shown = maximum(total(where(seen, sharpness, 0.0)) / maximum(number, 1), 0.0) + 1.0
    return where(outline.number < 8, filled(shown, 0.0), where(number >= 4, shown, rules._UNSEEN))


def steepness(
    brightness: Tensor,
    points: Points,
    rays: tuple[Tensor, Tensor],
    least: float = 8.0,
    steps: NDArray[np.float64] = rules.ACROSS,
) -> Tensor:
    """The steepness, a scalar; not a number where no fall is seen."""
    seen = in_frame(points.moved(6.0 * rays[0], 6.0 * rays[1]), brightness)
    across = rays[0].graph.constant(steps[:, None])
    found = linear(brightness, points.x + across * rays[0], points.y + across * rays[1])
    fall = sort(found[:7])[3] - sort(found[-5:])[2]
    steepest = maximum(top(found[4:-3] - found[7:], 0), 0.0)
    clear = seen & (fall > least)
    share = median(steepest / where(clear, fall, 1.0), clear)
    return where((total(seen) >= 6) & (total(clear) > 3), share, np.nan)


def raster(x: Tensor, y: Tensor, radius: Tensor, picture: Tensor) -> Tensor:
    """The pixels of a picture (h, w) in a circle, as OpenCV fills one: bool (h, w)."""
    down, right = upto(size(picture, 0)) - rint(y), upto(size(picture, 1)) - rint(x)
    reach = rint(radius)
    return down[:, None] * down[:, None] + right * right <= reach * reach


def raster_of(outline: Outline, picture: Tensor) -> Tensor:
    """``edge.field.circle_fit.raster``, bool (h, w)."""
    return raster(outline.x, outline.y, outline.radius, picture) | outline.whole


def whole_of(outline: Outline, box: Box) -> Outline:
    """All of a rectangle as field, with the circle around it."""
    radius = hypot(box[2] - box[0], box[3] - box[1]) / 2.0 + 1.0
    x, y = (box[0] + box[2]) / 2.0, (box[1] + box[3]) / 2.0
    yes = filled(outline.whole, True)
    return outline._replace(x=x, y=y, radius=radius, box=box, whole=yes)
