from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.run import latency
from benchmarks.run.latency import is_steady, runs_needed, summarise, warm_up


@pytest.mark.parametrize("runs", [300, 301, 1000])
def test_percentiles_are_numpys(runs: int) -> None:
    samples = np.random.default_rng(runs).gamma(2.0, 3.0, runs)
    summary = summarise(samples)
    ordered = np.sort(samples)
    for percentile, value in ((50, summary.p50_ms), (90, summary.p90_ms), (99, summary.p99_ms)):
        assert value in samples
        assert (ordered <= value).mean() >= percentile / 100
        assert (ordered < value).mean() <= percentile / 100 + 1 / runs
        low, high = summary.intervals[f"p{percentile}_ms"]
        assert low <= value <= high
    assert summary.max_ms == ordered[-1]


def test_one_stall_in_a_hundred_is_in_the_p99() -> None:
    samples = np.full(300, 3.0)
    samples[99::100] = 8.0
    summary = summarise(samples)
    assert (summary.p50_ms, summary.p90_ms, summary.p99_ms) == (3.0, 3.0, 8.0)


@pytest.mark.parametrize(("runs", "claimed"), [(5, 0), (6, 1), (29, 1), (30, 2), (299, 2), (300, 3)])
def test_only_percentiles_with_enough_runs_are_claimed(runs: int, claimed: int) -> None:
    summary = summarise(np.ones(runs))
    assert [summary.p50_ms, summary.p90_ms, summary.p99_ms] == [1.0] * claimed + [None] * (3 - claimed)
    assert [runs_needed(p) for p in (50, 90, 99, 99.9)] == [6, 30, 300, 3000]


def test_one_stall_in_a_thousand_is_in_the_p99_9() -> None:
    samples = np.full(3000, 3.0)
    samples[999::1000] = 8.0
    assert (summarise(samples).p99_ms, summarise(samples).p99_9_ms) == (3.0, 8.0)
    assert summarise(samples[:2999]).p99_9_ms is None


def test_steady_compares_the_medians_of_the_last_two_windows() -> None:
    falling = [10.0] * 20 + [5.0] * 20
    assert not is_steady([5.0] * 39)
    assert not is_steady(falling)
    assert is_steady(falling + [5.2] * 20)
    assert not is_steady([5.0] * 20 + [5.3] * 20)
    # A stall is no drift: the medians do not see it.
    assert is_steady([5.0] * 20 + [5.0] * 19 + [500.0])


def warming(start: float, end: float, falls_by: float) -> Iterator[float]:
    now = start
    while True:
        yield now
        now = max(end, now * falls_by)


def test_warm_up_ends_when_a_cold_machine_is_warm() -> None:
    clock = warming(20.0, 2.0, 0.97)  # at its floor after 76 runs
    warm = warm_up(lambda index: next(clock))
    assert warm.steady
    assert warm.first_ms == 20.0
    assert 100 <= warm.runs <= 140


def test_warm_up_gives_up_on_a_machine_that_never_settles() -> None:
    clock = warming(1.0, 1.0, 1.01)
    warm = warm_up(lambda index: next(clock))
    assert not warm.steady
    assert warm.runs == latency.MOST_WARM_UP_RUNS


def test_warm_up_of_a_slow_model_ends_by_the_clock(monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    monkeypatch.setattr(latency, "MOST_WARM_UP_S", 0.05)

    def slow(index: int) -> float:
        clock.sleep(0.02)
        return 20.0

    warm = warm_up(slow)
    assert not warm.steady
    assert warm.runs == 3
