"""Opening a source that may take for ever: a pipe that nobody writes to, a server that drips, a driver that hangs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

from edge.camera.protocol import Camera

_LOOK_UP_S = 0.1
_WORTH_TELLING_S = 3.0


class OpeningStopped(Exception):  # noqa: N818  # no error: somebody wanted it
    """The session was ended before its source was open."""


def open_aside(open_one: Callable[[], Camera], stop: threading.Event, slow: Callable[[], None]) -> Camera:
    """Open a source on a thread of its own, which is left behind where nobody wants to wait any longer.

    Args:
        open_one: opens it, and may never come back; what it still opens then is closed at once.
        stop: ends the wait.
        slow: called once where it takes longer than a person expects.

    Raises:
        OpeningStopped: ``stop`` was set first.
        Exception: what ``open_one`` raises.
    """
    opening = _Opening(open_one)
    until = time.monotonic() + _WORTH_TELLING_S
    told = False
    try:
        while not opening.done.wait(_LOOK_UP_S):
            if stop.is_set():
                raise OpeningStopped
            if not told and time.monotonic() > until:
                told = True
                slow()
        return opening.result()
    finally:
        opening.leave()


class _Opening:
    def __init__(self, open_one: Callable[[], Camera]) -> None:
        self.done = threading.Event()
        self._open_one = open_one
        self._lock = threading.Lock()
        self._left = False
        self._camera: Camera | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="opening", daemon=True).start()

    def result(self) -> Camera:
        camera, self._camera = self._camera, None
        if camera is None:
            assert self._error is not None
            raise self._error
        return camera

    def leave(self) -> None:
        """What was not asked for by now is closed."""
        with self._lock:
            self._left = True
            self._close()

    def _run(self) -> None:
        try:
            self._camera = self._open_one()
        except BaseException as error:
            self._error = error
        with self._lock:
            if self._left:
                self._close()
        self.done.set()

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            with contextlib.suppress(Exception):
                camera.close()
