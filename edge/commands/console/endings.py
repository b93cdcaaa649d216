"""How every command ends: by itself, by a signal, or because nobody takes what it prints."""

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

_ONE_PRESS_S = 1.0  # `timeout` signals twice, a terminal that closes too: that is nobody in a hurry
# Windows has no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Pressed:
    """What ended a command from outside; of signals close together only the first counts.

    Attributes:
        number: of the first signal; 0 as long as none came.
    """

    def __init__(self) -> None:
        self.number = 0
        self._last = 0.0
        self._process = os.getpid()

    def counts(self, number: int) -> bool:
        """Note a signal; False where it belongs to the one before."""
        if os.getpid() != self._process:  # a child of ours that has not set up its own: it ends as others do
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        now, before = time.monotonic(), self._last
        self._last = now
        first = self.number == 0
        self.number = self.number or number
        return first or now - before > _ONE_PRESS_S


@contextlib.contextmanager
def handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[dict[int, Any]]:
    """Have what ends a command handled; what is ignored, as by nohup or in the background, stays so.

    Yields how it was handled before, which comes back at the end unless it is taken out.
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
    """A name that the terminal's alphabet lacks is printed as escapes rather than ending the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def silence(stream: TextIO | None = None) -> None:
    """Let what is still to be printed go nowhere: its reader has left, or its disk is full."""
    stream = sys.stdout if stream is None else stream
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def output_fails(stream: TextIO | None = None) -> OSError | None:
    """Why what was printed cannot be delivered, if so."""
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
    """Standard output of a batch: its reader is waited for; one that leaves ends only the printing if files follow.

    Attributes:
        lost: whether nobody takes it any more.
    """

    def __init__(self, files: bool, told: Callable[[str], None]) -> None:
        """Set up.

        Args:
            files: whether files are still to be written once nobody reads.
            told: told one sentence of trouble; a reader that leaves is none.
        """
        self.lost = False
        self._files, self._told = files, told

    def say(self, show: Callable[[], None]) -> None:
        """Print by what is given, at once.

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
                self._told(f"{unprinted(error)}; the files are still written.")


def is_unprinted(error: Exception) -> bool:
    """Whether an error comes of printing: one about a file names it, or became an EdgeError where it arose."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _NO_ROOM


def unprinted(error: Exception) -> str:
    """A sentence about an output that fails, without its end."""
    why = getattr(error, "strerror", None) or error
    return f"what is printed cannot be written ({why}): free that disk, or print to another place"
