from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.report.summary import scenario_result
from benchmarks.run.latency import STAGES, summarise
from benchmarks.run.scenarios import Limit, Run, camera, offline, single_stream
from edge import Assessment, EdgeError, Timings

FRAME = np.zeros((32, 32, 3), np.uint8)
Grade = Callable[[NDArray[np.uint8]], Assessment]


class Clock(Protocol):
    """That of conftest.py, which advances only in sleep."""

    looks: int

    def sleep(self, seconds: float) -> None: ...


def assessment() -> Assessment:
    empty = np.zeros((2, 2), np.float32)
    return Assessment(1.0, "good", empty, empty == 0, None, Timings(0.2, 0.1, 0.05))


def sleeper(clock: Clock, milliseconds: float) -> Grade:
    def grade(frame: NDArray[np.uint8]) -> Assessment:
        clock.sleep(milliseconds / 1000)
        return assessment()

    return grade


def stalling(clock: Clock, every: int, stall_ms: float) -> Grade:
    """An engine that is quick but for every n-th call."""
    calls = itertools.count(1)

    def grade(frame: NDArray[np.uint8]) -> Assessment:
        if next(calls) % every == 0:
            clock.sleep(stall_ms / 1000)
        return assessment()

    return grade


def failing(after: int, error: BaseException) -> Grade:
    calls = itertools.count(1)

    def grade(frame: NDArray[np.uint8]) -> Assessment:
        if next(calls) > after:
            raise error
        return assessment()

    return grade


SCENARIOS: dict[str, Callable[[Grade, Limit], Run]] = {
    "single_stream": lambda grade, limit: single_stream(grade, [FRAME], limit),
    "offline": lambda grade, limit: offline(grade, [FRAME], limit, 2),
    "camera": lambda grade, limit: camera(grade, [FRAME], 500.0, limit),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_keeps_stages_order_and_clock(clock: Clock, name: str) -> None:
    run = SCENARIOS[name](sleeper(clock, 0.5), Limit(runs=40))
    assert run.scenario == name
    assert run.samples_ms.shape == (40, len(STAGES))
    np.testing.assert_array_equal(run.stage("frame_step"), 0.2)
    assert (run.stage("end_to_end") >= 0.5).all()
    assert (run.latency_ms >= run.stage("end_to_end") - 1e-3).all()
    assert run.started_s[0] == 0
    assert (np.diff(run.started_s) >= 0).all()
    assert run.seconds >= run.started_s[-1]
    assert not run.interrupted


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_run_can_end_by_the_clock(clock: Clock, name: str) -> None:
    run = SCENARIOS[name](sleeper(clock, 1), Limit(seconds=0.2))
    assert run.seconds == pytest.approx(0.2, abs=0.003)  # but for the frames at hand


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_model_that_fails_in_the_middle_keeps_what_was_measured(name: str) -> None:
    run = SCENARIOS[name](failing(450, EdgeError("device lost")), Limit(runs=100_000))  # a warm-up takes 400 at most
    assert run.failure == "device lost"
    assert 1 <= len(run.latency_ms) <= 451
    assert scenario_result(run, ()).interrupted


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_model_that_fails_at_once_is_an_error(name: str) -> None:
    with pytest.raises(EdgeError, match="device lost"):
        SCENARIOS[name](failing(3, EdgeError("device lost")), Limit(runs=50))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("name", ["single_stream", "camera"])
def test_ctrl_c_keeps_what_was_measured(name: str) -> None:
    run = SCENARIOS[name](failing(450, KeyboardInterrupt()), Limit(runs=100_000))
    assert run.interrupted
    assert run.failure is None
    assert len(run.latency_ms) >= 1


def test_frames_take_turns() -> None:
    seen: list[int] = []

    def remember(frame: NDArray[np.uint8]) -> Assessment:
        seen.append(int(frame[0, 0, 0]))
        return assessment()

    single_stream(remember, [FRAME, FRAME + np.uint8(1), FRAME + np.uint8(2)], Limit(runs=7))
    assert seen[-7:] == [0, 1, 2, 0, 1, 2, 0]


def test_a_camera_counts_from_the_arrival_and_drops_to_the_newest(clock: Clock) -> None:
    run = camera(sleeper(clock, 25), [FRAME], 100.0, Limit(runs=30))
    # 25 ms of work and a frame every 10: of five frames three are overtaken, and those graded have waited 0 to 10 ms.
    assert run.dropped >= 0.9 * 1.5 * 30
    assert np.median(run.stage("end_to_end")) >= 25
    assert np.median(run.latency_ms) > np.median(run.stage("end_to_end")) + 1
    # All that arrived until the last was taken were graded or dropped.
    assert run.dropped + 30 == pytest.approx(1 + run.started_s[-1] * 100, abs=1.5)


def test_a_stall_makes_the_frames_behind_it_late_too(clock: Clock) -> None:
    """No coordinated omission: the stall of one call is the wait of the next ones."""
    grade = stalling(clock, 50, 50)  # a frame every 20 ms, a stall of two and a half
    run = camera(grade, [FRAME], 50.0, Limit(runs=150))
    stalls = int((run.latency_ms > 48).sum())
    assert stalls >= 2
    assert (run.latency_ms > 6).sum() >= 2 * stalls - 1  # the last frame has nobody behind it
    assert run.dropped >= stalls - 1


@pytest.mark.parametrize("name", ["camera", "single_stream"])
def test_five_milliseconds_every_hundred_frames_show_in_p99_and_timeline(clock: Clock, name: str) -> None:
    run = SCENARIOS[name](stalling(clock, 100, 5), Limit(runs=300))
    p99 = summarise(run.latency_ms).p99_ms
    assert p99 is not None
    assert p99 >= 5
    result = scenario_result(run, ())
    assert sum(ms >= 5 for ms in result.latency_ms) >= 3
    assert len([ms for _, ms in result.slowest if ms >= 5]) >= 3


def test_offline_grades_as_many_at_once_as_it_may() -> None:
    together, most, lock = 0, 0, threading.Lock()
    main, met, all_here = threading.current_thread(), set(), threading.Barrier(3)

    def grade(frame: NDArray[np.uint8]) -> Assessment:
        nonlocal together, most
        here = threading.current_thread()
        with lock:
            together += 1
            most = max(most, together)
            first = here is not main and here not in met
            met.add(here)
        if first:  # each waits for the others once, which only works where all are at it at once
            all_here.wait(60)
        with lock:
            together -= 1
        return assessment()

    run = offline(grade, [FRAME], Limit(runs=60), 3)
    assert most == 3
    assert len(run.latency_ms) == 60
    assert scenario_result(run, ()).throughput_fps == pytest.approx(60 / run.seconds, rel=0.05)


def test_ends_of_a_soak_are_compared(clock: Clock) -> None:
    slower = itertools.count()

    def grade(frame: NDArray[np.uint8]) -> Assessment:
        clock.sleep(0.001 if next(slower) < 500 else 0.004)
        return assessment()

    soak = scenario_result(single_stream(grade, [FRAME], Limit(seconds=1.5)), (), soak=True).soak
    assert soak is not None
    assert soak.first.p50_ms is not None
    assert soak.last.p50_ms is not None
    assert soak.last.p50_ms > 1.5 * soak.first.p50_ms


def test_the_harness_does_little_for_a_frame(clock: Clock) -> None:
    """Counted, not timed: what it calls and how often it looks at the clock, beside the call that it measures."""
    done = assessment()

    def grade(frame: NDArray[np.uint8]) -> Assessment:
        return done

    def work(runs: int) -> tuple[int, int]:
        calls, looks = 0, clock.looks

        def count(_frame: object, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            single_stream(grade, [FRAME], Limit(runs=runs))
        finally:
            sys.setprofile(None)
        return calls, clock.looks - looks

    (calls_few, looks_few), (calls_many, looks_many) = work(500), work(1500)
    assert (looks_many - looks_few) / 1000 <= 3
    assert (calls_many - calls_few) / 1000 <= 24
