"""Opening a source that may never open: a pipe without a writer, a server that drips, a driver that hangs."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

from edge.camera.protocol import Camera

_POLL_S = 0.1
_SLOW_S = 3.0


class OpeningStopped(Exception):  # noqa: N818  # not an error: the user asked for it
    """The session was ended before its source was open."""


def open_aside(open_one: Callable[[], Camera], stop: threading.Event, slow: Callable[[], None]) -> Camera:
    """Open a source on its own thread, which is abandoned once nobody waits for it any longer.

    Args:
        open_one: opens it, and may never return; a camera that it opens too late is closed at once.
        stop: ends the wait.
        slow: called once if opening takes longer than a user expects.

    Raises:
        OpeningStopped: ``stop`` was set first.
        Exception: what ``open_one`` raises.
    """
    opening: Future[Camera] = Future()
    threading.Thread(target=_open, args=(open_one, opening), name="opening", daemon=True).start()
    slow_at = time.monotonic() + _SLOW_S
    try:
        while not wait([opening], _POLL_S).done:
            if stop.is_set():
                raise OpeningStopped
            if time.monotonic() > slow_at:
                slow_at = math.inf
                slow()
    except BaseException:
        if not opening.cancel():  # it was opened at this very moment
            with contextlib.suppress(BaseException):
                opening.result().close()
        raise
    return opening.result()


def _open(open_one: Callable[[], Camera], opening: Future[Camera]) -> None:
    try:
        camera = open_one()
    except BaseException as error:
        if opening.set_running_or_notify_cancel():
            opening.set_exception(error)
        return
    if opening.set_running_or_notify_cancel():
        opening.set_result(camera)
    else:
        with contextlib.suppress(Exception):
            camera.close()
