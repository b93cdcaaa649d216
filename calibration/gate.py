"""What a bundle must pass before it is written: the map has not moved, and INT8 is worth having."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from calibration.quantize import maps
from calibration.search import Found
from edge.errors import EdgeError
from edge.model import QualityModel
from edge.parity import Parity

_ROUNDS, _INFERENCES, _COLD = 12, 20, 4  # turns of both forms; inferences of a turn; those of them not counted


def check_engine(quantized: nn.Module, model: QualityModel, held: Sequence[NDArray[np.float32]], most: float) -> float:
    """How far an engine's map of the INT8 network is from that of the fake-quantised one, on the same tensors.

    Raises:
        EdgeError: further than ``most``: then the export or the engine is to blame, not the quantisation.
    """
    engine = np.stack([model.engine.infer(tensor)[0] for tensor in held])
    apart = float(np.abs(engine - maps(quantized, held)).mean(dtype=np.float64))
    if apart > most:
        raise EdgeError(
            f"the engine's map is {apart:.4f} off the quantised network's, more than {most:g}: the export or the "
            "engine is to blame, not the quantisation; report it with the versions of openvino and onnx."
        )
    return apart


def check_parity(parity: Parity, found: Found, most: float) -> None:
    """Refuse an INT8 network whose map moved too far on frames from file to map.

    Raises:
        EdgeError: it did; the sentence names the layer that costs most.
    """
    if parity.map_mae > most:
        worst = found.damages[0]
        raise EdgeError(
            f"INT8 moves the map by {parity.map_mae:.4f}, more than {most:g}: the layer {worst.layer} costs most "
            f"({worst.map_mae:.4f} alone); calibrate on frames more like those it will see, or raise --max-map-mae."
        )


def time_both(exact: QualityModel, rounded: QualityModel, tensor: NDArray[np.float32]) -> tuple[float, float]:
    """Median milliseconds of an inference of either model, in turns."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for model, times in zip((exact, rounded), spent, strict=True):
            for n in range(_INFERENCES):
                start = time.perf_counter()
                model.engine.infer(tensor)
                if n >= _COLD:
                    times.append((time.perf_counter() - start) * 1000)
    return statistics.median(spent[0]), statistics.median(spent[1])
