"""``edge.field.find`` in a graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edge.export.arrays import (
    choose_tensors,
    filled,
    floor,
    hypot,
    maximum,
    minimum,
    reshape,
    rint,
    size,
    sort,
    sqrt,
    stack,
    top,
    total,
    transpose,
    upto,
    where,
    whole,
)
from edge.export.field.circle_fit import Outline, choose, no_outline, outline_from
from edge.export.field.outline import best_outline
from edge.export.field.shade import may_be_spot
from edge.export.field.squeeze import squeeze_of
from edge.export.matrices import area_matrix
from edge.export.tensor import Tensor
from edge.field import find as rules

_MOST_HALVINGS = 20


class Field(NamedTuple):
    """``edge.field.find.Field``: crop in frame pixels, int64 scalars, and mask over it, bool (256, 256)."""

    x: Tensor
    y: Tensor
    side: Tensor
    mask: Tensor


class SureField(NamedTuple):
    """The field to judge by, whether it stands in for a spot, which that covers of it, and whether there is any."""

    field: Field
    doubtful: Tensor
    spot: Tensor
    found: Tensor


def find_sure_field(frame: Tensor) -> SureField:
    """The field of a frame, uint8 (H, W, 3) of any size; of one that shows nothing, some square."""
    height, width = size(frame, 0).astype("float64"), size(frame, 1).astype("float64")
    reduced, factor, large = reduce(frame)
    light = _light(reduced)
    brightest, blank = _brightest(reduced)
    outline, across, undone = _outline(light, factor.astype("float64"))
    dim = (brightest < float(rules._DIM)) & (outline.whole | (outline.quality < rules._SEEN))
    field = _to_frame(outline, (across, factor.astype("float64")), (height, width))
    found = large & ~blank & ~dim & outline.found
    doubtful = found & ~undone & may_be_spot(outline, light)

    half = field.side / 2
    away = hypot(field.x + half - width / 2, field.y + half - height / 2)
    around = field_of_circle(width / 2, height / 2, half + away, (height, width))
    sure = Field(*choose_tensors(doubtful, around, field))
    zero = filled(field.x, 0)
    nothing = Field(zero, zero, whole(maximum(height, width)), field.mask & found)
    return SureField(Field(*choose_tensors(found, sure, nothing)), doubtful, _spot_over(field, around), found)


def find_given_circle(frame: Tensor, x: float, y: float, radius: float) -> SureField:
    """The same for a field that is given as a circle in frame pixels."""
    height, width = size(frame, 0).astype("float64"), size(frame, 1).astype("float64")
    reduced, _, large = reduce(frame)
    constant = frame.graph.constant
    field = field_of_circle(constant(x), constant(y), constant(radius), (height, width))
    found = large & ~_brightest(reduced)[1]
    return SureField(field, ~filled(found, True), field.mask, found)


def reduce(frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A frame reduced by averages of whole blocks, float32 (h, w, 3), the factor, and whether it is large enough.

    One that is too small or too narrow is made larger, with black: what is computed from it is not used.
    """
    graph = frame.graph
    height, width = size(frame, 0), size(frame, 1)
    ratio = maximum(height, width) / rules.WORK_SIZE
    factor = whole(where(ratio > 3.0, 2.0 * rint(ratio / 2.0), maximum(rint(ratio), 1.0)))
    least = maximum(8 * factor, 16)
    large = minimum(height, width) >= least
    zero = graph.constant(0)
    more = stack([zero, zero, zero, maximum(least - height, 0), maximum(least - width, 0), zero])
    padded = graph.node("Pad", frame, more, kind="uint8").astype("float32")
    powers = graph.constant(2 ** np.arange(1, _MOST_HALVINGS))
    halvings = total(((factor // powers) * powers).equals(factor))

    def halve(_: Tensor, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        even = picture[: 2 * (size(picture, 0) // 2), : 2 * (size(picture, 1) // 2)]
        upper, lower = even[::2], even[1::2]
        blocks = upper[:, ::2] + upper[:, 1::2] + lower[:, ::2] + lower[:, 1::2]
        return graph.constant(True).copy(), [floor((blocks + 2.0) / 4.0)]

    (picture,) = graph.loop(halvings, [padded], halve)
    rest = factor // graph.constant(2 ** np.arange(_MOST_HALVINGS))[halvings]
    rows, columns = size(picture, 0) // rest, size(picture, 1) // rest
    blocks = reshape(picture[: rows * rest, : columns * rest], rows, rest, columns, rest, 3)
    share = 1.0 / (rest * rest).astype("float32")
    return rint(total(blocks, (1, 3)) * share), factor, large


def _light(reduced: Tensor) -> Tensor:
    """The brightest channel, smoothed: whole numbers, float64 (h, w)."""
    graph, brightest = reduced.graph, top(reduced, 2).astype("float64")
    wide = graph.node("Pad", brightest, graph.constant([1, 1, 1, 1]), kind="float64", mode="reflect")
    height, width = size(brightest, 0), size(brightest, 1)
    rows = wide[:height] + wide[1 : height + 1] + wide[2 : height + 2]
    return rint((rows[:, :width] + rows[:, 1 : width + 1] + rows[:, 2 : width + 2]) / 9.0)


def _brightest(reduced: Tensor) -> tuple[Tensor, Tensor]:
    """The bright end of a reduced frame, and whether it shows nothing."""
    ordered = sort(transpose(reshape(reduced, -1, 3)[::7], 1, 0), 1)
    number = size(ordered, 1)
    few = number // 50
    low, high = ordered[:, few], ordered[:, number - 1 - few]
    brightest, spread = top(high), top(high - low)
    return brightest, (brightest < float(rules._DARKEST)) | (spread < float(rules._FLATTEST))


def _outline(light: Tensor, factor: Tensor) -> tuple[Outline, Tensor, Tensor]:
    """The outline, frame pixels across for each of its pixels, and whether a squeeze was undone for it."""
    graph, width = light.graph, size(light, 1)

    def look(turn: Tensor, picture: Tensor, *state: Tensor) -> tuple[Tensor, list[Tensor]]:
        found = best_outline(picture)
        before, across, undone = outline_from(state[:-2]), state[-2], state[-1]
        outline = choose(found.found, found, before)
        undone = (turn > 0) & found.found
        across = where(undone, factor * width / size(picture, 1), factor)
        squeeze = squeeze_of(found, picture)
        wide = maximum(whole(rint(size(picture, 1) * squeeze)), 16)
        squeezed = found.found & turn.equals(0) & ~squeeze.equals(1.0)
        return squeezed, [_widened(picture, wide), *outline.tensors(), across, undone]

    start = [light, *no_outline(graph).tensors(), graph.constant(0.0), graph.constant(False)]
    _, *state = graph.loop(2, start, look)
    return outline_from(state[:-2]), state[-2], state[-1]


def _widened(picture: Tensor, wide: Tensor) -> Tensor:
    """A picture (h, w) at another width, as OpenCV resamples by area."""
    width = size(picture, 1)
    scale = wide.astype("float64") / width
    places = upto(wide).astype("float64")
    left = floor(places / scale)
    share = places + 1.0 - (left + 1.0) * scale
    share = where(share > 0.0, share - floor(share), 0.0)[:, None]
    columns, left = upto(width).astype("float64"), left[:, None]
    right = minimum(left + 1.0, (width - 1).astype("float64"))
    mixed = columns.equals(left).astype("float64") * (1.0 - share) + columns.equals(right).astype("float64") * share
    weights = where(wide <= width, area_matrix(width, wide), mixed)
    return rint(picture @ transpose(weights, 1, 0))


def _to_frame(outline: Outline, scales: tuple[Tensor, Tensor], shape: tuple[Tensor, Tensor]) -> Field:
    (across, down), (height, width) = scales, shape
    x, y = (outline.x + 0.5) * across - 0.5, (outline.y + 0.5) * down - 0.5
    left, high, right, low = outline.box
    left, high = (where(v <= 1.5, filled(v, 0.0), v * scale) for v, scale in ((left, across), (high, down)))
    right = where(right >= floor(width / across) - 2.5, width - 1, (right + 1) * across - 1)
    low = where(low >= floor(height / down) - 2.5, height - 1, (low + 1) * down - 1)
    return _within((x, y, outline.radius * across, outline.radius * down), (left, high, right, low))


def field_of_circle(x: Tensor, y: Tensor, radius: Tensor, shape: tuple[Tensor, Tensor]) -> Field:
    """The field of a circle in pixels, in a frame of this height and width."""
    zero = filled(x, 0.0)
    return _within((x, y, radius, radius), (zero, zero, shape[1] - 1, shape[0] - 1))


def _within(ellipse: tuple[Tensor, ...], box: tuple[Tensor, ...]) -> Field:
    (x, y, wide, high), (left, above, right, below) = ellipse, box
    seen_left, seen_top = maximum(left, x - wide), maximum(above, y - high)
    seen_right, seen_bottom = minimum(right, x + wide), minimum(below, y + high)
    side = maximum(rint(maximum(seen_right - seen_left, seen_bottom - seen_top) + 1), 8.0)
    crop = rint((seen_left + seen_right + 1 - side) / 2), rint((seen_top + seen_bottom + 1 - side) / 2)
    return Field(whole(crop[0]), whole(crop[1]), whole(side), _mask(crop, side, ellipse, box))


def _mask(crop: tuple[Tensor, Tensor], side: Tensor, ellipse: tuple[Tensor, ...], box: tuple[Tensor, ...]) -> Tensor:
    (x, y, wide, high), (left, above, right, below) = ellipse, box
    cells = (x.graph.constant(np.arange(rules.MASK_SIZE) + 0.5)) * (side / rules.MASK_SIZE) - 0.5
    xs, ys = cells + crop[0], cells + crop[1]
    from_middle = (ys - y) / high
    reach = wide * sqrt(1.0 - from_middle * from_middle)
    reach = where((abs(ys - y) > high) | (ys < above) | (ys > below), filled(reach, -1.0), reach)
    away = where((xs < left) | (xs > right), filled(xs, np.inf), abs(xs - x))
    return away.astype("float32") <= reach.astype("float32")[:, None]


def _spot_over(spot: Field, field: Field) -> Tensor:
    """The mask of a spot over the crop of a field, grey values as float64 (256, 256)."""
    places = spot.side.graph.constant(np.arange(float(rules.MASK_SIZE)))
    weights = []
    for outer, inner in ((field.y, spot.y), (field.x, spot.x)):
        at = places * (field.side / spot.side) + (outer - inner) / (spot.side / rules.MASK_SIZE)
        weights.append(maximum(1.0 - abs(at[:, None] - places), 0.0))
    return rint(weights[0] @ (spot.mask.astype("float64") * 255.0) @ transpose(weights[1], 1, 0))
