"""What edge-curate prints and writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from edge.commands.console import cli
from edge.errors import EdgeError
from edge.files.output import write_output

_TOLD = 10  # problems that are told one by one


def write(path: Path, data: bytes) -> None:
    """Write an output as a whole.

    Raises:
        EdgeError: it cannot be written.
    """
    try:
        write_output(path, data)
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror}): check the folder and the disk.") from None


def tell(problems: Iterator[str]) -> int:
    """Print the first problems, and count all."""
    failed = 0
    for problem in filter(None, problems):
        failed += 1
        if failed <= _TOLD:
            aside(f"error: {problem}")
    if failed > _TOLD:
        aside(f"error: {failed - _TOLD} more get none either.")
    return failed


def say(words: str) -> None:
    """Print a result."""
    cli.out.print(Text(cli.one_line(words)), soft_wrap=True)


def note(words: str) -> None:
    """Print what is to be known of the result."""
    aside(f"note: {words}.")


def aside(words: str) -> None:
    """Print what is no part of the result."""
    cli.err.print(Text(cli.one_line(words)), soft_wrap=True)
