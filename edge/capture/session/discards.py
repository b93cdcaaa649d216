"""Captures that were discarded a moment ago: their files are still there, and one more tap brings them back.

On disk they are marked, so that after a kill nothing of them is sent: see ``edge.capture.session.aside``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge.capture.retention.answers import remove_capture
from edge.capture.session.rooms import Room, Rooms
from edge.capture.visit import Captured
from edge.errors import reason_of

UNDO_S = 8.0  # for so long


class Discards:
    """Filled and emptied from any thread.

    Args:
        rooms: of the visits.
        warn: called with one sentence where files could not be removed.
    """

    def __init__(self, rooms: Rooms, warn: Callable[[str], None]) -> None:
        self._rooms, self._warn = rooms, warn
        self._lock = threading.Lock()
        self._gone: dict[tuple[int, int], tuple[Captured, float]] = {}  # by visit and number: when it goes for good

    def add(self, visit: int, capture: Captured) -> None:
        """A capture was discarded, of the visit of now."""
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

    def go(self, at_once: bool = False) -> bool:
        """Those go for good whose time is over, or all, as where the visit ends; whether there were any.

        It returns at once, and must be called with ``at_once`` before the next visit begins.
        """
        now = time.monotonic()
        with self._rooms.lock:
            with self._lock:
                over = sorted(place for place, (_, due) in self._gone.items() if at_once or due <= now)
                for place in over:
                    del self._gone[place]
            for visit, number in over:
                if (room := self._rooms.of(visit)) is not None:
                    room.session.discard(number)
                else:
                    threading.Thread(target=self._remove, args=(self._rooms.newest, number), name="discard").start()
        return bool(over)

    def _remove(self, room: Room, number: int) -> None:
        """Remove a capture of a visit that is over."""
        folder = room.session.folder
        try:
            remove_capture(folder, number)
        except OSError as error:
            self._warn(f"capture {number} in {folder} could not be removed ({reason_of(error)}): delete the visit.")
