"""INT8 or float: what the bundle holds is a choice, and the figures behind it travel with it."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibration.timing import Turn, take_turns
from edge.metrics.intervals import centre
from edge.model import QualityModel
from trainer.loop.checkpoints import write

Precision = Literal["int8", "float32"]
PrecisionRule = Literal["auto", "int8", "float32"]

LEVEL = 0.995  # of the interval of the speedup
_ROUNDS, _INFERENCES, _COLD = 20, 12, 4  # turns of both forms; inferences of a turn; those before them


@dataclass(frozen=True)
class Speedup:
    """Time of a float inference over that of an INT8 one.

    Attributes:
        float_ms, int8_ms: medians of all inferences.
        ratio, low, high: Hodges-Lehmann estimate over the turns and its interval of ``LEVEL``.
    """

    float_ms: float
    int8_ms: float
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"INT8 {self.int8_ms:.2f} ms, float32 {self.float_ms:.2f} ms, {self.ratio:.2f} times as fast "
            f"({LEVEL:.1%} interval {self.low:.2f} to {self.high:.2f})"
        )


@dataclass(frozen=True)
class PrecisionChoice:
    """What the bundle holds.

    Attributes:
        precision: of its network.
        reason: why, with the figures; one sentence.
        speedup: measured on OpenVINO, on this machine.
        map_mae: mean absolute difference that INT8 costs the degradation map.
    """

    precision: Precision
    reason: str
    speedup: Speedup
    map_mae: float


def measure_speedup(float_model: QualityModel, int8_model: QualityModel, tensor: NDArray[np.float32]) -> Speedup:
    """Time both models in turns, A B, B A.

    Args:
        float_model, int8_model: the two forms on one engine.
        tensor: float32 (1, 3, S, S).
    """
    turns = [_turn(model, tensor) for model in (float_model, int8_model)]
    (float_ms, int8_ms), _ = take_turns(turns, _ROUNDS, mirrored=True)
    return speedup(float_ms, int8_ms)


def _turn(model: QualityModel, tensor: NDArray[np.float32]) -> Turn:
    return Turn(lambda _: model.engine.infer(tensor), _INFERENCES, _COLD)


def speedup(float_ms: NDArray[np.float64], int8_ms: NDArray[np.float64]) -> Speedup:
    """What turns say; milliseconds (rounds, inferences) each."""
    rounds = np.log(np.median(float_ms, axis=1)) - np.log(np.median(int8_ms, axis=1))
    ratio, low, high = (math.exp(value) for value in centre(rounds, LEVEL))
    return Speedup(float(np.median(float_ms)), float(np.median(int8_ms)), ratio, low, high)


def choose_precision(rule: PrecisionRule, measured: Speedup, map_mae: float) -> PrecisionChoice:
    """Decide which form the bundle holds; INT8 has passed the parity gate before this is asked.

    Args:
        rule: ``auto`` takes INT8 only where the whole interval of its speedup lies above 1; the others decide by name.
        measured: of ``measure_speedup``.
        map_mae: what INT8 costs the map.
    """
    figures = f"on OpenVINO here: {measured}; it moves the map by {map_mae:.4f}"
    if rule != "auto":
        return PrecisionChoice(rule, f"{rule} by --precision; {figures}", measured, map_mae)
    if measured.low > 1:
        return PrecisionChoice("int8", f"INT8 is faster {figures}", measured, map_mae)
    return PrecisionChoice("float32", f"INT8 is not surely faster {figures}", measured, map_mae)


def write_choice(folder: Path, choice: PrecisionChoice) -> None:
    """``precision.json``: the choice and its figures. Not in the manifest: the same run makes the same INT8 bundle.

    Raises:
        EdgeError: the folder cannot be written to.
    """
    write(folder / "precision.json", (json.dumps(dataclasses.asdict(choice), indent=1) + "\n").encode())
