"""How every command starts: neither Ctrl-C while its libraries load nor one that does not is a traceback."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from edge.capture.service.signals import remember_shutter
from edge.errors import EdgeError


@dataclass(frozen=True)
class Command:
    """The entry point of a command.

    Attributes:
        module: has its ``main``, and is imported only when the command is called.
        shutter: whether it handles SIGUSR1, which is then recorded from the start.
    """

    module: str
    shutter: bool = False

    def __call__(self) -> None:
        if self.shutter:
            remember_shutter()
        before = signal.getsignal(signal.SIGINT)
        if before is signal.default_int_handler:  # in the background it may be ignored
            signal.signal(signal.SIGINT, _leave)
        try:
            command: Callable[[], None] = importlib.import_module(self.module).main
        except ImportError as error:
            if "--debug" in sys.argv:
                raise
            sys.exit(f"error: a library does not load ({error}): edge-doctor says which, and what to do.")
        finally:
            if before is signal.default_int_handler:
                signal.signal(signal.SIGINT, before)
        command()


def late(module: str, what: str, extra: str) -> Any:
    """Import a module of ours whose libraries are slow or optional: ``--help`` is then instant and works without them.

    Raises:
        EdgeError: a library is missing: ``what`` needs it, and it comes with ``extra``.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EdgeError(f'{what} needs {error.name}: pip install "efiqa-edge[{extra}]".') from error


def _leave(number: int, frame: FrameType | None) -> None:
    """Exit at once: there is nothing to clean up yet, and an extension that is loading would raise another error."""
    os.write(2, b"interrupted\n")
    os._exit(130)


capture = Command("edge.commands.capture", shutter=True)
compile_engine = Command("edge.commands.compile")
curate = Command("edge.commands.curate")
doctor = Command("edge.commands.doctor")
grade = Command("edge.commands.grade")
