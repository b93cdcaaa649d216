"""``edge.field.outline`` in a graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge.export.arrays import (
    argmax,
    bottom,
    clip,
    concat,
    cumsum,
    filled,
    hypot,
    maximum,
    median,
    minimum,
    reshape,
    rint,
    size,
    sort,
    top,
    total,
    transpose,
    upto,
    where,
    whole,
)
from edge.export.field.camera_cuts import cameras_own
from edge.export.field.circle_fit import (
    Outline,
    choose,
    circle_points,
    fit_circle,
    mean_sharpness,
    no_outline,
    outline_from,
    rays_of,
    sharpness_along,
)
from edge.export.field.part import hull_of, largest_part
from edge.export.field.points import Points, in_frame, linear
from edge.export.field.shade import behind_shadow
from edge.export.field.straight_edges import cut_corners, straight_sides, true_cuts
from edge.export.matrices import area_matrix, least_squares
from edge.export.tensor import Tensor
from edge.field import outline as rules

_ENOUGH = 32  # pixels of the shorter side between letterbox bands


class Best(NamedTuple):
    """The best candidate at some levels, the one of the lowest level, and whether they are the same."""

    best: Outline
    first: Outline
    same: Tensor


def best_outline(brightness: Tensor) -> Outline:
    """The outline on a picture, whole numbers as float64 (h, w)."""
    levels = brightness.graph.constant(np.array(rules._LEVELS, np.float64))
    best, dimmest, same = _best_at(brightness, levels, size(levels, 0), rules._SMALLEST)
    faint = best.found & (best.whole | (best.quality < rules._FAINT))
    levels, number = _levels_above_border(brightness)
    again = _best_at(brightness, levels, where(faint, number, 0), rules._SMALLEST_ON_GREY, best)
    same = same & again.same
    best = choose(faint, again.best, best)
    boxed, changed = _inside_letterbox(brightness, best)
    best = choose(best.found & best.whole, boxed, best)
    best = behind_shadow(brightness, best, dimmest, same & ~changed)
    best = choose(best.whole, best, _on_the_rim(brightness, best))
    box = true_cuts(brightness, (best.x, best.y, best.radius), best.box, best.whole)
    best = cameras_own(brightness, best._replace(box=box))
    corners = cut_corners(brightness, best.box)
    cut = best._replace(x=corners.x, y=corners.y, radius=corners.radius)
    return choose(best.whole & corners.found, cut, best)


def _best_at(brightness: Tensor, levels: Tensor, number: Tensor, smallest: float, best: Outline | None = None) -> Best:
    """The candidates at the first ``number`` of some levels, float64 in ascending order, and one at hand.

    ``same`` says of a candidate at hand whether it is still the best.
    """
    nothing = no_outline(brightness.graph)
    width = len(nothing.tensors())
    pixels = size(brightness, 0) * size(brightness, 1)

    def look(place: Tensor, *state: Tensor) -> tuple[Tensor, list[Tensor]]:
        best, first = outline_from(state[:width]), outline_from(state[width : 2 * width])
        last, same = state[2 * width :]
        part, area = largest_part(brightness > levels[place])
        enough = area >= smallest * pixels.astype("float64")
        hull, area = hull_of(part)
        other = enough & (abs(area - last) > rules._SAME * last)
        outline = _outline(brightness, hull)
        better = other & (~best.found | (outline.quality > rules._CLEARLY * best.quality))
        is_first = other & ~first.found
        first = choose(is_first, outline, first)
        best = choose(better, outline, best)
        same = where(better, is_first, same)
        going = enough & ~(better & (outline.quality > rules._SURE))
        return going, [*best.tensors(), *first.tensors(), where(other, area, last), same]

    zero, yes = brightness.graph.constant(0.0), brightness.graph.constant(True)
    start = nothing if best is None else best
    state = brightness.graph.loop(number, [*start.tensors(), *nothing.tensors(), zero, yes], look)
    return Best(outline_from(state[:width]), outline_from(state[width : 2 * width]), state[-1])


def _inside_letterbox(brightness: Tensor, outline: Outline) -> tuple[Outline, Tensor]:
    """The outline between black bands, and whether it is another one than that of the whole."""
    band = rules._BAND
    left, high, right, low = (whole(rint(v)) for v in outline.box)
    high, low, left, right = high + band, low + 1 - band, left + band, right + 1 - band
    tall, wide = low - high, right - left
    pixels = (size(brightness, 0) * size(brightness, 1)).astype("float64")
    fits = (minimum(tall, wide) >= _ENOUGH) & ((tall * wide) <= rules._LETTERBOXED * pixels)
    fits = fits & outline.found & outline.whole
    high, left = where(fits, high, 0), where(fits, left, 0)
    low, right = where(fits, low, size(brightness, 0)), where(fits, right, size(brightness, 1))
    inside = brightness[high:low, left:right]
    rim = concat([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    border = whole(median(rim, filled(rim.astype("bool"), True))).astype("float64")
    levels = _with_otsu(inside, border)
    number = where(fits, size(levels, 0), 0)
    disc = _best_at(inside, levels, number, rules._SMALLEST_ON_GREY).best
    side = minimum(size(inside, 0), size(inside, 1)).astype("float64")
    good = fits & disc.found & ~disc.whole & (disc.quality >= rules._FAINT) & (2.0 * disc.radius >= 0.8 * side)
    moved = disc._replace(x=disc.x + left, y=disc.y + high, box=outline.box, hull=disc.hull.moved(left, high))
    return choose(good, moved, outline), good


def _levels_above_border(brightness: Tensor) -> tuple[Tensor, Tensor]:
    """Levels for a border that is not black, and how many of them to try."""
    rows, columns = (area_matrix(size(brightness, axis), 16) for axis in (0, 1))
    cells = rint(rows @ brightness @ transpose(columns, 1, 0))
    around = sort(concat([cells[0], cells[-1], cells[1:-1, 0], cells[1:-1, -1]]))
    border, spread = around[30], around[54] - around[6]
    even = (border >= float(rules._LEVELS[2])) & (spread <= rules._EVEN * (top(cells) - border))
    levels = _with_otsu(brightness, border)
    return levels, where(even, size(levels, 0), 0)


def _with_otsu(brightness: Tensor, border: Tensor) -> Tensor:
    """Otsu's level and some above the border, float64 in ascending order."""
    above = border + brightness.graph.constant(np.array(rules._LEVELS[1:], np.float64))
    return sort(concat([_otsu(brightness)[None], above]))


def _otsu(brightness: Tensor) -> Tensor:
    """The level that sets two classes of pixels farthest apart."""
    graph = brightness.graph
    values = reshape(brightness, -1)
    counts = graph.node(
        "ScatterElements",
        graph.constant(np.zeros(256)),
        values.astype("int64"),
        filled(values, 1.0),
        kind="float64",
        axis=0,
        reduction="add",
    )
    share = counts / total(counts)
    below, moment = cumsum(share), cumsum(share * graph.constant(np.arange(256.0)))
    above, smallest = 1.0 - below, float(np.finfo(np.float32).eps)
    both = (minimum(below, above) >= smallest) & (maximum(below, above) <= 1 - smallest)
    apart = moment / where(both, below, 1.0) - (moment[-1] - moment) / where(both, above, 1.0)
    return argmax(where(both, below * above * apart * apart, 0.0), 0).astype("float64")


def _outline(brightness: Tensor, hull: Points) -> Outline:
    """Describe one bright part, given as points along its hull."""
    box, on_cut = straight_sides(hull, brightness)
    rim = hull.only(~on_cut)
    number = hull.number
    middle = tuple(total(where(hull.valid, each, 0.0)) / number for each in (hull.x, hull.y))
    sharpness, seen = sharpness_along(brightness, rim, (middle[0], middle[1]))
    circle = fit_circle(rim, where(seen, maximum(sharpness, 0.0), 0.0) + 1.0)
    longest = maximum(size(brightness, 0), size(brightness, 1)).astype("float64")
    round_ = circle.found & (rim.number > 0.15 * number.astype("float64")) & (circle.radius <= 1.5 * longest)

    left, high = (bottom(where(hull.valid, each, np.inf)) for each in (hull.x, hull.y))
    right, low = (top(where(hull.valid, each, -np.inf)) for each in (hull.x, hull.y))
    seen_all = mean_sharpness(brightness, hull, (middle[0], middle[1]))
    yes = brightness.graph.constant(True)
    without = Outline(
        (left + right) / 2,
        (high + low) / 2,
        hypot(right - left, low - high) / 2 + 1.0,
        (left, high, right, low),
        0.3 * seen_all,
        hull,
        yes,
        yes,
    )
    points = circle_points(circle.x, circle.y, circle.radius, box)
    quality = mean_sharpness(brightness, points, (circle.x, circle.y)) * circle.share
    return choose(round_, Outline(circle.x, circle.y, circle.radius, box, quality, hull, ~yes, yes), without)


def _on_the_rim(brightness: Tensor, outline: Outline) -> Outline:
    """The circle moved to where brightness is half way between field and border."""
    constant, steps = brightness.graph.constant, rules._AT_RIM
    points = circle_points(outline.x, outline.y, outline.radius, outline.box)
    right, down = rays_of(points, outline)
    seen = in_frame(points.moved(3.0 * right, 3.0 * down), brightness)
    at_rim = constant(steps[:, None])
    found = linear(brightness, points.x + at_rim * right, points.y + at_rim * down, black=True)
    so_far = constant(np.tri(len(steps), dtype=np.bool_)[:, :, None])
    fall = bottom(where(so_far, found[None], np.inf), 1)
    middle = (fall[0] + fall[-1]) / 2
    last = clip(total(fall > middle, 0), 1, len(steps) - 1)
    each = upto(size(last, 0))
    flat, number = reshape(fall, -1), size(last, 0)
    above, below = flat[(last - 1) * number + each], flat[last * number + each]
    offsets = constant(steps)[last - 1] + 0.5 * clip((above - middle) / maximum(above - below, 1e-6), 0.0, 1.0)
    columns = [right, down, filled(right, 1.0)]
    weights = where(seen, clip(fall[0] - fall[-1], 0.0, 30.0), 0.0)
    hold = constant(np.diag([0.1, 0.1, 0.0])) * total(weights) + constant(1e-6 * np.eye(3))
    off = offsets
    for _ in range(2):
        kept = where(abs(off) < 2.0, weights, 0.0)
        shift = least_squares(columns, kept, offsets, hold)
        off = offsets - (shift[0] * right + shift[1] * down + shift[2])
    moved = outline._replace(x=outline.x + shift[0], y=outline.y + shift[1], radius=outline.radius + shift[2])
    return choose(total(seen) >= 12, moved, outline)
