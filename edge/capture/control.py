"""What the operator may do to a session between two frames, from any thread."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator

from edge.capture.looker import Looker
from edge.capture.register import Register
from edge.capture.shutter import Shutter
from edge.capture.trigger import Strictness
from edge.capture.visit import Captured, Visit
from edge.errors import EdgeError
from edge.findings.eye import Eye


class Control:
    """The buttons of a session: capture now, next patient, which eye. See ``GuidedSession``.

    Attributes:
        asked: set from anywhere, such as a signal handler, to capture now.
    """

    def __init__(self, looker: Looker, shutter: Shutter, register: Register) -> None:
        self._looker, self._shutter, self._register = looker, shutter, register
        self.asked = shutter.asked
        self._lock = threading.RLock()  # ``warn`` may call the session
        self._closed = False
        self._last = -math.inf  # time of the last frame

    @property
    def visit(self) -> Visit:
        """What was captured of the patient of now."""
        return self._register.visit

    @property
    def stays(self) -> bool:
        """Whether the eye before the camera may still be that of the last patient."""
        return self._looker.stays

    def capture_now(self) -> None:
        """Keep the best of the last moments with the next frame, whatever its score; by hand only, that frame."""
        self.asked.set()

    def set_strictness(self, strictness: Strictness) -> None:
        """Change it from the next frame on; of no effect on capture by hand only.

        Raises:
            InputError: there is no such strictness.
        """
        self._shutter.set_strictness(strictness)

    def next_visit(self) -> Visit:
        """The next patient comes: nothing of the frames so far has to do with those that follow.

        An eye that is before the camera at that moment is that of the last patient: nothing fires by itself until it
        has left; by hand it may be captured.

        Returns:
            The visit that ended.

        Raises:
            EdgeError: the session was closed.
        """
        with self._changing():
            ended = self._register.next()
            self._start_over()
            return ended

    def end_visit(self) -> Visit:
        """End the visit: frames are looked at, and nothing is captured until ``next_visit``.

        Returns:
            The visit.

        Raises:
            EdgeError: the session was closed.
        """
        with self._changing():
            return self._register.end()

    def set_eye(self, eye: Eye | None) -> None:
        """State which eye comes, until the next visit; None leaves it to the picture.

        A capture whose picture tells the other eye is a ``contradiction``: ``correct_eye`` or ``discard`` settle it.

        Raises:
            InputError: it is neither ``right`` nor ``left``.
            EdgeError: the session was closed.
        """
        with self._changing():
            self._register.set_eye(eye)

    def correct_eye(self, number: int, eye: Eye) -> Captured:
        """State which eye a capture of this visit shows; settles a contradiction too.

        Returns:
            The capture as it is now.

        Raises:
            InputError: it is neither ``right`` nor ``left``.
            EdgeError: there is no such capture, the visit has ended and its eye was certain, or the session was closed.
        """
        with self._changing():
            return self._register.correct_eye(number, eye)

    def discard(self, number: int) -> Captured:
        """Take a capture out of this visit; what it showed is missing again and may fire anew, two seconds later.

        Returns:
            The capture.

        Raises:
            EdgeError: there is no such capture, the visit has ended and its eye was certain, or the session was closed.
        """
        with self._changing():
            gone = self._register.discard(number, self._last)
            self._shutter.wait()
            return gone

    def restore(self, number: int) -> Captured:
        """Put back into this visit what ``discard`` took out of it.

        Returns:
            The capture.

        Raises:
            EdgeError: no such capture was discarded in this visit, or the session was closed.
        """
        with self._changing():
            return self._register.restore(number)

    def _start_over(self) -> None:
        self._looker.start_over()
        self._shutter.forget()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Between two frames: none is looked at meanwhile."""
        with self._lock:
            self._check_open()
            yield

    def _check_open(self) -> None:
        if self._closed:
            raise EdgeError("this session was closed: begin another one to look at a frame.")
