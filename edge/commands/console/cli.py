"""What all commands share: errors as one sentence, exit codes, and the two consoles."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperCommand

from edge.bundle.demand import demanding
from edge.bundle.named import shipped_models
from edge.commands.console.endings import any_name_prints, as_ctrl_c, is_unprinted, output_fails, silence, unprinted
from edge.commands.console.work import shown_on
from edge.engines.names import EngineName as EngineName
from edge.errors import EdgeError
from edge.errors import one_line as one_line


class _Console(Console):
    """Escapes control characters: text may hold file names."""

    def print(self, *objects: Any, **settings: Any) -> None:
        super().print(*(_harmless(each) if isinstance(each, str) else each for each in objects), **settings)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would leave with 1, in the middle of a batch


class _Aside(_Console):
    """Messages, whose failure must not end the work."""

    def print(self, *objects: Any, **settings: Any) -> None:
        try:
            super().print(*objects, **settings)
        except OSError:
            del self._buffer[:]


# Results go to stdout, everything else (progress, warnings, errors) to stderr.
out: Console = _Console(highlight=False, soft_wrap=True)
err: Console = _Aside(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def quiet(wanted: bool) -> Iterator[None]:
    """Print nothing inside, if wanted, except the error that ends it."""
    err.quiet = out.quiet = wanted
    try:
        yield
    finally:
        err.quiet = out.quiet = False


def _harmless(text: str) -> str:
    return "".join(sign if sign in "\n\t" else one_line(sign) for sign in text)


Runtime = Annotated[EngineName, typer.Option(help="The runtime; auto selects the first that works here.")]


_NAMES = ", ".join(path.stem for path in shipped_models())
MODEL = f"A .efiqa file, or the name of a model that ships: {_NAMES}; default without it (./default is such a file)."


def _named_key(value: str) -> str:
    """A key as ``EFIQA_TRUST`` can hold it; an empty one comes from an unset variable."""
    if not value or os.pathsep in value:
        raise typer.BadParameter(f"'{value}' cannot name a key: give a file or folder without '{os.pathsep}'.")
    return value


Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        parser=_named_key,
        metavar="KEY",
        help="Refuse a model that this public key (a PEM file, or a folder of them) did not sign; may be repeated.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


class _Command(TyperCommand):
    """Reports wrong arguments in our own words, and shows the log and progress of our packages."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if isinstance(message := getattr(error, "message", None), str):
                error.message = message.removeprefix("Value error, ")  # type: ignore[attr-defined]
            raise

    def invoke(self, ctx: Any) -> Any:
        with shown_on(err), demanding(ctx.params.get("trust") or ()):
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:  # typer would turn it into 130 without a word
                err.print("interrupted")
                raise


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
                code = _deliver(app)
            except KeyboardInterrupt:
                _interrupted(pressed.number)
            except BrokenPipeError:  # `edge-grade ... | head`
                _leave(1)
            except Exception as error:
                if pressed.number:  # an extension that was loading turned it into another error
                    _interrupted(pressed.number)
                if "--debug" in sys.argv:
                    raise
                err.print(one_line(_sentence_of(error)), markup=False)
                _leave(1)
            _leave(128 + pressed.number if pressed.number and code == 130 else code)

    return main


def _deliver(app: typer.Typer) -> str | int | None:
    """Run a command, make sure that its output was delivered, and return its exit code.

    Raises:
        OSError: the output cannot be delivered.
    """
    code: str | int | None = 0
    try:
        app()
    except SystemExit as exited:
        code = exited.code
    if (error := output_fails()) is not None:
        raise error
    return code


def _leave(code: str | int | None) -> NoReturn:
    """Exit without a message of the interpreter about output that cannot be delivered."""
    for stream in (sys.stdout, sys.stderr):
        if output_fails(stream) is not None:
            silence(stream)
    sys.exit(code)


def _interrupted(number: int) -> NoReturn:
    err.print("interrupted")
    _leave(128 + (number or signal.SIGINT))


def _sentence_of(error: Exception) -> str:
    if isinstance(error, EdgeError):
        return f"error: {error}"
    if is_unprinted(error):
        return f"error: {unprinted(error)}."
    message = " ".join(str(error).split()) or "no message"  # a bug, and still one sentence
    return f"unexpected: {type(error).__name__}: {message}; run again with --debug and report it"
