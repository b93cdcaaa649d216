"""Stages that ``assess`` does not time: inside it, around it in a capture, and inside an inference on a GPU."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.run.latency import Summary, summarise
from edge import Assessment, QualityModel
from edge.engines.tensorrt.runtime import TensorRtEngine
from edge.field.find import find_sure_field
from edge.frame.prepare import prepare_lit
from edge.guidance.guide import Guide
from edge.overlay import draw_overlay
from edge.score import score_of

_RUNS = 300  # as many as a p99 needs
_FPS = 30.0
_JPEG = (int(cv2.IMWRITE_JPEG_QUALITY), 90)

Result = TypeVar("Result")


class Timed(Protocol):
    """Calls something, and notes under a name how long that took."""

    def __call__(self, name: str, call: Callable[[], Result], /) -> Result: ...


def measure_around(model: QualityModel, frames: Sequence[NDArray[np.uint8]], runs: int = _RUNS) -> dict[str, Summary]:
    """Time the stages of a capture by themselves, one frame after the other.

    Args:
        model: grades the frames.
        frames: uint8 BGR, each (H, W, 3).
        runs: of each stage.

    Returns:
        ``decode`` (a JPEG of the frame), ``field`` (the finder), ``tensor and light``, ``score``, ``causes``,
        ``guidance`` (the hint, by causes that are known), ``overlay`` (the map drawn over the frame) and ``encode``
        (that as JPEG, as the preview sends it); ``tensor and light``, ``score`` and ``causes`` of frames with a field
        alone. On a GPU also ``gpu copy in``, ``gpu network`` and ``gpu copy out``, by the clock of the GPU, and without
        the CUDA graph that joins them otherwise.
    """
    photographs = [cv2.imencode(".jpg", frame, _JPEG)[1] for frame in frames]
    guide, spent = Guide(model.manifest.thresholds), defaultdict[str, list[float]](list)

    def timed(name: str, call: Callable[[], Result]) -> Result:
        start = time.perf_counter_ns()
        result = call()
        spent[name].append((time.perf_counter_ns() - start) / 1e6)
        return result

    for number in range(runs):
        photograph = photographs[number % len(frames)]
        frame = np.asarray(timed("decode", partial(cv2.imdecode, photograph, cv2.IMREAD_COLOR)), dtype=np.uint8)
        assessment = _inside(model, frame, timed)
        timed("guidance", partial(guide.update, assessment, frame, number / _FPS))
        overlay = timed("overlay", partial(draw_overlay, frame, assessment))
        timed("encode", partial(cv2.imencode, ".jpg", overlay, _JPEG))
    if isinstance(model.engine, TensorRtEngine):
        parts = [model.engine.device_ms() for _ in range(runs)]
        for index, name in enumerate(("gpu copy in", "gpu network", "gpu copy out")):
            spent[name] = [part[index] for part in parts]
    return {name: summarise(np.array(each)) for name, each in spent.items()}


def _inside(model: QualityModel, frame: NDArray[np.uint8], timed: Timed) -> Assessment:
    """The stages of an assessment beside the inference, each by itself; they are those of the native library."""
    manifest = model.manifest
    grid, mean, std = manifest.grid, manifest.mean, manifest.std
    field = timed("field", partial(find_sure_field, frame))
    assessment = model.assess(frame)
    if field is not None:
        timed("tensor and light", partial(prepare_lit, frame, field.crop, manifest.input_size, mean, std, grid))
        maps = np.stack([assessment.map, *assessment.regions.values()])
        timed("score", partial(score_of, maps, assessment.field, manifest.pooling))
    if assessment.photometry is not None:
        timed("causes", lambda: assessment.evidence)
    return assessment
