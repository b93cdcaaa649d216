"""How long one frame takes, stage by stage, and when the machine is warm enough to say so.

Frames are graded one after the other: the next starts when the last is done (MLPerf's SingleStream).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge import Assessment

Assess = Callable[[NDArray[np.uint8]], Assessment]
Tick = Callable[[int], None]  # told how many runs are done, between frames and outside the clock

STAGES = ("frame_step", "inference", "post", "end_to_end")
PERCENTILES = (50, 90, 99)
WINDOW = 20  # runs of a warm-up window
TOLERANCE = 0.05  # two windows in a row whose medians differ by no more than this share are steady
MOST_WARM_UP_RUNS = 400
MOST_WARM_UP_S = 10.0


@dataclass(frozen=True)
class WarmUp:
    """What it took to become steady.

    Attributes:
        runs: frames graded before the clock counted.
        steady: False where the bound was reached first.
        first_ms: the very first frame: the cold start of everything behind the engine's loading.
    """

    runs: int
    steady: bool
    first_ms: float


@dataclass(frozen=True)
class Measurement:
    """The timed runs.

    Attributes:
        samples_ms: float64 (runs, 4), milliseconds; one column for each of ``STAGES``.
        warm_up: what came before.
        interrupted: Ctrl-C ended it before all runs were done.
    """

    samples_ms: NDArray[np.float64]
    warm_up: WarmUp
    interrupted: bool = False

    def stage(self, name: str) -> NDArray[np.float64]:
        """float64 (runs,), milliseconds of one of ``STAGES``."""
        return self.samples_ms[:, STAGES.index(name)]


@dataclass(frozen=True)
class Summary:
    """Percentiles of one stage in milliseconds; None where there were too few runs to claim one."""

    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None


def runs_needed(percentile: int) -> int:
    """Runs from which a percentile is claimed: three beyond it are expected (p50 6, p90 30, p99 300)."""
    return math.ceil(300 / (100 - percentile))


def summarise(samples_ms: NDArray[np.float64]) -> Summary:
    """The percentiles that ``samples_ms``, shape (runs,), is long enough for."""
    return Summary(
        *(float(np.percentile(samples_ms, p)) if len(samples_ms) >= runs_needed(p) else None for p in PERCENTILES)
    )


def throughput(samples_ms: NDArray[np.float64]) -> float:
    """Frames per second of one frame at a time, from the end-to-end milliseconds, shape (runs,)."""
    return float(1000 * len(samples_ms) / samples_ms.sum())


def is_steady(latencies_ms: Sequence[float]) -> bool:
    """Whether the medians of the last two windows differ by no more than ``TOLERANCE``."""
    if len(latencies_ms) < 2 * WINDOW:
        return False
    before = float(np.median(latencies_ms[-2 * WINDOW : -WINDOW]))
    after = float(np.median(latencies_ms[-WINDOW:]))
    return abs(after - before) <= TOLERANCE * before


def warm_up(run: Callable[[int], float]) -> WarmUp:
    """Repeat ``run(index)``, which returns its milliseconds, until it is steady or a bound is reached."""
    latencies: list[float] = []
    began = time.perf_counter()
    while len(latencies) < MOST_WARM_UP_RUNS and time.perf_counter() - began < MOST_WARM_UP_S:
        latencies.append(run(len(latencies)))
        if len(latencies) % WINDOW == 0 and is_steady(latencies):
            return WarmUp(len(latencies), True, latencies[0])
    return WarmUp(len(latencies), False, latencies[0])


def measure(
    assess: Assess, frames: Sequence[NDArray[np.uint8]], runs: int, tick: Tick = lambda done: None
) -> Measurement:
    """Grade frames one after the other, round and round, and time them.

    Args:
        assess: ``QualityModel.assess``, or what stands in its place.
        frames: uint8 BGR, each (H, W, 3).
        runs: timed runs after the warm-up.
        tick: for a progress bar.

    Returns:
        The runs; fewer, and ``interrupted``, after Ctrl-C.

    Raises:
        EdgeError: the model failed on a frame.
        KeyboardInterrupt: Ctrl-C before the first timed run.
    """
    warm = warm_up(lambda index: _timed(assess, frames, index)[-1])
    samples: list[tuple[float, float, float, float]] = []
    interrupted = False
    try:
        for index in range(runs):
            samples.append(_timed(assess, frames, index))
            tick(index + 1)
    except KeyboardInterrupt:
        if not samples:
            raise
        interrupted = True
    return Measurement(np.array(samples, dtype=np.float64), warm, interrupted)


def _timed(assess: Assess, frames: Sequence[NDArray[np.uint8]], index: int) -> tuple[float, float, float, float]:
    """Milliseconds of one frame, in the order of ``STAGES``."""
    frame = frames[index % len(frames)]
    start = time.perf_counter_ns()
    timings = assess(frame).timings
    spent_ms = (time.perf_counter_ns() - start) / 1e6
    return timings.frame_ms, timings.inference_ms, timings.post_ms, spent_ms
