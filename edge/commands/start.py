"""How every command begins: Ctrl-C while its libraries load ends it, without a traceback of theirs."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable
from types import FrameType


def starting(module: str) -> Callable[[], None]:
    """The entry point of a command.

    Args:
        module: has its ``main``, and is imported only when the command is called.
    """

    def main() -> None:
        before = signal.getsignal(signal.SIGINT)
        if before is signal.default_int_handler:  # in the background it may be ignored
            signal.signal(signal.SIGINT, _leave)
        command: Callable[[], None] = importlib.import_module(module).main
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)
        command()

    return main


def _leave(number: int, frame: FrameType | None) -> None:
    """At once: there is nothing to tidy up yet, and an extension that is loading would make another error of it."""
    os.write(2, b"interrupted\n")
    os._exit(130)


capture = starting("edge.commands.capture")
compile_engine = starting("edge.commands.compile")
doctor = starting("edge.commands.doctor")
grade = starting("edge.commands.grade")
