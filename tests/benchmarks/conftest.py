from __future__ import annotations

import functools
import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.roofline import cores
from benchmarks.run import frames, latency, scenarios
from calibration import timing
from edge.phantom import phantom_frame

_drawn = functools.cache(phantom_frame)


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], NDArray[np.uint8]]:
    """The real synthetic eyes, each drawn once for all tests: drawing takes longer than grading a hundred times."""
    monkeypatch.setattr(frames, "phantom_frame", _drawn)
    return _drawn


@pytest.fixture(autouse=True)
def seven_zip(monkeypatch: pytest.MonkeyPatch) -> str:
    """What takes the place of 7-Zip where a test writes it: its benchmark would take half a minute each time."""
    monkeypatch.setattr(cores, "_PROGRAMS", ("7zz-of-a-test",))
    return "7zz-of-a-test"


class Clock:
    """Time that passes only in sleep, and by a nanosecond with every look: a busy machine does not disturb it."""

    def __init__(self) -> None:
        self._ns = 0
        self._lock = threading.Lock()
        self.looks = 0

    def perf_counter_ns(self) -> int:
        with self._lock:
            self._ns += 1
            self.looks += 1
            return self._ns

    def perf_counter(self) -> float:
        return self.perf_counter_ns() / 1e9

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._ns += round(seconds * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of everything that measures."""
    made = Clock()
    for module in (latency, scenarios, timing):
        monkeypatch.setattr(module, "time", made)
    return made
