"""The camera's thread: read a frame, wait until it is due, pass it to the grading thread."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.camera.protocol import Camera, Frame
from edge.capture.mailbox import Mailbox
from edge.errors import EdgeError, first_line

BACKLOG_S = 0.5  # a reader that is later than this skips frames: ordinary jitter costs none
_LONGEST_GAP_S = 0.25  # frames are skipped for at most so long before one is shown again
_MOST_UNREAD = 30  # times in a row that a source repeats one error before it counts as failed


@dataclass(frozen=True)
class Limits:
    """When to end before the source does."""

    frames: int | None = None
    seconds: float | None = None  # of the source's own time


NO_LIMITS = Limits()


def read_all(
    camera: Camera,
    mailbox: Mailbox,
    seen: Callable[[], None],
    limits: Limits,
    fast: bool,
    ended: Callable[[], bool],
    report: Callable[[str], None],
) -> None:
    """Read a source to its end, and close it; an error that ends it is passed on through the mailbox.

    Args:
        camera: where frames come from.
        mailbox: where they go.
        seen: called once per frame, skipped or not.
        limits: when to end before the source does.
        fast: read as fast as possible.
        ended: whether to end now.
        report: called with one sentence per frame that could not be read.
    """
    pace = None if camera.live or fast else Pace(camera.fps)
    try:
        for frame in _frames(camera, limits, pace, ended, report):
            if frame is not None and pace is not None and not _wait_until(pace.due(frame.timestamp), ended):
                break
            seen()
            if frame is None:
                mailbox.drop()
            elif pace is None:
                mailbox.put(frame, wait=not camera.live)
            else:
                pace.shown()
                mailbox.put(dataclasses.replace(frame, behind=pace.behind), wait=False)
        mailbox.close()
    except Exception as error:  # the grading thread reports it
        failure = EdgeError(f"the source failed ({first_line(error).rstrip('.')}); start again, or try another source.")
        failure.__cause__ = error
        mailbox.close(failure)
    finally:
        camera.close()


def _frames(
    camera: Camera, limits: Limits, pace: Pace | None, ended: Callable[[], bool], report: Callable[[str], None]
) -> Iterator[Frame | None]:
    """The frames within the limits, None for a skipped one; one that cannot be read is reported and left out."""
    last: float | None = None  # timestamp of the last frame within the limits
    given = in_a_row = 0
    reported = ""
    while not ended() and (limits.frames is None or given < limits.frames):
        due = pace.next_due if pace is not None else None
        if due is not None and last is not None and due > last:
            return
        frame = None
        try:
            if pace is not None and pace.passes_over():
                if not camera.skip():
                    return
            elif (frame := camera.read()) is None:
                return
        except EdgeError as problem:
            in_a_row = in_a_row + 1 if str(problem) == reported else 1
            if in_a_row == 1:
                reported = str(problem)
                report(reported)
            elif in_a_row == _MOST_UNREAD:  # a folder of broken files has another error for each
                raise
            continue
        reported = ""
        if frame is not None:
            if last is None and limits.seconds is not None:
                last = frame.timestamp + limits.seconds - 1e-6
            if last is not None and frame.timestamp > last:
                return
        yield frame
        given += 1


def _wait_until(moment: float, ended: Callable[[], bool]) -> bool:
    """Sleep until a time of ``time.monotonic``; False if the session ended in the meantime."""
    while not ended() and (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
    return not ended()


class Pace:
    """When the frames of a recording are due, and whether the reader is too late to read the next one.

    A reader that is a little late catches up at no more than twice the frame rate: a burst would only drop frames. One
    that is very late skips frames until it is on time again. If even that takes too long, the source cannot be read in
    real time, and its clock is set back.

    Attributes:
        behind: seconds that the clock has been set back so far.
        next_due: the timestamp of the next frame; None before the first one.
    """

    def __init__(self, fps: float) -> None:
        self._step = 1 / fps if fps > 0 else 0.0
        self._soonest = 0.0
        self._passing_since: float | None = None
        self.behind = 0.0
        self.next_due: float | None = None

    def passes_over(self) -> bool:
        """Whether to skip the next frame instead of reading it; called once per frame."""
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
