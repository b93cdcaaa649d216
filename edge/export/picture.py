"""``edge.frame.prepare`` and ``edge.frame.exposure`` in a graph: the network's tensor, and the light in it."""

from __future__ import annotations

import numpy as np

from edge.bundle.bundle import Manifest
from edge.export.arrays import (
    clip,
    filled,
    floor,
    maximum,
    minimum,
    pool,
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
from edge.export.field.find import Field
from edge.export.tensor import Tensor
from edge.frame import exposure as rules

_NUDGE = 1e-3  # as in the fused frame step: OpenCV, which training uses, rounds halves up where it halves a picture


def prepare(frame: Tensor, field: Field, manifest: Manifest) -> Tensor:
    """The crop of a uint8 RGB frame (H, W, 3) as the network reads it, float32 (1, 3, S, S)."""
    length, parts = manifest.input_size, []
    starts, ends = [], []
    for axis, origin in ((0, field.y), (1, field.x)):
        extent = size(frame, axis)
        starts.append(clip(origin, 0, extent - 1))
        ends.append(clip(origin + field.side, starts[axis] + 1, extent))
        parts.append(_taps(starts[axis], ends[axis], origin, field.side, length))
    seen = frame[starts[0] : ends[0], starts[1] : ends[1]].astype("float32")
    pixels = parts[0] @ transpose(seen, 2, 0, 1) @ transpose(parts[1], 1, 0)
    halved = field.side.equals(2 * length)
    nudge = where(halved, field.side.graph.constant(_NUDGE, "float32"), 0.0)
    return normalised(rint(pixels + nudge)[None], manifest)


def _taps(start: Tensor, end: Tensor, origin: Tensor, side: Tensor, length: int) -> Tensor:
    """How much each of the pixels from ``start`` to ``end`` counts in each of the tensor's: (length, end - start).

    What lies beyond a crop counts nothing: ``side`` pixels from ``origin`` on.
    """
    pixels = (upto(end - start) + start - origin).astype("float64")
    places, scale = side.graph.constant(np.arange(float(length))[:, None]), side / length
    begin = places * scale
    covered = minimum(begin + scale, pixels + 1.0) - maximum(begin, pixels)
    at = clip((places + 0.5) * scale - 0.5, 0.0, (side - 1).astype("float64"))
    between = maximum(1.0 - abs(pixels - at), 0.0)
    inside = (pixels >= 0.0) & (pixels < side.astype("float64"))
    taps = where(side >= length, maximum(covered, 0.0) / scale, between)
    return where(inside, taps, 0.0).astype("float32")


def normalised(pixels: Tensor, manifest: Manifest) -> Tensor:
    """(value / 255 - mean) / std, of float32 RGB (1, 3, S, S)."""
    mean, std = (np.array(each, np.float32).reshape(1, 3, 1, 1) for each in (manifest.mean, manifest.std))
    return pixels * (1 / (255 * std)) + -mean / std


def cells_of(tensor: Tensor, manifest: Manifest) -> Tensor:
    """The mean of each channel over each cell, grey values, float32 RGB (3, grid, grid)."""
    mean, std = (np.array(each, np.float32).reshape(3, 1, 1) for each in (manifest.mean, manifest.std))
    return averaged(tensor[0], manifest.input_size, manifest.grid) * (255 * std) + 255 * mean


def green_of(tensor: Tensor, manifest: Manifest) -> Tensor:
    """Green of what the network reads, whole grey values, float32 (S, S)."""
    return rint(tensor[0, 1] * (255 * manifest.std[1]) + 255 * manifest.mean[1])


def averaged(picture: Tensor, length: int, cells: int) -> Tensor:
    """Pictures (..., length, length) averaged over (..., cells, cells)."""
    scale = length / cells
    begin, pixels = np.arange(cells)[:, None] * scale, np.arange(length)
    covered = np.minimum(begin + scale, pixels + 1) - np.maximum(begin, pixels)
    averages = (np.maximum(covered, 0) / scale).astype(np.float32)
    return picture.graph.constant(averages) @ picture @ picture.graph.constant(averages.T)


def lost_to_light(cells: Tensor, field: Tensor) -> Tensor:
    """The cells of a field, bool (grid, grid), that are burnt out or drowned."""
    red, green, _ = (cells[channel] for channel in range(3))
    number = total(field).astype("float64")
    burnt = _burnt(red, green, field)
    burnt = burnt & (total(burnt) > rules._LEAST_BURNT * number)
    brightest = top(cells, 0)
    bright_end = maximum(quantile(brightest, field, 0.95), 0.6 * top(where(field, brightest, 0.0)))
    drowned = field & (brightest < maximum(rules._DROWNED * bright_end, rules._BLACK))
    piece = pool(-pool(-drowned.astype("float32"), 3, 3), 3, 3) > 0.5
    much = (total(drowned) > rules._LEAST_DROWNED * number) & (total(piece) > rules._LEAST_DROWNED * number)
    return burnt | (drowned & much)


def _burnt(red: Tensor, green: Tensor, field: Tensor) -> Tensor:
    ends = [quantile(channel, field, 0.99) for channel in (red, green)]
    limits = [
        where(end >= least, minimum(end - rules._PLATEAU, white), white)
        for end, least, white in (
            (ends[0], rules._LEAST_RED, rules._RED_END),
            (ends[1], rules._LEAST_GREEN, rules._GREEN_END),
        )
    ]
    red_end, green_end = field & (red >= limits[0]), field & (green >= limits[1])
    all_red = total(red_end) >= rules._ALL_RED * total(field).astype("float64")
    high = where(all_red, filled(ends[0], rules._GREEN_HIGH_IN_RED), rules._GREEN_HIGH) * minimum(ends[0] / 255.0, 1.0)
    return green_end | (red_end & (green >= high))


def quantile(values: Tensor, of: Tensor, share: float) -> Tensor:
    """The value below which about such a share of the chosen cells lies; of none, infinity."""
    ordered = sort(reshape(where(of, values, np.inf), -1))
    return ordered[whole(floor(share * maximum(total(of) - 1, 0).astype("float64")))]
