"""How every command ends: by itself, by a signal, or because its output cannot be delivered."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TextIO

from edge.errors import reason_of

_ONE_PRESS_S = 1.0  # `timeout` signals twice, and so does a terminal that closes: these count once
# Windows has no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Pressed:
    """The signal that ended a command; of signals close together only the first counts.

    Attributes:
        number: of the first signal; 0 until one comes.
    """

    def __init__(self) -> None:
        self.number = 0
        self._last = 0.0
        self._process = os.getpid()

    def counts(self, number: int) -> bool:
        """Record a signal; False where it belongs to the one before."""
        if os.getpid() != self._process:  # a child process without its own handlers: it ends by default
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        now, before = time.monotonic(), self._last
        self._last = now
        first = self.number == 0
        self.number = self.number or number
        return first or now - before > _ONE_PRESS_S


@contextlib.contextmanager
def handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[dict[int, Any]]:
    """Handle the signals that end a command; those that are ignored, as by nohup or in the background, stay ignored.

    Yields the former handlers, which are restored at the end unless they are removed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield {}
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    taken = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in taken:
        signal.signal(number, handle)
    try:
        yield taken
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[Pressed]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does."""
    pressed = Pressed()

    def handle(number: int, frame: FrameType | None) -> None:
        if pressed.counts(number):
            raise KeyboardInterrupt

    with handled(handle) as before:
        try:
            yield pressed
        finally:
            if pressed.number:  # the command ends with its own exit code, whatever comes until the interpreter is gone
                for number in before:
                    signal.signal(number, signal.SIG_IGN)
                before.clear()


def any_name_prints() -> None:
    """Print characters that the terminal's encoding lacks as escapes, instead of ending the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def silence(stream: TextIO | None = None) -> None:
    """Discard what is still to be printed: its reader has left, or its disk is full."""
    stream = sys.stdout if stream is None else stream
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def output_fails(stream: TextIO | None = None) -> OSError | None:
    """The error that keeps output from being delivered, if there is one."""
    stream = sys.stdout if stream is None else stream
    try:
        if stream is not None:
            stream.flush()
    except OSError as error:
        return error
    except ValueError:  # closed
        return None
    return None


class Printed:
    """Standard output of a batch: waits for its reader; one that leaves ends only the printing if files follow.

    Attributes:
        lost: whether its reader has left or it cannot be written.
    """

    def __init__(self, files: bool, report: Callable[[str], None]) -> None:
        """Set up.

        Args:
            files: whether files are still to be written without a reader.
            report: receives one sentence where it cannot be written; not where a reader leaves.
        """
        self.lost = False
        self._files, self._report = files, report

    def say(self, show: Callable[[], None]) -> None:
        """Print by calling ``show``, at once.

        Raises:
            OSError: it cannot be printed, and no files follow.
        """
        if self.lost:
            return
        try:
            show()
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError as error:
            if not self._files:
                raise
            self.lost = True
            silence()
            if not isinstance(error, BrokenPipeError):
                self._report(f"{unprinted(error)}; the files are still written.")


def is_unprinted(error: Exception) -> bool:
    """Whether an error comes from printing: those about files name them, or are EdgeErrors."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _NO_ROOM


def unprinted(error: Exception) -> str:
    """The beginning of a sentence about an output that fails."""
    return f"what is printed cannot be written ({reason_of(error)}): free that disk, or print to another place"
