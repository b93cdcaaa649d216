"""PASS, FAIL or INCONCLUSIVE, and how often each is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from benchmarks.run.deadline import Deadline, burstiness, exact_interval, frames_to_pass, judge, overall

ASKED = Deadline(33.0, 0.01)


def latencies(frames: int, late: int) -> np.ndarray:
    """That many late ones, evenly spaced."""
    found = np.full(frames, 10.0)
    if late:
        found[np.linspace(0, frames - 1, late).astype(int)] = 50.0
    return found


@pytest.mark.parametrize(
    ("frames", "late", "answer"),
    [(1000, 0, "PASS"), (100, 0, "INCONCLUSIVE"), (1000, 10, "INCONCLUSIVE"), (1000, 40, "FAIL"), (20, 20, "FAIL")],
)
def test_the_interval_decides(frames: int, late: int, answer: str) -> None:
    found = judge(latencies(frames, late), 0, ASKED)
    assert (found.answer, found.missed, found.frames) == (answer, late, frames)
    assert found.low <= late / frames <= found.high
    assert (found.needed is None) == (answer != "INCONCLUSIVE" or late == 10)


def test_what_is_exactly_in_time_has_not_missed() -> None:
    assert judge(np.full(1000, 33.0), 0, ASKED).missed == 0


def test_a_dropped_frame_has_missed() -> None:
    found = judge(latencies(1000, 0), 60, ASKED)
    assert (found.answer, found.missed, found.frames) == ("FAIL", 60, 1060)


@pytest.mark.parametrize("miss", [0.1, 0.01, 0.001])
def test_a_run_without_a_miss_passes_from_so_many_frames_on(miss: float) -> None:
    enough = frames_to_pass(miss)
    assert judge(np.full(enough, 1.0), 0, Deadline(33.0, miss)).answer == "PASS"
    short = judge(np.full(enough - 1, 1.0), 0, Deadline(33.0, miss))
    assert short.answer == "INCONCLUSIVE"
    assert short.needed is not None
    assert short.needed >= enough


def test_misses_in_a_burst_tell_less() -> None:
    scattered, burst = latencies(4000, 60), np.full(4000, 10.0)
    burst[1000:1060] = 50.0
    assert burstiness(scattered > 33.0) == 1.0
    assert burstiness(burst > 33.0) > 10
    assert judge(scattered, 0, ASKED).answer == "FAIL"
    assert judge(burst, 0, ASKED).answer == "INCONCLUSIVE"


def test_the_interval_holds_what_it_says() -> None:
    rng = np.random.default_rng(0)
    for share in (0.001, 0.01, 0.1):
        missed, times = np.unique(rng.binomial(4000, share, 2000), return_counts=True)
        ends = np.array([exact_interval(each / 4000, 4000) for each in missed])
        assert 0.95 <= times[(ends[:, 0] <= share) & (share <= ends[:, 1])].sum() / times.sum() <= 1


@pytest.mark.parametrize(
    ("met", "number"), [(0, 10), (1, 4000), (3, 4000), (500, 1000), (9999, 10000), (7, 7), (2.5, 90.0)]
)
def test_the_interval_is_scipys(met: float, number: float) -> None:
    low, high = exact_interval(met / number, number)
    assert low == pytest.approx(beta.ppf(0.025, met, number - met + 1) if met else 0.0, rel=1e-7)
    assert high == pytest.approx(beta.ppf(0.975, met + 1, number - met) if met < number else 1.0, rel=1e-7)


def test_the_worst_scenario_answers_for_all() -> None:
    passed, open_, failed = (judge(latencies(*each), 0, ASKED) for each in ((1000, 0), (100, 0), (1000, 40)))
    assert overall([passed, passed]) == "PASS"
    assert overall([passed, open_]) == "INCONCLUSIVE"
    assert overall([open_, failed, passed]) == "FAIL"
