"""Captures that were discarded a moment ago: their files are still there, and one more tap brings them back."""

from __future__ import annotations

import threading
import time

from edge.capture.visit import Captured

UNDO_S = 8.0  # for so long


class Discards:
    """Filled and emptied from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gone: dict[tuple[int, int], tuple[Captured, float]] = {}  # by visit and number: when it goes for good

    def add(self, visit: int, capture: Captured) -> None:
        """A capture was discarded."""
        with self._lock:
            self._gone[visit, capture.number] = capture, time.monotonic() + UNDO_S

    def take_back(self, visit: int, number: int) -> Captured | None:
        """It is not discarded any more; None where its time is over."""
        with self._lock:
            found = self._gone.pop((visit, number), None)
        return None if found is None else found[0]

    def of(self, visit: int) -> tuple[Captured, ...]:
        """Those of a visit that may come back."""
        with self._lock:
            return tuple(capture for (each, _), (capture, _) in sorted(self._gone.items()) if each == visit)

    def over(self, at_once: bool = False) -> list[tuple[int, int]]:
        """Visit and number of those that go for good, each told once: their time is over, or the visit ends."""
        now = time.monotonic()
        with self._lock:
            over = [place for place, (_, due) in self._gone.items() if at_once or due <= now]
            for place in over:
                del self._gone[place]
        return sorted(over)
