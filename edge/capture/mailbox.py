"""Pass the newest frame from the camera's thread to the grading thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge.camera.protocol import Frame


class Mailbox:
    """One slot between the camera's thread and the grading thread: a newer frame takes the place of an older one."""

    def __init__(self) -> None:
        self.dropped = 0
        self._changed = threading.Condition()
        self._slot: Frame | None = None
        self._closed = False
        self._error: Exception | None = None

    def put(self, frame: Frame, wait: bool) -> None:
        """Put a frame; with ``wait``, only once the slot is empty, so that none is dropped."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._slot is None or self._closed)
            if self._closed:
                return
            self.dropped += self._slot is not None
            self._slot = frame
            self._changed.notify_all()

    def drop(self) -> None:
        """Count a frame that was never read."""
        with self._changed:
            self.dropped += 1

    def close(self, error: Exception | None = None) -> None:
        """No more frames come; one in the slot may still be taken."""
        with self._changed:
            self._closed = True
            self._error = self._error or error
            self._changed.notify_all()

    def take(self, stop: threading.Event, beat: Callable[[], None] = lambda: None) -> Frame | None:
        """Wait for the newest frame; None when there will be none, or once ``stop`` is set.

        Args:
            stop: ends the wait.
            beat: called a few times a second while waiting.

        Raises:
            Exception: what ended the camera's thread.
        """
        with self._changed:
            # A camera can hang in its driver for seconds, so the wait is interrupted now and then.
            while self._slot is None and not self._closed and not stop.is_set():
                self._changed.wait(0.2)
                beat()
            frame, self._slot = self._slot, None
            self._changed.notify_all()
            if frame is None and self._error is not None:
                raise self._error
            return frame
