"""``edge.fundus`` in a graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge import fundus as rules
from edge.export.arrays import concat, exp, hypot, log, maximum, mean, stack, total
from edge.export.picture import averaged
from edge.export.tensor import Tensor

_SMOOTH = 9  # pixels across the kernel that OpenCV takes for a standard deviation of 1
_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32) / 8
_AROUND = 15  # pixels


def shows_retina(maps: Tensor, rgb: Tensor, green: Tensor, field: Tensor, sizes: tuple[int, int]) -> Tensor:
    """Whether there is a retina in the frame; the last argument gives the sides of ``green`` and of the grid."""
    few = total(field) < rules._FEWEST
    network = rules._network()
    seen = _facts(maps, rgb, green, field, sizes)[None]
    for name in ("1", "2", "3"):
        weights, biases = (seen.graph.constant(network[f"{kind}{name}"]) for kind in "wb")
        seen = seen.graph.node("Conv", seen, weights, biases, kind="float32", strides=[2, 2], pads=[1, 1, 1, 1])
        seen = maximum(seen, 0.0)
    logit = total(mean(seen[0], (1, 2)) * network["w4"][0]) + float(network["b4"][0])
    return few | (1.0 / (1.0 + exp(-logit)) >= float(network["least"]))


def _facts(maps: Tensor, rgb: Tensor, green: Tensor, field: Tensor, sizes: tuple[int, int]) -> Tensor:
    """What the small network reads, float32 (10, grid, grid)."""
    red_green, green_blue = (log((rgb[i] + 6.0) / (rgb[i + 1] + 6.0)) for i in (0, 1))
    steep = log(averaged(_edges(green), *sizes) + 0.005) / 2.0 + 1.5
    facts = concat([rgb / 255.0, stack([red_green, green_blue, steep]), maps[:3]])
    seen = field.astype("float32")
    return concat([facts * seen, seen[None]])


def _edges(green: Tensor) -> Tensor:
    """How steep brightness is at each pixel, as a share of it."""
    places = np.arange(_SMOOTH) - _SMOOTH // 2
    bell = np.exp(-(places**2) / 2)
    smooth = _filtered(green, np.outer(bell, bell) / bell.sum() ** 2)
    across, down = _filtered(smooth, _SOBEL), _filtered(smooth, _SOBEL.T)
    around = _filtered(green, np.full((_AROUND, _AROUND), 1 / _AROUND**2))
    return hypot(across, down) / maximum(around, 8.0)


def _filtered(picture: Tensor, kernel: NDArray[np.floating]) -> Tensor:
    """A picture, float32 (h, w), under a kernel; at its border it is mirrored."""
    graph, edges = picture.graph, [side // 2 for side in kernel.shape]
    wide = graph.node("Pad", picture, graph.constant(edges + edges), kind="float32", mode="reflect")
    weights = graph.constant(kernel[None, None], "float32")
    return graph.node("Conv", wide[None, None], weights, kind="float32")[0, 0]
