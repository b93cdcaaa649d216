"""The verdict on a deadline, against SciPy's interval and on runs of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.run.deadline import deadline_verdict


def verdict(late: int, frames: int, dropped: int = 0, allowed: float = 0.001) -> str:
    times = np.where(np.arange(frames) < late, 40.0, 20.0)
    return deadline_verdict(times, dropped, 33.0, allowed).word


def test_none_late_passes_once_there_are_enough_frames() -> None:
    assert verdict(0, 3700) == "PASS"
    assert verdict(0, 3600) == "INCONCLUSIVE"


def test_many_late_fail_and_few_are_left_open() -> None:
    assert verdict(40, 4000) == "FAIL"
    assert verdict(4, 4000) == "INCONCLUSIVE"
    assert verdict(4, 4000, allowed=0.01) == "PASS"


def test_a_frame_that_was_overtaken_is_late() -> None:
    assert verdict(0, 4000, dropped=40) == "FAIL"
    found = deadline_verdict(np.full(10, 20.0), 5, 33.0, 0.5)
    assert (found.late, found.frames) == (5, 15)


def test_the_deadline_itself_is_in_time() -> None:
    assert deadline_verdict(np.array([33.0, 33.1]), 0, 33.0, 0.1).late == 1


@pytest.mark.parametrize(("late", "frames"), [(0, 50), (1, 50), (7, 50), (50, 50), (3, 4000), (2000, 4000)])
def test_the_interval_is_that_of_scipy(late: int, frames: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    wanted = stats.binomtest(late, frames).proportion_ci(0.95, "exact")
    found = deadline_verdict(np.where(np.arange(frames) < late, 40.0, 20.0), 0, 33.0, 0.1)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-6)
