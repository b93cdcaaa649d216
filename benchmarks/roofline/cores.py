"""From the frame to the hint on another device: what a core takes here, times how much slower one is there.

The core of a device is known by what others published for it. 7-Zip's own benchmark, on one thread, is what such pages
agree on, and it is in every distribution, so the same is measured here.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.roofline.layers import count_layers
from benchmarks.roofline.predict import Device, FramePrediction, Prediction, find_device, predict
from edge.guidance.guide import Guide
from edge.model import QualityModel

_PROGRAMS = ("7zz", "7z", "7zr", "7za")
_SECONDS = 180
_RUNS, _FPS = 150, 15.0
# 7-Zip uses no vectors. Those of an Orin have 128 bits, those of a present processor of a PC 256 or 512, of which the
# pixels' part of the work makes use.
_VECTORS = 2.0


def predict_frames(
    model: QualityModel, frames: Sequence[NDArray[np.uint8]], devices: Sequence[str]
) -> tuple[Prediction, ...]:
    """The inference on each device, and the whole frame where its cores and this machine's are known.

    Args:
        model: is timed here.
        frames: uint8 BGR, each (H, W, 3).
        devices: names, or files; see ``predict``.

    Raises:
        EdgeError: as ``predict``.
    """
    layers = count_layers(model.bundle.onnx)
    predictions = [(predict(layers, device), find_device(device)) for device in devices]
    mips = seven_zip_mips() if any(device.core_mips for _, device in predictions) else None
    if mips is None:
        return tuple(inference for inference, _ in predictions)
    here_ms = processor_ms(model, frames)
    return tuple(to_the_hint(inference, device, here_ms, mips) for inference, device in predictions)


def seven_zip_mips() -> float | None:
    """What 7-Zip's benchmark gives one core of this machine, in its millions of instructions a second.

    Other work on that core is accounted for by 7-Zip itself. None where it is not installed, or says nothing.
    """
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        return None
    try:
        run = subprocess.run(
            [program, "b", "-mmt1"], capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    total = re.search(r"^Tot:\s+\d+\s+(\d+)\s+\d+\s*$", run.stdout, re.MULTILINE)
    return float(total[1]) if total else None


def processor_ms(model: QualityModel, frames: Sequence[NDArray[np.uint8]], runs: int = _RUNS) -> float:
    """What one core takes for a frame beside the inference, until the hint: the median, milliseconds.

    Args:
        model: grades the frames.
        frames: uint8 BGR, each (H, W, 3).
        runs: frames that are timed.
    """
    guide, threads = Guide(model.manifest.thresholds), cv2.getNumThreads()
    spent: list[float] = []
    cv2.setNumThreads(1)
    try:
        for number in range(runs):
            frame, start = frames[number % len(frames)], time.perf_counter_ns()
            assessment = model.assess(frame)
            guide.update(assessment, frame, number / _FPS)
            spent.append((time.perf_counter_ns() - start) / 1e6 - assessment.timings.inference_ms)
    finally:
        cv2.setNumThreads(threads)
    return float(np.median(spent))


def to_the_hint(inference: Prediction, device: Device, here_ms: float, mips: float) -> Prediction:
    """A prediction with what else a frame takes on that device; as it is where no figure of its cores is known.

    Args:
        inference: of the network alone.
        device: by its data sheet.
        here_ms: of ``processor_ms``.
        mips: of ``seven_zip_mips``, on this machine.
    """
    if device.core_mips is None:
        return inference
    slower = mips / device.core_mips
    low = inference.low_ms + here_ms * slower
    high = inference.high_ms + here_ms * slower * _VECTORS
    return replace(inference, frame=FramePrediction(low, high, here_ms, slower, device.core_source))
