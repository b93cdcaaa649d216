"""PASS, FAIL or INCONCLUSIVE, and how often each is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.run.deadline import Deadline, burstiness, exact_interval, frames_to_pass, judge, overall
from benchmarks.run.latency import WarmUp
from benchmarks.run.scenarios import Run

ASKED = Deadline(33.0, 0.01)


def misses(frames: int, late: int) -> np.ndarray:
    """That many, evenly spaced."""
    found = np.zeros(frames, np.bool_)
    if late:
        found[np.linspace(0, frames - 1, late).astype(int)] = True
    return found


def camera_run(latency_ms: np.ndarray, overtaken: dict[int, int]) -> Run:
    """The run of a camera in which some frames overtook so many."""
    number = len(latency_ms)
    began, samples = np.arange(number) / 30, np.full((number, 4), 10.0)
    counts = np.bincount(list(overtaken), list(overtaken.values()), number).astype(np.int64)
    return Run("camera", samples, latency_ms, began, number / 30, WarmUp(40, True, 9.0), 30.0, counts)


@pytest.mark.parametrize(
    ("frames", "late", "answer"),
    [(1000, 0, "PASS"), (100, 0, "INCONCLUSIVE"), (1000, 10, "INCONCLUSIVE"), (1000, 40, "FAIL"), (20, 20, "FAIL")],
)
def test_the_interval_decides(frames: int, late: int, answer: str) -> None:
    found = judge(misses(frames, late), ASKED)
    assert (found.answer, found.missed, found.frames) == (answer, late, frames)
    assert found.low <= late / frames <= found.high
    assert (found.needed is None) == (answer != "INCONCLUSIVE" or late == 10)


def test_what_is_exactly_in_time_has_not_missed() -> None:
    assert not camera_run(np.full(1000, 33.0), {}).late(ASKED.ms).any()


def test_a_dropped_frame_has_missed() -> None:
    run = camera_run(np.array([10.0, 40.0, 10.0, 10.0]), {0: 1, 2: 2})
    assert run.dropped == 3
    assert run.late(ASKED.ms).tolist() == [True, False, True, True, True, False, False]
    each_second = camera_run(np.full(1000, 10.0), dict.fromkeys(range(0, 1000, 16), 1))
    found = judge(each_second.late(ASKED.ms), ASKED)
    assert (found.answer, found.missed, found.frames) == ("FAIL", 63, 1063)


def test_frames_that_one_stall_drops_tell_as_little_as_one() -> None:
    """Of 100,000 frames 72 missed, which is clearly less than one in a thousand by chance, but not in eight stalls."""
    stalls = dict.fromkeys(range(500, 90000, 12000), 8)
    latency_ms = np.full(100_000 - 8 * len(stalls), 10.0)
    latency_ms[[at - 1 for at in stalls]] = 300.0
    asked = Deadline(33.0, 0.001)
    found = judge(camera_run(latency_ms, stalls).late(asked.ms), asked)
    assert (found.answer, found.missed, found.frames) == ("INCONCLUSIVE", 72, 100_000)
    assert judge(misses(100_000, 72), asked).answer == "PASS"


def test_wrong_passes_are_rare_where_a_stall_takes_many_frames() -> None:
    rng, passed = np.random.default_rng(0), 0
    for _ in range(200):
        begins = np.flatnonzero(rng.random(8000) < 0.011 / 9)  # a little more than may miss
        late = np.zeros(8000, np.bool_)
        late[np.minimum(begins[:, None] + np.arange(9), 7999)] = True
        passed += exact_interval(float(late.mean()), 8000 / burstiness(late))[1] <= ASKED.miss
    assert passed <= 0.05 * 200


@pytest.mark.parametrize("miss", [0.1, 0.01, 0.001])
def test_a_run_without_a_miss_passes_from_so_many_frames_on(miss: float) -> None:
    enough = frames_to_pass(miss)
    assert judge(misses(enough, 0), Deadline(33.0, miss)).answer == "PASS"
    short = judge(misses(enough - 1, 0), Deadline(33.0, miss))
    assert short.answer == "INCONCLUSIVE"
    assert short.needed is not None
    assert short.needed >= enough


def test_misses_in_a_burst_tell_less() -> None:
    scattered, burst = misses(4000, 60), misses(4000, 0)
    burst[1000:1060] = True
    assert burstiness(scattered) == 1.0
    assert burstiness(burst) > 10
    assert judge(scattered, ASKED).answer == "FAIL"
    assert judge(burst, ASKED).answer == "INCONCLUSIVE"


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
    from scipy.stats import beta  # here, since it takes a second

    low, high = exact_interval(met / number, number)
    assert low == pytest.approx(beta.ppf(0.025, met, number - met + 1) if met else 0.0, rel=1e-7)
    assert high == pytest.approx(beta.ppf(0.975, met + 1, number - met) if met < number else 1.0, rel=1e-7)


def test_the_worst_scenario_answers_for_all() -> None:
    passed, open_, failed = (judge(misses(*each), ASKED) for each in ((1000, 0), (100, 0), (1000, 40)))
    assert overall([passed, passed]) == "PASS"
    assert overall([passed, open_]) == "INCONCLUSIVE"
    assert overall([open_, failed, passed]) == "FAIL"
