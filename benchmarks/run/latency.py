"""How long one frame takes, stage by stage, and when the machine is warm enough to measure it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge import Assessment
from edge.metrics.intervals import bootstrap

Assess = Callable[[NDArray[np.uint8]], Assessment]
Tick = Callable[[int], None]  # called with the number of completed runs, between frames and outside the clock

STAGES = ("frame_step", "inference", "post", "end_to_end")
PERCENTILES = (50, 90, 99, 99.9)
WINDOW = 20  # runs of a warm-up window
TOLERANCE = 0.05  # two windows in a row whose medians differ by no more than this share are steady
MOST_WARM_UP_RUNS = 400
MOST_WARM_UP_S = 10.0


@dataclass(frozen=True)
class WarmUp:
    """The warm-up until the latency was steady.

    Attributes:
        runs: frames graded before the clock counted.
        steady: False where the bound was reached first.
        first_ms: the very first frame: the cold start of everything behind the engine's loading.
    """

    runs: int
    steady: bool
    first_ms: float


@dataclass(frozen=True)
class Summary:
    """Percentiles in milliseconds; None where there were too few runs for one.

    A percentile is the time of a real frame, the next longer one where the rank falls between two: it is never better
    than measured.

    Attributes:
        max_ms: the slowest.
        p99_9_ms: 999 in 1000 took no longer.
        intervals: 95 % interval of each percentile that is claimed, by its name.
    """

    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    p99_9_ms: float | None = None


def runs_needed(percentile: float) -> int:
    """Runs from which a percentile is claimed: three beyond it are expected (p50 6, p90 30, p99 300, p99.9 3000)."""
    return math.ceil(round(300 / (100 - percentile), 6))


def key_of(percentile: float) -> str:
    """The name of a percentile in a summary, such as ``p99_9_ms``."""
    return f"p{percentile:g}_ms".replace(".", "_")


def summarise(samples_ms: NDArray[np.float64]) -> Summary:
    """The percentiles that ``samples_ms``, shape (runs,) in the order of time, is long enough for."""
    claimed = [p for p in PERCENTILES if len(samples_ms) >= runs_needed(p)]
    values: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    if claimed:

        def figures(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(np.percentile(drawn, claimed, axis=-1, method="higher"))

        low, high = bootstrap(samples_ms, figures)
        for p, value, *ends in zip(claimed, figures(samples_ms), low, high, strict=True):
            values[key_of(p)] = float(value)
            intervals[key_of(p)] = float(ends[0]), float(ends[1])
    most = float(samples_ms.max()) if len(samples_ms) else None
    p50, p90, p99, rarest = (values.get(key_of(p)) for p in PERCENTILES)
    return Summary(p50, p90, p99, most, intervals, rarest)


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


def timed(assess: Assess, frames: Sequence[NDArray[np.uint8]], index: int) -> tuple[float, float, float, float]:
    """Milliseconds of one frame, in the order of ``STAGES``."""
    frame = frames[index % len(frames)]
    start = time.perf_counter_ns()
    timings = assess(frame).timings
    spent_ms = (time.perf_counter_ns() - start) / 1e6
    return timings.frame_ms, timings.inference_ms, timings.post_ms, spent_ms
