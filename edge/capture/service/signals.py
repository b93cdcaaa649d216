"""The signals of a running session: from Ctrl-C, a service manager, a terminal that closes, a pedal.

Imports none of our modules: a command calls ``remember_shutter`` before it loads its libraries.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

_ONE_PRESS_S = 1.0  # `timeout` and a terminal that closes signal twice: that is not a second press
_early = threading.Event()  # SIGUSR1 came before the session


def remember_shutter() -> None:
    """From now on SIGUSR1 does not end the process: before a session it is remembered, after it ignored."""
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, lambda number, frame: _early.set())


@contextlib.contextmanager
def captures_on_signal(asked: threading.Event) -> Iterator[None]:
    """SIGUSR1 keeps a frame: for a script, a pedal or a button on a pin; so does a remembered one."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGUSR1"):
        yield
        return
    before = signal.signal(signal.SIGUSR1, lambda number, frame: asked.set())
    if _early.is_set():
        _early.clear()
        asked.set()
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and SIGHUP set, so that a session ends with complete files.

    A second Ctrl-C or SIGTERM, a second later or more, ends it at once. SIGHUP has no effect if it is ignored, as by
    nohup, nor a second time: a terminal that closes sends it more than once.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    last = 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal last
        again, last = stop.is_set() and time.monotonic() - last > _ONE_PRESS_S, time.monotonic()
        stop.set()
        if again and number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
