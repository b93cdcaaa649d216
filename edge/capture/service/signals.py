"""What a running session hears from outside: Ctrl-C, a service manager, a terminal that closes, a pedal.

Imports nothing of ours: a command asks for ``remember_shutter`` before it loads its libraries.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

_ONE_PRESS_S = 1.0  # `timeout` signals twice, a terminal that closes too: that is nobody in a hurry
_early = threading.Event()  # somebody pressed before there was a session


def remember_shutter() -> None:
    """From now on SIGUSR1 ends nothing: before a session runs it is remembered, after it has ended it means nothing."""
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, lambda number, frame: _early.set())


@contextlib.contextmanager
def captures_on_signal(asked: threading.Event) -> Iterator[None]:
    """SIGUSR1 keeps a frame: for a script, a pedal or a button on a pin; so does one that was remembered."""
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
    """An event that Ctrl-C, SIGTERM and SIGHUP set, so that a session ends with its files whole.

    A second Ctrl-C or SIGTERM, a second later or more, ends it at once. SIGHUP is not heeded where it is ignored, as by
    nohup, and never a second time: whoever closes a terminal sends it more than once.
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
