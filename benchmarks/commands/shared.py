"""What the commands of edge-bench share: the files they write, and the command line that a result records."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from benchmarks.run.deadline import Answer
from edge import EdgeError
from edge.bundle.named import shown_name
from edge.commands.console.cli import err
from edge.files.output import check_output, write_output

EXIT_CODES: dict[Answer, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}


def command_line(command: str, options: Iterable[tuple[str, object, object]]) -> str:
    """The command that repeats a run; paths are cut to their last part, so that they contain no personal names.

    Args:
        command: such as ``edge-bench capture``.
        options: name (empty for an argument), value and default of each; None and defaults are left out, a list
            repeats its option, and True stands for a flag.
    """
    parts = command.split()
    for name, value, default in options:
        for each in value if isinstance(value, list) else [value]:
            if each is None or each == default:
                continue
            if name:
                parts.append(name)
            if each is not True:
                parts.append(_without_folder(each))
    return shlex.join(parts)


def _without_folder(value: object) -> str:
    if isinstance(value, Path):
        return shown_name(value)
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else Path(str(value)).name


def check_result_file(path: Path | None, option: str, *inputs: Path | None) -> None:
    """Check before the run that a result can be written after it.

    Raises:
        EdgeError: it is a folder or an input, or there is no folder for it.
    """
    if path is not None:
        check_output(path, f"the file of {option}", inputs)


def write_result(path: Path | None, text: str, option: str) -> None:
    """Write a result completely or not at all, and print its name; nothing where no path was given.

    Raises:
        EdgeError: it cannot be written.
    """
    if path is not None:
        write_file(path, text.encode(), option)
        err.print(f"result written to {path}", markup=False)


def write_file(path: Path, data: bytes, option: str) -> None:
    """Write a file completely or not at all.

    Raises:
        EdgeError: it cannot be written.
    """
    try:
        write_output(path, data)
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror}): choose another with {option}.") from error
