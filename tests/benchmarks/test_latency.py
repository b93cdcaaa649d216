from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import latency
from benchmarks.latency import STAGES, is_steady, measure, runs_needed, summarise, throughput, warm_up
from edge import Assessment, Timings

FRAME = np.zeros((32, 32, 3), np.uint8)


def assessment(timings: Timings) -> Assessment:
    empty = np.zeros((2, 2), np.float32)
    return Assessment(1.0, "good", empty, empty == 0, None, timings)


def grade(frame: NDArray[np.uint8]) -> Assessment:
    time.sleep(0.0005)
    return assessment(Timings(0.2, 0.1, 0.05))


@pytest.mark.parametrize("runs", [300, 301, 1000])
def test_percentiles_are_numpys(runs: int) -> None:
    samples = np.random.default_rng(runs).gamma(2.0, 3.0, runs)
    summary = summarise(samples)
    expected = np.percentile(samples, [50, 90, 99])
    np.testing.assert_allclose([summary.p50_ms, summary.p90_ms, summary.p99_ms], expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(("runs", "claimed"), [(5, 0), (6, 1), (29, 1), (30, 2), (299, 2), (300, 3)])
def test_only_percentiles_with_enough_runs_are_claimed(runs: int, claimed: int) -> None:
    summary = summarise(np.ones(runs))
    assert [summary.p50_ms, summary.p90_ms, summary.p99_ms] == [1.0] * claimed + [None] * (3 - claimed)
    assert [runs_needed(p) for p in (50, 90, 99)] == [6, 30, 300]


def test_throughput_counts_frames_by_time_spent() -> None:
    assert throughput(np.array([5.0, 15.0])) == pytest.approx(100.0)


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


def test_warm_up_of_a_slow_model_ends_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "MOST_WARM_UP_S", 0.05)

    def slow(index: int) -> float:
        time.sleep(0.02)
        return 20.0

    warm = warm_up(slow)
    assert not warm.steady
    assert 1 <= warm.runs <= 3


def test_measure_keeps_the_models_stages_and_its_own_clock() -> None:
    ticks: list[int] = []
    measured = measure(grade, [FRAME], 12, ticks.append)
    assert measured.samples_ms.shape == (12, len(STAGES))
    assert not measured.interrupted
    assert ticks == list(range(1, 13))
    np.testing.assert_array_equal(measured.stage("frame_step"), 0.2)
    np.testing.assert_array_equal(measured.stage("inference"), 0.1)
    np.testing.assert_array_equal(measured.stage("post"), 0.05)
    assert (measured.stage("end_to_end") >= 0.5).all()


def test_frames_take_turns() -> None:
    seen: list[int] = []

    def remember(frame: NDArray[np.uint8]) -> Assessment:
        seen.append(int(frame[0, 0, 0]))
        return grade(frame)

    measure(remember, [FRAME, FRAME + np.uint8(1), FRAME + np.uint8(2)], 7)
    assert seen[-7:] == [0, 1, 2, 0, 1, 2, 0]


def test_ctrl_c_keeps_what_was_measured() -> None:
    def stop(done: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    measured = measure(grade, [FRAME], 50, stop)
    assert measured.interrupted
    assert len(measured.samples_ms) == 9


def test_ctrl_c_before_the_first_run_is_passed_on() -> None:
    def interrupted(frame: NDArray[np.uint8]) -> Assessment:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(interrupted, [FRAME], 5)
