"""What all commands share: errors as one sentence, exit codes, and where text goes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from edge.errors import EdgeError

# Results go to stdout, everything said along the way (progress, warnings, errors) to stderr.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def one_line(text: str) -> str:
    """Text whose unprintable signs are escaped: a name in it may break the line, or steer the terminal."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class EngineName(str, Enum):
    """``auto`` and the names in ``edge.engines.choose.ENGINES``."""

    auto = "auto"
    openvino = "openvino"
    tensorrt = "tensorrt"
    tensorrt_rtx = "tensorrt_rtx"


Runtime = Annotated[EngineName, typer.Option(help="The runtime; auto takes the first that works here.")]


def _known(field: str | None) -> str | None:
    """The argument of ``--field``, if it can be one."""
    if field is not None:
        from edge.known_field import field_setting  # wants OpenCV, without which edge-doctor must start

        try:
            field_setting(field)
        except EdgeError as error:
            raise typer.BadParameter(str(error)) from error
    return field


FieldSetting = Annotated[
    str | None,
    typer.Option(
        "--field",
        callback=_known,
        metavar="FIELD",
        help="The camera's field of view: circle:X,Y,R in pixels, a mask file, learn (from the clearest frames so far) "
        "or frame (from each frame alone).",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def new_app(help_text: str) -> typer.Typer:
    """A typer application with the settings of all commands."""
    return typer.Typer(help=help_text, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main_of(app: typer.Typer) -> Callable[[], None]:
    """The entry point of a command: exit 0 ok, 1 the work failed, 2 the arguments are wrong, 130 interrupted."""

    def main() -> None:
        with _ctrl_c() as pressed:
            try:
                app()
            except KeyboardInterrupt:
                _interrupted()
            except BrokenPipeError:  # `edge-grade ... | head`
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                sys.exit(1)
            except Exception as error:
                if pressed:  # an extension that was loading has made another error of it
                    _interrupted()
                if "--debug" in sys.argv:
                    raise
                said = f"error: {error}" if isinstance(error, EdgeError) else _unexpected(error)
                err.print(one_line(said), markup=False)
                sys.exit(1)

    return main


@contextlib.contextmanager
def _ctrl_c() -> Iterator[list[bool]]:
    """Ctrl-C as ever, and a list that is no longer empty once it was pressed."""
    pressed: list[bool] = []

    def handle(number: int, frame: FrameType | None) -> None:
        pressed.append(True)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield pressed
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupted() -> NoReturn:
    err.print("interrupted")
    sys.exit(130)


def _unexpected(error: Exception) -> str:
    """A mistake of ours: still one sentence."""
    said = " ".join(str(error).split()) or "no message"
    return f"unexpected: {type(error).__name__}: {said}; run again with --debug and report it"
