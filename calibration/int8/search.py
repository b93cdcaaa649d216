"""The INT8 form that keeps the maps best: every way to choose ranges is tried, and layers that cost most stay float."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from calibration.int8.finetune import finetune
from calibration.int8.quantize import Method, maps, quantize, quantized_layers
from calibration.int8.sensitivity import Fields, LayerSensitivity, choose_float, draw_damages, measure_layers, moved
from edge.errors import EdgeError
from trainer.loop.checkpoints import write

Tensors = Sequence[NDArray[np.float32]]
Trial = Method | Literal["fine-tuned"]
TUNED: Final = "fine-tuned"


@dataclass(frozen=True)
class Found:
    """What ``search`` settled on.

    Attributes:
        network: fake-quantized.
        trials: mean absolute difference of the degradation map, by method, with all layers in INT8; fine-tuning is
            one, from the best of the others on.
        method: the best of them.
        damages: each layer alone, the most damaging first, under that method.
        left_out: layers that stay in float.
        map_mae: of the network as it is.
    """

    network: nn.Module
    trials: dict[Trial, float]
    method: Trial
    damages: tuple[LayerSensitivity, ...]
    left_out: tuple[str, ...]
    map_mae: float


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
        methods: to be tried, at least one.
        most: mean absolute difference of the degradation map that is allowed.
        lessons: frames to fine-tune on, like ``frames``.
        steps: of fine-tuning; 0 for none.
        fields: of ``held``, bool (grid, grid) each; None for whole maps.

    Raises:
        EdgeError: no layer may be INT8 without the map moving further than that.
    """
    float_maps = maps(network, held)
    tried: dict[Trial, nn.Module] = {method: quantize(network, frames, method) for method in methods}
    trials = {method: moved(maps(q, held), float_maps, fields) for method, q in tried.items()}
    method = min(trials, key=lambda name: trials[name])
    if steps:
        tried[TUNED] = finetune(tried[method], network, lessons, steps)
        trials[TUNED] = moved(maps(tried[TUNED], held), float_maps, fields)
        method = min(trials, key=lambda name: trials[name])
    best = tried[method]
    damages = measure_layers(best, network, held, fields)
    left_out = choose_float(best, network, held, damages, most, fields)
    if len(left_out) == len(quantized_layers(best)):
        raise EdgeError(
            f"no layer can be INT8 with the map moving by {most:g} at most; the worst is {damages[0].layer} "
            f"({damages[0].map_mae:.4f} alone): allow more with --max-map-mae, or train the student longer."
        )
    return Found(best, trials, method, tuple(damages), tuple(left_out), moved(maps(best, held), float_maps, fields))


def write_search(folder: Path, found: Found, most: float) -> None:
    """``sensitivity.csv`` and ``sensitivity.png``: each layer, what it costs as INT8, and whether it stays in float.

    Raises:
        EdgeError: the folder cannot be written to.
    """
    text = io.StringIO()
    rows = [(d.layer, f"{d.map_mae:.6f}", "float" if d.layer in found.left_out else "int8") for d in found.damages]
    csv.writer(text, lineterminator="\n").writerows([("layer", "map_mae_alone", "precision"), *rows])
    write(folder / "sensitivity.csv", text.getvalue().encode())
    write(folder / "sensitivity.png", draw_damages(found.damages, found.left_out, most))
