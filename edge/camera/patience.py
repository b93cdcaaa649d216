"""How long a live source may deliver nothing before it counts as lost: adapted to its frame rate."""

from __future__ import annotations

import time

STALL_S = 1.0  # at least: an ordinary camera that hangs is noticed within a second
_LONGEST_S = 10.0
_LEARNING = 5  # stalls: frames that were buffered before opening say nothing about the frame rate
_FRAMES = 3.0  # missing in a row
_WINDOW_S = 10.0  # gaps older than two of these are ignored


class Patience:
    """Measures how regularly the frames of one connection arrive.

    Convertible to float, because PyAV reads its timeout so before it waits for a packet.
    """

    def __init__(self, stall_s: float = STALL_S) -> None:
        self._stall_s = stall_s
        self._first: float | None = None
        self._last = self._window = 0.0
        self._before = self._now = 0.0  # the longest time between two frames, in the last window and in this one

    def came(self) -> None:
        """A frame arrived just now, damaged or not."""
        now = time.monotonic()
        if self._first is None:
            self._first = self._window = now
        else:
            if now - self._window > _WINDOW_S:
                self._before, self._now, self._window = self._now, 0.0, now
            self._now = max(self._now, now - self._last)
        self._last = now

    @property
    def lasted_s(self) -> float:
        """From the first frame to the last one."""
        return 0.0 if self._first is None else self._last - self._first

    @property
    def seconds(self) -> float:
        """How long to wait for the next frame."""
        if self.lasted_s < _LEARNING * self._stall_s:
            return _LEARNING * self._stall_s
        slow = min(_LONGEST_S, _FRAMES * max(self._before, self._now))
        return max(self._stall_s, slow)

    def __float__(self) -> float:
        return self.seconds
