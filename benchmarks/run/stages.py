"""Stages that ``assess`` does not time: around the model in a capture, and inside an inference on a GPU."""

from __future__ import annotations

import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.run.latency import Summary, summarise
from edge import QualityModel
from edge.engines.tensorrt.runtime import TensorRtEngine
from edge.guidance.guide import Guide
from edge.overlay import draw_overlay

_RUNS = 300  # as many as a p99 needs
_FPS = 30.0
_JPEG = (int(cv2.IMWRITE_JPEG_QUALITY), 90)


def measure_around(model: QualityModel, frames: Sequence[NDArray[np.uint8]], runs: int = _RUNS) -> dict[str, Summary]:
    """Time the other stages of a capture, one frame after the other.

    Args:
        model: grades the frames.
        frames: uint8 BGR, each (H, W, 3).
        runs: of each stage.

    Returns:
        ``decode`` (a JPEG of the frame), ``guidance`` (the hint), ``overlay`` (the map drawn over the frame) and
        ``encode`` (that as JPEG, as the preview sends it). On a GPU also ``gpu copy in``, ``gpu network`` and
        ``gpu copy out``, by the clock of the GPU, and without the CUDA graph that joins them otherwise.
    """
    photographs = [cv2.imencode(".jpg", frame, _JPEG)[1] for frame in frames]
    guide = Guide(model.manifest.thresholds)
    spent: dict[str, list[float]] = {name: [] for name in ("decode", "guidance", "overlay", "encode")}
    for number in range(runs):
        start = time.perf_counter_ns()
        frame = np.asarray(cv2.imdecode(photographs[number % len(frames)], cv2.IMREAD_COLOR), dtype=np.uint8)
        decoded = time.perf_counter_ns()
        assessment = model.assess(frame)
        assessed = time.perf_counter_ns()
        guide.update(assessment, frame, number / _FPS)
        hinted = time.perf_counter_ns()
        overlay = draw_overlay(frame, assessment)
        drawn = time.perf_counter_ns()
        cv2.imencode(".jpg", overlay, _JPEG)
        encoded = time.perf_counter_ns()
        times = (decoded - start, hinted - assessed, drawn - hinted, encoded - drawn)
        for name, nanoseconds in zip(spent, times, strict=True):
            spent[name].append(nanoseconds / 1e6)
    if isinstance(model.engine, TensorRtEngine):
        parts = [model.engine.device_ms() for _ in range(runs)]
        for index, name in enumerate(("gpu copy in", "gpu network", "gpu copy out")):
            spent[name] = [part[index] for part in parts]
    return {name: summarise(np.array(each)) for name, each in spent.items()}
