"""What people are told along the way, on a thread of its own: a terminal that stands still (Ctrl-S) holds nobody up."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_MOST = 1000  # of what waits; the newest is left out beyond that
_STILL_S = 5.0  # at the end a terminal may stand still so long


class Words:
    """Prints in the order given."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._busy = False
        self._moved = 0.0
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="words", daemon=True).start()

    def post(self, show: Callable[[], None]) -> None:
        """Print by what is given, as soon as may be; returns at once."""
        with self._changed:
            if len(self._waiting) < _MOST:
                self._waiting.append(show)
                self._changed.notify_all()

    def flush(self) -> bool:
        """Wait until all is printed; False where it stands still, so that even the interpreter's end would hang."""
        self._moved = time.monotonic()
        with self._changed:
            while self._waiting or self._busy:
                left = self._moved + _STILL_S - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                show, self._busy = self._waiting.popleft(), True
            try:
                show()
            finally:
                with self._changed:
                    self._busy, self._moved = False, time.monotonic()
                    self._changed.notify_all()
