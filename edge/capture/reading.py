"""The camera's thread: read, wait until a frame is due, leave it for whoever grades it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.camera.protocol import Camera, Frame
from edge.capture.mailbox import Mailbox
from edge.capture.pace import Pace
from edge.errors import EdgeError, first_line

_MOST_UNREAD = 30  # times in a row that a source says the same, and will say nothing else


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
    """Read a source to its end, and close it; what ends it before is left in the mailbox.

    Args:
        camera: where frames come from.
        mailbox: where they go.
        seen: called once per frame, passed over or not.
        limits: when to end before the source does.
        fast: keep no pace.
        ended: whether to end now.
        report: told one sentence per frame that could not be read.
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
    except Exception as error:  # the grading thread tells it
        failure = EdgeError(f"the source failed ({first_line(error).rstrip('.')}); start again, or try another source.")
        failure.__cause__ = error
        mailbox.close(failure)
    finally:
        camera.close()


def _frames(
    camera: Camera, limits: Limits, pace: Pace | None, ended: Callable[[], bool], report: Callable[[str], None]
) -> Iterator[Frame | None]:
    """The frames within the limits, None for one passed over; one that cannot be read is reported and left out."""
    last: float | None = None  # timestamp of the last frame within the limits
    given = in_a_row = 0
    said = ""
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
            in_a_row = in_a_row + 1 if str(problem) == said else 1
            if in_a_row == 1:
                said = str(problem)
                report(said)
            elif in_a_row == _MOST_UNREAD:  # a folder of broken files has a sentence for each
                raise
            continue
        said = ""
        if frame is not None:
            if last is None and limits.seconds is not None:
                last = frame.timestamp + limits.seconds - 1e-6
            if last is not None and frame.timestamp > last:
                return
        yield frame
        given += 1


def _wait_until(moment: float, ended: Callable[[], bool]) -> bool:
    """Sleep until a moment of ``time.monotonic``; False where the session ended meanwhile."""
    while not ended() and (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
    return not ended()
