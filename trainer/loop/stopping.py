"""Ctrl-C during a training: the step at hand is finished and a checkpoint written before the signal ends it."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

log = logging.getLogger(__name__)

_ONE_PRESS_S = 1.0  # `timeout` and a terminal that closes signal twice: that is one press
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Asked:
    """Whether the training was asked to stop.

    Attributes:
        number: of the first signal; 0 until one comes.
    """

    def __init__(self) -> None:
        self.number = 0

    def pass_on(self) -> None:
        """What the signal would have done; to be called outside ``held_signals``.

        Raises:
            KeyboardInterrupt: always.
        """
        if self.number:
            signal.raise_signal(self.number)
        raise KeyboardInterrupt  # another process was asked, or whoever uses the library ignores the signal


@contextmanager
def going_on(run: Path) -> Iterator[None]:
    """At Ctrl-C say how the work on a run folder goes on."""
    try:
        yield
    except KeyboardInterrupt:
        log.info("%s keeps what is finished; the same command goes on from there", run)
        raise


@contextmanager
def held_signals() -> Iterator[Asked]:
    """Record the first signal that would end the command; a second one, a second later or more, ends it at once.

    Signals that are ignored, as by nohup, stay so; outside the main thread nothing is recorded.
    """
    asked, last = Asked(), 0.0
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    handlers = {number: signal.getsignal(number) for number in _ENDING}
    before: dict[int, Callable[[int, FrameType | None], object] | int] = {
        number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)
    }

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal last
        again, last = asked.number and time.monotonic() - last > _ONE_PRESS_S, time.monotonic()
        asked.number = asked.number or number
        if again:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    for number in before:
        signal.signal(number, handle)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
