"""``session.jsonl`` while it grows: lines wait in memory as long as the disk takes none."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

from edge.capture.session.storage import LineFile

_MOST_LINES = 100_000  # that wait; the oldest are given up beyond


class WaitingLines:
    """Lines may be added from any thread; one thread saves them."""

    def __init__(self, path: Path) -> None:
        self._file = LineFile(path)
        self._waiting: deque[str] = deque(maxlen=_MOST_LINES)
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        with self._lock:
            self._waiting.append(line)

    def save(self) -> None:
        """Write what waits.

        Raises:
            OSError: the disk takes it not; it waits on.
        """
        with self._lock:
            lines, self._waiting = self._waiting, deque(maxlen=_MOST_LINES)
        if not lines:
            return
        try:
            self._file.append(lines)
        except BaseException:
            with self._lock:
                self._waiting = deque([*lines, *self._waiting], maxlen=_MOST_LINES)
            raise

    def close(self) -> None:
        self._file.close()
