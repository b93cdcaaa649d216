"""``edge.field.squeeze`` in a graph."""

from __future__ import annotations

from typing import NamedTuple

from edge.export.arrays import (
    bottom,
    filled,
    hypot,
    maximum,
    size,
    sqrt,
    stack,
    total,
    where,
)
from edge.export.field.circle_fit import Outline
from edge.export.field.points import Points
from edge.export.matrices import least_squares
from edge.export.tensor import Tensor
from edge.field import squeeze as rules
from edge.field.straight_edges import MARGIN


class Ellipse(NamedTuple):
    """Middle and half axes of an ellipse along the axes, and whether there is one."""

    x: Tensor
    y: Tensor
    across: Tensor
    down: Tensor
    found: Tensor


def squeeze_of(outline: Outline, picture: Tensor) -> Tensor:
    """Height over width of the ellipse that an outline lies on; 1.0 where there is none."""
    height, width = (size(picture, axis).astype("float64") for axis in (0, 1))
    hull = outline.hull
    right, low = width - 1 - MARGIN, height - 1 - MARGIN
    inner = (hull.x >= MARGIN) & (hull.y >= MARGIN) & (hull.x <= right) & (hull.y <= low)
    left, top, right, low = outline.box
    within = (hull.x > left + 2.0) & (hull.x < right - 2.0) & (hull.y > top + 2.0) & (hull.y < low - 2.0)
    points = hull.only(inner & (within | outline.whole))
    number = points.number
    is_round = (_on_circle(hull, outline) > rules._CIRCLE_FITS) | (_on_circle(points, outline) > rules._CIRCLE_FITS)
    enough = number >= maximum(0.2 * hull.number.astype("float64"), 16.0)
    ellipse = _fit(points)
    for _ in range(2):
        near = points.only(ellipse.found & (_off(points, ellipse) < 2 * rules._NEAR))
        ellipse = _fit(near)
        ellipse = ellipse._replace(found=ellipse.found & (near.number >= 16))
    ratio = ellipse.down / ellipse.across
    on = points.valid & (_off(points, ellipse) < rules._NEAR)
    to_right, below = points.x > ellipse.x, points.y > ellipse.y
    quadrants = [
        total(points.valid & each)
        for each in (to_right & below, to_right & ~below, ~to_right & below, ~to_right & ~below)
    ]
    share = bottom(stack(quadrants)).astype("float64") / maximum(number, 1)
    fits = (total(on) / maximum(number, 1) >= rules._FITS) & (share >= rules._QUADRANT)
    fits = fits & ~_has_tips(points, ellipse, on)
    sensible = (abs(ratio - 1.0) > rules._LEAST) & (ratio > 1 / rules._MOST) & (ratio < rules._MOST)
    astray = maximum(abs(ellipse.x / width - 0.5), abs(ellipse.y / height - 0.5))
    squeezed = fits & sensible & (astray < rules._ASTRAY) & ellipse.found & enough & (outline.whole | ~is_round)
    return where(squeezed, ratio, 1.0)


def _on_circle(points: Points, outline: Outline) -> Tensor:
    """The share of some points of an outline that lies on its circle."""
    off = hypot(points.x - outline.x, points.y - outline.y) - outline.radius
    return total(points.valid & (abs(off) < rules._ON)) / maximum(points.number, 1)


def _fit(points: Points) -> Ellipse:
    among = points.valid.astype("float64")
    number = maximum(total(among), 1.0)
    middle = [total(where(points.valid, each, 0.0)) / number for each in (points.x, points.y)]
    x, y = points.x - middle[0], points.y - middle[1]
    solved = least_squares([-(x * x), x, y, filled(x, 1.0)], among, y * y)
    a, b, c, d = (solved[i] for i in range(4))
    square = d + c * c / 4.0 + b * b / (4.0 * a)
    found = (a > 1e-3) & (square > 0.0)
    a = where(found, a, 1.0)
    return Ellipse(middle[0] + b / (2.0 * a), middle[1] + c / 2.0, sqrt(square / a), sqrt(square), found)


def _has_tips(points: Points, ellipse: Ellipse, on: Tensor) -> Tensor:
    """Whether an outline leaves the ellipse at an end of its longer axis, as a lens of two arcs does."""
    right, down = (points.x - ellipse.x) / ellipse.across, (points.y - ellipse.y) / ellipse.down
    along = where(ellipse.across > ellipse.down, right, down)
    return _leaves(points.valid & (along > rules._END), on) | _leaves(points.valid & (along < -rules._END), on)


def _leaves(end: Tensor, on: Tensor) -> Tensor:
    number = total(end)
    return (number >= rules._SEEN) & (total(end & on) / maximum(number, 1) < rules._FITS_AT_ENDS)


def _off(points: Points, ellipse: Ellipse) -> Tensor:
    """How far each point is from an ellipse, about, in pixels."""
    reach = hypot((points.x - ellipse.x) / ellipse.across, (points.y - ellipse.y) / ellipse.down)
    return abs(reach - 1.0) * (ellipse.across + ellipse.down) / 2.0
