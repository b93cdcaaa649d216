"""What all commands share: errors as one sentence, exit codes, and where text goes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperCommand

from edge.commands.console.endings import any_name_prints, as_ctrl_c, is_unprinted, output_fails, silence, unprinted
from edge.commands.console.work import heard
from edge.engines.names import EngineName as EngineName
from edge.errors import EdgeError


class _Console(Console):
    """Text may hold names of files: what steers a terminal in them is escaped."""

    def print(self, *objects: Any, **settings: Any) -> None:
        super().print(*(_harmless(each) if isinstance(each, str) else each for each in objects), **settings)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would leave with 1, in the middle of a batch


class _Aside(_Console):
    """What is said along the way; that nobody takes it must not end the work."""

    def print(self, *objects: Any, **settings: Any) -> None:
        try:
            super().print(*objects, **settings)
        except OSError:
            del self._buffer[:]


# Results go to stdout, everything said along the way (progress, warnings, errors) to stderr.
out: Console = _Console(highlight=False, soft_wrap=True)
err: Console = _Aside(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def quiet(wanted: bool) -> Iterator[None]:
    """Nothing is printed meanwhile, if so wanted; the error that ends it is."""
    err.quiet = out.quiet = wanted
    try:
        yield
    finally:
        err.quiet = out.quiet = False


def _harmless(text: str) -> str:
    return "".join(sign if sign in "\n\t" else one_line(sign) for sign in text)


def one_line(text: str) -> str:
    """Text whose unprintable signs are escaped: a name in it may break the line, or steer the terminal."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


Runtime = Annotated[EngineName, typer.Option(help="The runtime; auto takes the first that works here.")]


MODEL = "A .efiqa file, or default: the model that ships, as without it (./default is a file of that name)."
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


class _Command(TyperCommand):
    """Says what is wrong with arguments without words of the library that checks them, and shows what ours say."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if isinstance(said := getattr(error, "message", None), str):
                error.message = said.removeprefix("Value error, ")  # type: ignore[attr-defined]
            raise

    def invoke(self, ctx: Any) -> Any:
        with heard(err):
            return super().invoke(ctx)


class _App(typer.Typer):
    def command(self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **settings: Any) -> Any:
        return super().command(name, cls=cls or _Command, **settings)


def new_app(help_text: str) -> typer.Typer:
    """A typer application with the settings of all commands."""
    return _App(help=help_text, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main_of(app: typer.Typer) -> Callable[[], None]:
    """The entry point: exit 0 ok, 1 the work failed, 2 the arguments are wrong, 128+N ended by signal N."""

    def main() -> None:
        any_name_prints()
        with as_ctrl_c() as pressed:
            try:
                _deliver(app)
            except SystemExit as left:
                if pressed.number and left.code == 130:
                    _leave(128 + pressed.number)
                _leave(left.code)
            except KeyboardInterrupt:
                _interrupted(pressed.number)
            except BrokenPipeError:  # `edge-grade ... | head`
                _leave(1)
            except Exception as error:
                if pressed.number:  # an extension that was loading has made another error of it
                    _interrupted(pressed.number)
                if "--debug" in sys.argv:
                    raise
                err.print(one_line(_said_of(error)), markup=False)
                _leave(1)
            _leave(0)

    return main


def _deliver(app: typer.Typer) -> None:
    """Run a command, and see that what it printed has arrived."""
    try:
        app()
    except SystemExit:
        _raise_if(output_fails())
        raise
    _raise_if(output_fails())


def _raise_if(error: OSError | None) -> None:
    if error is not None:
        raise error


def _leave(code: str | int | None) -> NoReturn:
    """End without a word of the interpreter's about what nobody takes."""
    for stream in (sys.stdout, sys.stderr):
        if output_fails(stream) is not None:
            silence(stream)
    sys.exit(code)


def _interrupted(number: int) -> NoReturn:
    err.print("interrupted")
    _leave(128 + (number or signal.SIGINT))


def _said_of(error: Exception) -> str:
    if isinstance(error, EdgeError):
        return f"error: {error}"
    return f"error: {unprinted(error)}." if is_unprinted(error) else _unexpected(error)


def _unexpected(error: Exception) -> str:
    """A mistake of ours: still one sentence."""
    said = " ".join(str(error).split()) or "no message"
    return f"unexpected: {type(error).__name__}: {said}; run again with --debug and report it"
