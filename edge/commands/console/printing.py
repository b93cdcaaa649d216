"""Lines of a session, printed by a thread of their own: a reader that is slow, stops or leaves delays nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_LIVE = 256  # lines of frames that wait: eight seconds at 30 fps
_MOST_MISSED = 10_000  # dropped lines whose frame may still be kept: far more than a capture goes back
_STILL_S = 2.0  # how long a reader may stand still at the end, before live lines are dropped
_LAST_S = 30.0  # how long it has at the end for all the others


class Printing:
    """Prints lines in their order. Where they are not read, the oldest live ones are dropped, and no others.

    Attributes:
        dropped: lines that were dropped and not printed later: live ones, and at the end all that were not read.
        lost: how many of them belonged to kept frames.
        ended: why nothing is printed any more; None as long as there is a reader.
    """

    def __init__(self, on_failure: Callable[[OSError], None]) -> None:
        """Start.

        Args:
            on_failure: called once, by the printing thread, where printing ends early.
        """
        self.dropped = self.lost = 0
        self.ended: OSError | None = None
        self._on_failure = on_failure
        self._lines: OrderedDict[int, tuple[int | None, str]] = OrderedDict()  # by number, with the frame of a live one
        self._live: dict[int, int] = {}  # frame -> number of its line, as long as that may be dropped
        self._missed: OrderedDict[int, None] = OrderedDict()  # frames whose lines were dropped
        self._number = 0
        self._moved = time.monotonic()  # when a line was last taken
        self._closing = self._stopped = False
        self._keeping = False  # the line that is being printed may not be dropped
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="printing", daemon=True)
        self._thread.start()

    def live(self, index: int, line: str) -> None:
        """A frame's line; it may be dropped."""
        with self._changed:
            self._append(index, line)
            if len(self._live) > _MOST_LIVE:
                oldest = next(iter(self._live))
                del self._lines[self._live.pop(oldest)]
                self.dropped += 1
                self._missed[oldest] = None
                if len(self._missed) > _MOST_MISSED:
                    self._missed.popitem(last=False)

    def keep(self, line: str) -> None:
        """A line that is never dropped."""
        with self._changed:
            self._append(None, line)

    def kept(self, index: int, line: str) -> None:
        """A frame was kept: its line is printed even if it was dropped, and can no longer be dropped."""
        with self._changed:
            if index in self._missed:
                del self._missed[index]
                self.dropped -= 1
                self._append(None, line)
            else:
                self._live.pop(index, None)

    def close(self) -> None:
        """Wait until everything is read; where a reader stands still (or its pipe is full), only for kept frames."""
        with self._changed:
            self._closing = True
            self._moved = time.monotonic()
            self._changed.notify_all()
        end = time.monotonic() + _LAST_S
        while self._thread.is_alive() and time.monotonic() < end:
            if time.monotonic() > self._moved + _STILL_S and not self._drop_live():
                break
            self._thread.join(0.05)
        with self._changed:
            self._stopped = True
            self._drop_live()
            self.lost = len(self._lines)
            self.dropped += self.lost
            self._lines.clear()
        self._thread.join(_STILL_S)  # the line in progress is complete by now, or given up

    def _drop_live(self) -> bool:
        """Drop live lines; whether others are left, or one of them is being printed."""
        with self._changed:
            for number in self._live.values():
                del self._lines[number]
            self.dropped += len(self._live)
            self._live.clear()
            return bool(self._lines) or self._keeping

    def _append(self, index: int | None, line: str) -> None:
        if self.ended is not None or self._stopped:
            return
        self._number += 1
        self._lines[self._number] = index, line
        if index is not None:
            self._live[index] = self._number
        self._changed.notify_all()

    def _work(self) -> None:
        try:
            while (line := self._next()) is not None:
                whole = _print(line, lambda: self._stopped)
                self._moved = time.monotonic()
                with self._changed:
                    self.dropped += not whole
        except OSError as error:
            with self._changed:
                self.ended = error
                self._lines.clear()
                self._live.clear()
            self._on_failure(error)

    def _next(self) -> str | None:
        """Wait for a line; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closing)
            if not self._lines:
                return None
            _, (frame, line) = self._lines.popitem(last=False)
            self._keeping = frame is None or self._live.pop(frame, None) is None
            return line


def _print(line: str, given_up: Callable[[], bool]) -> bool:
    """Print a line; False where that was given up.

    This bypasses Python's own buffer: at exit, a thread that blocks in there cannot be abandoned.
    """
    if sys.stdout is None:
        return True
    try:
        descriptor = sys.stdout.fileno()
    except (io.UnsupportedOperation, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        return True
    rest = memoryview(f"{line}\n".encode())
    while rest:
        if not _is_ready(descriptor):
            if given_up():
                return False
            continue
        with contextlib.suppress(BlockingIOError):
            rest = rest[os.write(descriptor, rest) :]
    return True


def _is_ready(descriptor: int) -> bool:
    """Whether the next write would not have to wait, or would fail."""
    if not hasattr(select, "poll"):
        return True
    asked = select.poll()
    asked.register(descriptor, select.POLLOUT)
    return bool(asked.poll(100))
