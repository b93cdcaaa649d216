"""What each layer costs as INT8, and which layers stay in float so that the map stays what it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from calibration.int8.quantize import keep_float, maps, only, quantized_layers
from edge.metrics.parity import map_difference
from trainer.charts import new_chart, to_png

Tensors = Sequence[NDArray[np.float32]]
Fields = Sequence[NDArray[np.bool_]]


@dataclass(frozen=True)
class LayerSensitivity:
    """How far the degradation map moves when this layer alone is INT8, see ``moved``."""

    layer: str
    map_mae: float


def moved(a: NDArray[np.float32], b: NDArray[np.float32], fields: Fields | None) -> float:
    """The error that the gate checks: the mean over the frames of the mean absolute difference inside the field.

    Args:
        a, b: degradation maps float32 (N, grid, grid).
        fields: bool (grid, grid) of each; None for whole maps.
    """
    inside = fields if fields is not None else np.ones(a.shape, np.bool_)
    return float(np.mean([map_difference(*each)[0] for each in zip(a, b, inside, strict=True)]))


def measure_layers(
    quantized: nn.Module, network: nn.Module, tensors: Tensors, fields: Fields | None = None
) -> list[LayerSensitivity]:
    """Every layer quantized alone, the most damaging first.

    Args:
        quantized: a fake-quantized copy of ``network``; all of its layers are INT8 afterwards.
        network: float.
        tensors: prepared frames, float32 (1, 3, S, S) each.
        fields: of the frames, see ``moved``.
    """
    float_maps = maps(network, tensors)
    found = []
    for name in quantized_layers(quantized):
        with only(quantized, name):
            found.append(LayerSensitivity(name, moved(maps(quantized, tensors), float_maps, fields)))
    return sorted(found, key=lambda damage: -damage.map_mae)


def choose_float(
    quantized: nn.Module,
    network: nn.Module,
    tensors: Tensors,
    damages: Sequence[LayerSensitivity],
    most: float,
    fields: Fields | None = None,
) -> list[str]:
    """The fewest layers that have to stay in float for the map to move by at most ``most``.

    The most damaging layers are left out one after the other; then each of them is tried again as INT8, because a
    later one may have been to blame for all of it.

    Args:
        quantized: a fake-quantized copy of ``network``; the chosen layers are float in it afterwards.
        network: float.
        tensors: prepared frames.
        damages: of ``measure_layers``.
        most: mean absolute difference of the degradation map.
        fields: of the frames, see ``moved``.

    Returns:
        Names of the layers; all of them where nothing less will do.
    """
    float_maps = maps(network, tensors)

    def moves(left_out: Sequence[str]) -> float:
        keep_float(quantized, left_out)
        return moved(maps(quantized, tensors), float_maps, fields)

    left_out: list[str] = []
    waiting = [damage.layer for damage in damages]
    while moves(left_out) > most and waiting:
        left_out.append(waiting.pop(0))
    for name in list(left_out):
        others = [other for other in left_out if other != name]
        if moves(others) <= most:
            left_out = others
    keep_float(quantized, left_out)
    return left_out


def draw_damages(damages: Sequence[LayerSensitivity], left_out: Sequence[str], most: float) -> bytes:
    """Layers by what they cost as INT8, as a bar chart; those that stay in float are red.

    Returns:
        PNG, as high as there are layers.
    """
    figure, axes = new_chart(900, 22 * len(damages) + 80)
    names, costs = [damage.layer for damage in damages], [damage.map_mae for damage in damages]
    bars = axes.barh(names, costs, color=["#dc3c3c" if name in left_out else "#3c82be" for name in names])
    axes.bar_label(bars, [f"{cost:.5f}" for cost in costs], padding=4)
    axes.invert_yaxis()
    axes.margins(0.1, 0.01)
    axes.set_title(f"map mean abs difference with one layer as INT8 (allowed in all: {most:g})", loc="left")
    return to_png(figure)
