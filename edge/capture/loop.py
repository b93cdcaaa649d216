"""The streaming loop: a thread reads the camera, the caller's thread grades the newest frame."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np

from edge.camera.protocol import Camera, Frame
from edge.capture.guided import GuidedSession
from edge.capture.mailbox import Mailbox
from edge.capture.reading import NO_LIMITS, Limits, read_all
from edge.capture.visit import Step
from edge.errors import EdgeError, EngineError, MisfitError, first_line

_KEPT_LATENCIES = 20_000  # about ten minutes at 30 fps: memory must not grow in a day-long session
_MOST_UNGRADED = 30  # frames in a row that fail in our own code: a second of video, then the session ends
_GOODBYE_S = 2.0  # a camera that hangs in its driver is abandoned after this


@dataclass
class Counts:
    """What happened to the frames of one session: seen = graded + dropped, once the loop has ended normally.

    Dropped frames were replaced by a newer one, skipped, or could not be graded.
    """

    seen: int = 0
    graded: int = 0
    dropped: int = 0
    missed: int = 0  # lost before they could be read: in the camera or on the way
    lost: int = 0  # times that a camera was lost
    seconds: float = 0.0  # from the first assessment to the last
    source_seconds: float = 0.0  # the same on the source's own clock
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_LATENCIES))

    @property
    def fps(self) -> float:
        """Frames graded per second."""
        return (self.graded - 1) / self.seconds if self.seconds > 0 else 0.0

    def latency(self, percentile: float) -> float:
        """Milliseconds, over the last 20,000 frames; 0.0 before the first."""
        return float(np.percentile(list(self.latencies_ms), percentile)) if self.latencies_ms else 0.0


def grade_stream(
    camera: Camera,
    session: GuidedSession,
    counts: Counts,
    *,
    limits: Limits = NO_LIMITS,
    fast: bool = False,
    stop: threading.Event,
    report: Callable[[str], None],
    beat: Callable[[], None] = lambda: None,
) -> Generator[Step, None, None]:
    """Grade a source at its own pace, dropping to the newest frame when late; closes the camera.

    Args:
        camera: where frames come from.
        session: what looks at them; it stays open.
        counts: filled along the way.
        limits: when to end before the source does.
        fast: grade every frame of a recording as fast as possible; a live camera keeps its pace.
        stop: set from outside to end the stream after the current frame.
        report: called with one sentence per frame that could not be read.
        beat: called before every frame, and a few times a second while there is none: the grading thread is alive.

    Raises:
        EngineError: the engine failed.
        EdgeError: the camera failed, or too many frames in a row could not be graded.
    """
    every = fast and not camera.live
    mailbox = Mailbox()
    halt = threading.Event()  # set when grading has ended, for whatever reason

    def ended() -> bool:
        return stop.is_set() or halt.is_set()

    def seen() -> None:
        counts.seen += 1

    reader = threading.Thread(
        target=read_all, args=(camera, mailbox, seen, limits, fast, ended, report), name="camera", daemon=True
    )
    first, began, t = None, 0.0, 0.0
    try:
        session.warm_up()  # before the clock of the source starts
        looking = _Looking(session, report)
        reader.start()
        while not stop.is_set() and (frame := mailbox.take(stop, beat)) is not None:
            beat()
            taken = time.monotonic()
            first = frame.timestamp if first is None else first
            due = taken if every else frame.timestamp + frame.behind
            t = max(t, frame.timestamp - first)  # the clock of a camera may jump back
            step = looking.step(frame, t, due)
            if step is None:
                mailbox.drop()
                continue
            done = time.monotonic()
            began = began or done
            counts.graded += 1
            counts.dropped = mailbox.dropped
            counts.seconds = done - began
            counts.source_seconds = t
            counts.latencies_ms.append(step.graded.latency_ms)
            yield step
    finally:
        halt.set()
        mailbox.close()
        if reader.ident is None or camera.live:  # it never ran, or may be reconnecting to a lost camera
            camera.close()
        if reader.ident is not None:
            reader.join(_GOODBYE_S)
        counts.dropped = mailbox.dropped


class _Looking:
    """Looks at one frame after another, and skips one that fails in our own code: the next may be fine."""

    def __init__(self, session: GuidedSession, report: Callable[[str], None]) -> None:
        self._session, self._report = session, report
        self._in_a_row = 0
        self._reported: set[str] = set()

    def step(self, frame: Frame, t: float, due: float) -> Step | None:
        """What the session says of a frame; None if it could not be graded, which is reported.

        Raises:
            EngineError: the engine failed.
            MisfitError: the field that was given does not fit.
            EdgeError: no frame can be graded any more.
        """
        try:
            step = self._session.update_frame(frame, t, due)
        except (EngineError, MisfitError):
            raise
        except EdgeError as error:
            self._in_a_row += 1
            reason = first_line(error.__cause__ or error)
            if self._in_a_row == _MOST_UNGRADED:
                raise EdgeError(
                    f"{_MOST_UNGRADED} frames in a row could not be graded (the last one: {reason.rstrip('.')}); "
                    "try another source, or report it."
                ) from error
            if reason not in self._reported:  # the same for every frame is reported once
                self._reported.add(reason)
                self._report(f"frame {frame.index} is left out: {reason}")
            return None
        self._in_a_row = 0
        return step
