"""What each layer costs as INT8, and which layers stay in float so that the map moves little enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from calibration.int8.quantize import Tensors, keep_float, maps, quantized_layers
from edge.metrics.parity import map_difference
from trainer.charts import new_chart, to_png

Fields = Sequence[NDArray[np.bool_]]
Distance = Callable[[nn.Module], float]


def distance_from(network: nn.Module, tensors: Tensors, fields: Fields | None = None) -> Distance:
    """A function that says how far another network moves the degradation map: the error that the gate checks.

    Args:
        network: float.
        tensors: prepared frames, float32 (1, 3, S, S) each.
        fields: of the frames, bool (grid, grid) each; None for whole maps.

    Returns:
        From a network to the mean over the frames of the mean absolute difference inside the field.
    """
    float_maps = maps(network, tensors)
    inside = np.ones(float_maps.shape, np.bool_) if fields is None else fields

    def distance(quantized: nn.Module) -> float:
        compared = zip(maps(quantized, tensors), float_maps, inside, strict=True)
        return float(np.mean([map_difference(*each)[0] for each in compared]))

    return distance


def measure_layers(quantized: nn.Module, distance: Distance) -> dict[str, float]:
    """How far the map moves when one layer alone is INT8, by layer, the most damaging first.

    Args:
        quantized: fake-quantized; all of its layers are INT8 afterwards.
        distance: of ``distance_from``.
    """
    layers = quantized_layers(quantized)
    costs = {}
    try:
        for name in layers:
            keep_float(quantized, layers.keys() - {name})
            costs[name] = distance(quantized)
    finally:
        keep_float(quantized, ())
    return dict(sorted(costs.items(), key=lambda cost: -cost[1]))


def choose_float(quantized: nn.Module, costs: Mapping[str, float], most: float, distance: Distance) -> list[str]:
    """The fewest layers that have to stay in float for the map to move by at most ``most``.

    The most damaging layers are left out one after the other; then each of them is tried again as INT8, because a
    later one may have caused all of the damage.

    Args:
        quantized: fake-quantized; the chosen layers are float in it afterwards.
        costs: of ``measure_layers``.
        most: mean absolute difference of the degradation map.
        distance: of ``distance_from``.

    Returns:
        Names of the layers; all of them where nothing less is enough.
    """

    def moves(left_out: Collection[str]) -> float:
        keep_float(quantized, left_out)
        return distance(quantized)

    left_out: list[str] = []
    waiting = list(costs)
    while moves(left_out) > most and waiting:
        left_out.append(waiting.pop(0))
    for name in list(left_out):
        others = [other for other in left_out if other != name]
        if moves(others) <= most:
            left_out = others
    keep_float(quantized, left_out)
    return left_out


def draw_costs(costs: Mapping[str, float], left_out: Collection[str], most: float) -> bytes:
    """Layers by what they cost as INT8, as a bar chart; those that stay in float are red.

    Returns:
        PNG; its height grows with the number of layers.
    """
    figure, axes = new_chart(900, 22 * len(costs) + 80)
    colours = ["#dc3c3c" if name in left_out else "#3c82be" for name in costs]
    bars = axes.barh([*costs], [*costs.values()], color=colours)
    axes.bar_label(bars, [f"{cost:.5f}" for cost in costs.values()], padding=4)
    axes.invert_yaxis()
    axes.margins(0.1, 0.01)
    axes.set_title(f"map mean abs difference with one layer as INT8 (allowed in all: {most:g})", loc="left")
    return to_png(figure)
