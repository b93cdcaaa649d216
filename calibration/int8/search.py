"""The INT8 form that keeps the maps best: every way to choose ranges is tried, and layers that cost most stay float."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from torch import nn

from calibration.int8.finetune import finetune
from calibration.int8.quantize import Method, Tensors, quantize, quantized_layers
from calibration.int8.sensitivity import Fields, choose_float, distance_from, draw_costs, measure_layers
from edge.errors import EdgeError
from trainer.loop.checkpoints import write

Trial = Method | Literal["fine-tuned"]
TUNED: Final = "fine-tuned"


@dataclass(frozen=True)
class Found:
    """The result of ``search``.

    Attributes:
        network: fake-quantized.
        trials: mean absolute difference of the degradation map, by method, with all layers in INT8; fine-tuning is
            one, starting from the best of the others.
        method: the best of them.
        costs: mean absolute difference of the map with one layer alone as INT8, the most damaging first, under that
            method.
        left_out: layers that stay in float.
        map_mae: of the network as it is.
    """

    network: nn.Module
    trials: dict[Trial, float]
    method: Trial
    costs: dict[str, float]
    left_out: tuple[str, ...]
    map_mae: float

    @property
    def worst(self) -> str:
        """The layer that costs most as INT8."""
        return next(iter(self.costs))


def search(
    network: nn.Module,
    frames: Tensors,
    held: Tensors,
    methods: Sequence[Method],
    most: float,
    lessons: Tensors = (),
    steps: int = 0,
    fields: Fields | None = None,
) -> Found:
    """Quantize by each method, fine-tune the best, and keep the best of all.

    Then the fewest layers are left in float that bring it within ``most``.

    Args:
        network: float, on the CPU, batch norms folded.
        frames: to choose ranges on, float32 (1, 3, S, S) each, as the device prepares them.
        held: others, to judge by.
        methods: to try, at least one.
        most: allowed mean absolute difference of the degradation map.
        lessons: frames to fine-tune on, like ``frames``.
        steps: of fine-tuning; 0 for none.
        fields: of ``held``, bool (grid, grid) each; None for whole maps.

    Raises:
        EdgeError: no layer may be INT8 without the map moving further than that.
    """
    distance = distance_from(network, held, fields)
    tried: dict[Trial, nn.Module] = {method: quantize(network, frames, method) for method in methods}
    trials = {method: distance(quantized) for method, quantized in tried.items()}
    method = min(trials, key=lambda name: trials[name])
    if steps:
        tried[TUNED] = finetune(tried[method], network, lessons, steps)
        trials[TUNED] = distance(tried[TUNED])
        method = min(trials, key=lambda name: trials[name])
    best = tried[method]
    costs = measure_layers(best, distance)
    left_out = choose_float(best, costs, most, distance)
    found = Found(best, trials, method, costs, tuple(left_out), distance(best))
    if len(left_out) == len(quantized_layers(best)):
        raise EdgeError(
            f"no layer can be INT8 with the map moving by {most:g} at most; the worst is {found.worst} "
            f"({costs[found.worst]:.4f} alone): allow more with --max-map-mae, or train the student longer."
        )
    return found


def write_search(folder: Path, found: Found, most: float) -> None:
    """``sensitivity.csv`` and ``sensitivity.png``: each layer, what it costs as INT8, and whether it stays in float.

    Raises:
        EdgeError: the folder cannot be written to.
    """
    text = io.StringIO()
    rows = [(name, f"{cost:.6f}", "float" if name in found.left_out else "int8") for name, cost in found.costs.items()]
    csv.writer(text, lineterminator="\n").writerows([("layer", "map_mae_alone", "precision"), *rows])
    write(folder / "sensitivity.csv", text.getvalue().encode())
    write(folder / "sensitivity.png", draw_costs(found.costs, found.left_out, most))
