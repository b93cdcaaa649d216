"""Lines of a session on a thread of its own: a reader that is slow, stands still or leaves holds nobody up."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

_MOST_LIVE = 256  # lines of frames that wait: eight seconds at 30 fps
_MOST_MISSED = 10_000  # dropped ones that may still turn out to be of a kept frame: far more than a capture goes back
_STILL_S = 2.0  # at the end a reader may stand still so long: then live lines are dropped,
_LAST_S = 30.0  # and for the others it has so long in all


class Printing:
    """Prints lines in their order. Where they are not read, the oldest live ones are dropped, and no others.

    Attributes:
        dropped: lines that were dropped, and not printed later: live ones, and at the end all that nobody took.
        lost: how many of them were of what was kept.
        ended: why nothing is printed any more; None as long as somebody reads.
    """

    def __init__(self, told: Callable[[OSError], None]) -> None:
        """Start.

        Args:
            told: told once, from the printing thread, that printing has ended before its time.
        """
        self.dropped = self.lost = 0
        self.ended: OSError | None = None
        self._told = told
        self._lines: OrderedDict[int, tuple[int | None, str]] = OrderedDict()  # by number, with the frame of a live one
        self._live: deque[int] = deque()  # numbers of live lines
        self._missed: OrderedDict[int, None] = OrderedDict()  # frames whose lines were dropped
        self._number = 0
        self._moved = time.monotonic()  # when a line was last taken
        self._closing = self._stopped = False
        self._keeping = False  # the line that is being printed is one that is never dropped
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="printing", daemon=True)
        self._thread.start()

    def live(self, index: int, line: str) -> None:
        """A frame's line; it may be dropped."""
        with self._changed:
            self._append(index, line)
            if len(self._live) > _MOST_LIVE:
                frame, _ = self._lines.pop(self._live.popleft())
                self.dropped += 1
                if frame is not None:
                    self._missed[frame] = None
                if len(self._missed) > _MOST_MISSED:
                    self._missed.popitem(last=False)

    def keep(self, line: str) -> None:
        """A line that is never dropped."""
        with self._changed:
            self._append(None, line)

    def kept(self, index: int, line: str) -> None:
        """A frame was kept: its line is printed after all, if it was dropped, and is not dropped any more."""
        with self._changed:
            if index in self._missed:
                del self._missed[index]
                self.dropped -= 1
                self._append(None, line)
            else:
                with contextlib.suppress(StopIteration):
                    self._live.remove(next(each for each in self._live if self._lines[each][0] == index))

    def close(self) -> None:
        """Wait until all is read, and for a reader that stands still (a full pipe looks so) for what was kept."""
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
        self._thread.join(_STILL_S)  # what it had begun is whole by now, or given up

    def _drop_live(self) -> bool:
        """Whether something is left: lines that are never dropped, or one of them in the making."""
        with self._changed:
            for number in self._live:
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
            self._live.append(self._number)
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
            self._told(error)

    def _next(self) -> str | None:
        """Wait for a line; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closing)
            if not self._lines:
                return None
            number, (frame, line) = self._lines.popitem(last=False)
            self._keeping = frame is None or number not in self._live
            if self._live and self._live[0] == number:
                self._live.popleft()
            return line


def _print(line: str, given_up: Callable[[], bool]) -> bool:
    """Print a line; False where that was given up.

    Past Python's own buffer: a thread that stands in there cannot be left behind at the end.
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
