"""The clock that a recording is played by."""

from __future__ import annotations

import time

BACKLOG_S = 0.5  # so late may a reader be before frames are passed over: ordinary jitter costs none
_LONGEST_GAP_S = 0.25  # so long are frames passed over before one is shown again


class Pace:
    """When the frames of a recording are due, and whether the reader is too late to read the next one.

    A reader that is a little late catches up at no more than twice the pace: a burst would only drop frames. One that
    is very late passes over frames until it is on time again. Where even that takes too long, the source is slower
    than its own pace, and its clock is set back.

    Attributes:
        behind: seconds that the clock has been set back so far.
        next_due: the timestamp that the next frame will have; None before the first one.
    """

    def __init__(self, fps: float) -> None:
        self._step = 1 / fps if fps > 0 else 0.0
        self._soonest = 0.0
        self._passing_since: float | None = None
        self.behind = 0.0
        self.next_due: float | None = None

    def passes_over(self) -> bool:
        """Whether the next frame is to be passed over rather than read; asked once per frame."""
        if self.next_due is None:
            return False
        now = time.monotonic()
        late = now - self.next_due - self.behind
        if self._passing_since is None and late > BACKLOG_S:
            self._passing_since = now
        if self._passing_since is None or late < self._step:  # its successor is not due yet
            self._passing_since = None
            return False
        if now - self._passing_since > _LONGEST_GAP_S:
            self._passing_since = None
            self.behind += late
            return False
        self.next_due += self._step
        return True

    def due(self, timestamp: float) -> float:
        """When to show a frame that was just read."""
        self.next_due = timestamp + self._step
        return max(timestamp + self.behind, self._soonest)

    def shown(self) -> None:
        """The frame was shown just now."""
        self._soonest = time.monotonic() + self._step / 2
