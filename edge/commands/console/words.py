"""Messages to the user, printed by a thread of their own: a stopped terminal (Ctrl-S) delays nothing else."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable

_MOST = 1000  # waiting messages; newer ones are dropped beyond that
_STILL_S = 5.0  # how long a terminal may take nothing at the end


class Words:
    """Prints in the order given."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Callable[[], None]] = queue.Queue(_MOST)
        self._moved = 0.0
        threading.Thread(target=self._work, name="words", daemon=True).start()

    def post(self, show: Callable[[], None]) -> None:
        """Print by calling ``show`` as soon as possible; returns at once."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(show)

    def flush(self) -> bool:
        """Wait until everything is printed; False where the terminal stands still: exiting Python would hang too."""
        self._moved = time.monotonic()
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks:
                left = self._moved + _STILL_S - time.monotonic()
                if left <= 0:
                    return False
                self._waiting.all_tasks_done.wait(left)
        return True

    def _work(self) -> None:
        while True:
            show = self._waiting.get()
            try:
                show()
            finally:
                self._moved = time.monotonic()
                self._waiting.task_done()
