"""``edge.field.shade`` in a graph."""

from __future__ import annotations

import numpy as np

from edge.export.arrays import (
    bottom,
    ceil,
    filled,
    floor,
    hypot,
    maximum,
    minimum,
    reshape,
    rint,
    size,
    sort,
    top,
    total,
    upto,
    where,
    whole,
)
from edge.export.field.circle_fit import (
    Outline,
    choose,
    circle_points,
    fit_circle,
    raster,
    raster_of,
    rays_of,
    steepness,
    whole_of,
)
from edge.export.field.part import area_of
from edge.export.field.points import Points, in_frame, linear, packed
from edge.export.field.squeeze import squeeze_of
from edge.export.field.straight_edges import at_border
from edge.export.tensor import Tensor
from edge.field import shade as rules
from edge.field.straight_edges import MARGIN


def behind_shadow(brightness: Tensor, best: Outline, dimmest: Outline, same: Tensor) -> Outline:
    """The field that an outline is part of; ``same`` says whether it is that of the lowest level."""
    as_it_is = best.whole | _is_plain(brightness, best, dimmest, same)
    squeezed = ~squeeze_of(best, brightness).equals(1.0)
    goes_on = ~same & _goes_on(brightness, best, dimmest)
    as_it_is = as_it_is | (squeezed & ~goes_on)
    as_it_is = as_it_is | (goes_on & squeezed & (dimmest.whole | (_on_circle(dimmest, brightness) < rules._ROUND)))
    beyond = choose(_hangs_out(dimmest, brightness), _frame_of(dimmest, brightness), dimmest)
    return choose(as_it_is, best, choose(goes_on, beyond, _lit_alone(brightness, best)))


def _lit_alone(brightness: Tensor, best: Outline) -> Outline:
    """The field of an outline beyond which no light is seen."""
    other = _other_circle(brightness, best)
    best = choose(other.found & (_filled(other, brightness) < _filled(best, brightness)), other, best)
    hidden = (
        _is_shadow(brightness, best)
        | _hangs_out(best, brightness)
        | _is_no_circle(brightness, best)
        | (best.quality < rules._FAINTEST * _bright_end(brightness))
    )
    return choose(hidden, _frame_of(best, brightness), best)


def may_be_spot(outline: Outline, picture: Tensor) -> Tensor:
    """Whether a circle may be a spot of light."""
    height, width = size(picture, 0), size(picture, 1)
    away = hypot(outline.x - width / 2, outline.y - height / 2) / minimum(height, width)
    small = _size(outline, picture) < rules._SMALLISH + away - rules._FAR_ASIDE
    return ~outline.whole & (away > rules._FAR_ASIDE) & small


def _is_plain(brightness: Tensor, best: Outline, dimmest: Outline, same: Tensor) -> Tensor:
    """Whether an outline is a sharp circle in the middle of the frame with nothing beyond, as most are."""
    return (
        (best.quality >= rules._PLAIN)
        & (_aside(best, brightness) <= rules._ASIDE)
        & (same | (area_of(dimmest.hull) < rules._LARGER_THAN_ODD * area_of(best.hull)))
        & (_on_circle(best, brightness) >= 1 - rules._ARC)
        & ~_is_shadow(brightness, best)
    )


def _bright_end(brightness: Tensor) -> Tensor:
    some = sort(reshape(brightness[::4, ::4], -1))
    return some[whole(rint(0.95 * (size(some, 0) - 1).astype("float64")))]


def _frame_of(outline: Outline, picture: Tensor) -> Outline:
    """The whole frame as field."""
    zero = filled(outline.x, 0.0)
    right, low = (size(picture, axis).astype("float64") - 1 for axis in (1, 0))
    return whole_of(outline, (zero, zero, right, low))


def _goes_on(brightness: Tensor, best: Outline, dimmest: Outline) -> Tensor:
    """Whether the field goes on dimly beyond an outline, up to a rim of its own."""
    odd = _is_odd(best, brightness)
    larger = where(odd, filled(best.x, rules._LARGER_THAN_ODD), rules._LARGER)
    large = area_of(dimmest.hull) >= larger * area_of(best.hull)
    outside = dimmest.whole | (_share_inside(best.hull, dimmest) < rules._HELD)
    lit = dimmest.whole & odd & _is_lit_beyond(brightness, best)
    points = circle_points(dimmest.x, dimmest.y, dimmest.radius, dimmest.box)
    steep = steepness(brightness, points, rays_of(points, dimmest), 2.0)
    least = where(steep < rules._CRISP, filled(steep, rules._ROUND), rules._HALF_ROUND)
    rim = (steep >= rules._SOFT) & (_on_circle(dimmest, brightness) >= least)
    return large & where(outside, lit, rim)


def _is_lit_beyond(brightness: Tensor, outline: Outline) -> Tensor:
    """Whether it is nowhere black around a circle."""
    circle = raster(outline.x, outline.y, outline.radius + rules._NEAR, brightness) | outline.whole
    number = total(~circle)
    ordered = sort(reshape(where(circle, filled(brightness, np.inf), brightness), -1))
    place = 0.25 * maximum(number - 1, 0).astype("float64")
    low, high = ordered[whole(floor(place))], ordered[whole(ceil(place))]
    quarter = low + (place - floor(place)) * where(high < np.inf, high - low, 0.0)
    return (number > 0) & (quarter >= rules._DIM)


def _on_circle(outline: Outline, picture: Tensor) -> Tensor:
    """The share of the lit part's outline that lies on the circle, of what is on no straight side and no border."""
    hull, near = outline.hull, rules._NEAR
    left, high = (maximum(edge + near, MARGIN) for edge in outline.box[:2])
    right, low = (
        minimum(outline.box[2 + axis] - near, size(picture, 1 - axis).astype("float64") - 1 - MARGIN) for axis in (0, 1)
    )
    free = hull.valid & (hull.x >= left) & (hull.y >= high) & (hull.x <= right) & (hull.y <= low)
    off = abs(hypot(hull.x - outline.x, hull.y - outline.y) - outline.radius)
    number = total(free)
    share = total(free & (off <= near)) / maximum(number, 1)
    return where(number >= rules._ROUND_PART * hull.number.astype("float64"), share, 1.0)


def _share_inside(points: Points, outline: Outline) -> Tensor:
    """The share of points that lie in a circle, or hardly beyond."""
    away = hypot(points.x - outline.x, points.y - outline.y)
    return total(points.valid & (away <= outline.radius + rules._NEAR)) / maximum(points.number, 1)


def _other_circle(brightness: Tensor, best: Outline) -> Outline:
    """A second circle that the lit part lies in, along a sharp outline that the first one does not explain."""
    hull, (left, high, right, low) = best.hull, best.box
    rest = ~at_border(hull, brightness)
    rest = rest & (hull.x > left + 2.0) & (hull.x < right - 2.0) & (hull.y > high + 2.0) & (hull.y < low - 2.0)
    rest = rest & (abs(hypot(hull.x - best.x, hull.y - best.y) - best.radius) > rules._NEAR)
    points = hull.only(rest)
    number, whole_ = points.number.astype("float64"), hull.number.astype("float64")
    found = fit_circle(points, filled(hull.x, 1.0))
    longest = maximum(size(brightness, 0), size(brightness, 1)).astype("float64")
    other = best._replace(x=found.x, y=found.y, radius=found.radius)
    off = abs(hypot(hull.x - other.x, hull.y - other.y) - other.radius)
    sharp = steepness(brightness, points.only(off <= rules._NEAR), rays_of(points, other)) >= rules._SHARP
    explains = (number >= maximum(rules._ARC * whole_, 12.0)) & (found.share * number >= rules._ARC * whole_)
    held = _share_inside(hull, other) >= rules._HELD
    return other._replace(found=found.found & (found.radius <= 0.8 * longest) & explains & sharp & held)


def _filled(outline: Outline, picture: Tensor) -> Tensor:
    """The share of an outline's circle, within the frame, that the lit part fills."""
    field = raster_of(outline, picture)
    return total(field & _lit(outline.hull, picture)).astype("float64") / maximum(total(field), 1)


def _lit(hull: Points, picture: Tensor) -> Tensor:
    """The pixels within a convex row of points: bool (h, w), but for a few at its border as OpenCV fills it."""
    x, y = rint(hull.x), rint(hull.y)
    following = where(upto(size(x, 0)) + 1 < hull.number, upto(size(x, 0)) + 1, 0)
    to_x, to_y = x[following], y[following]
    rows = upto(size(picture, 0))[:, None]
    crosses = hull.valid & (rows >= minimum(y, to_y)) & (rows <= maximum(y, to_y))
    level = y.equals(to_y)
    at = where(level, x, x + (rows - y) * (to_x - x) / where(level, 1.0 + filled(y, 0.0), to_y - y))
    left = rint(bottom(where(crosses, at, np.inf), 1))[:, None]
    right = rint(top(where(crosses, at, -np.inf), 1))[:, None]
    columns = upto(size(picture, 1))
    return (columns >= left) & (columns <= right)


def _is_shadow(brightness: Tensor, outline: Outline) -> Tensor:
    """Whether the light fades at a circle more slowly than at any rim."""
    every = packed(circle_points(outline.x, outline.y, outline.radius, outline.box))[0]
    points = Points(*(each[::2] for each in every))
    steep = steepness(brightness, points, rays_of(points, outline))
    astray = (_aside(outline, brightness) > rules._ASTRAY) | (_size(outline, brightness) < rules._SMALL)
    soft = (steep < rules._SOFTEST) | _is_odd(outline, brightness) | ((steep < rules._SOFT) & astray)
    return (steep < rules._HARDLY_SHARP) & soft


def _aside(outline: Outline, picture: Tensor) -> Tensor:
    """How far from the middle of the frame a circle is, in shorter sides."""
    height, width = size(picture, 0), size(picture, 1)
    return maximum(abs(outline.x - width / 2), abs(outline.y - height / 2)) / minimum(height, width)


def _size(outline: Outline, picture: Tensor) -> Tensor:
    """The area of a circle within the frame, as a share of the largest circle's there."""
    side = minimum(size(picture, 0), size(picture, 1)).astype("float64")
    return total(raster_of(outline, picture)) / (np.pi / 4 * side * side)


def _is_odd(outline: Outline, picture: Tensor) -> Tensor:
    """Whether a circle is where few cameras have theirs: aside, though the frame has room for a larger one."""
    return (_aside(outline, picture) > rules._ASIDE) & (_size(outline, picture) < rules._SMALLISH)


def _hangs_out(outline: Outline, picture: Tensor) -> Tensor:
    """Whether much of a circle lies beyond the frame, on one side."""
    inside = total(raster_of(outline, picture)).astype("float64")
    out = inside < rules._IN_FRAME * np.pi * outline.radius * outline.radius
    return (_aside(outline, picture) > rules._ASTRAY) & out


def _is_no_circle(brightness: Tensor, outline: Outline) -> Tensor:
    """Whether the lit part has another shape: its outline leaves the circle, and the light does not end there."""
    points = circle_points(outline.x, outline.y, outline.radius, outline.box)
    right, down = (rules._BESIDE * each for each in rays_of(points, outline))
    outside = points.moved(right, down)
    seen = in_frame(outside, brightness)
    inner = linear(brightness, points.x - right, points.y - down, black=True)
    outer = linear(brightness, outside.x, outside.y, black=True)
    number = total(seen)
    rim = total(seen & (2.0 * outer < inner)) / maximum(number, 1)
    off = _on_circle(outline, brightness) < rules._NO_CIRCLE
    return off & ((number < 6) | (rim < rules._RIM))
