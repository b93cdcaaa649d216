"""What edge-grade is told to write, checked before the work: whatever would fail after it, or overwrite an input."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from edge.capture.session.storage import LINES
from edge.errors import EdgeError
from edge.files.output import check_output
from edge.grading import picture_of
from edge.metrics.labels import key_of


def check_stdout(json_lines: bool, files: Mapping[str, Path | None]) -> None:
    """Refuse two kinds of rows on standard output.

    Args:
        json_lines: whether --json is given.
        files: outputs by option.

    Raises:
        BadParameter: there are two.
    """
    to_stdout = ["--json"] * json_lines + [option for option, path in files.items() if is_stdout(path)]
    if len(to_stdout) > 1:
        raise typer.BadParameter(
            f"rows go to stdout once: leave out {' or '.join(to_stdout)}", param_hint=to_stdout[-1]
        )


def check_table(table: Path | None, only: Mapping[str, bool], others: Mapping[str, Path | None]) -> None:
    """Refuse what does not go with a table, or not without one.

    Args:
        table: the table, if there is one.
        only: whether they are given, by option, of those that need a table.
        others: outputs and labels by option, which hold what is known of all files at the end.

    Raises:
        BadParameter: so it is.
    """
    alone = [option for option, asked in only.items() if asked]
    if table is None and alone:
        raise typer.BadParameter("it is about the rows of a table: give --table too", param_hint=alone[0])
    given = [option for option, path in others.items() if path is not None]
    if table is not None and given:
        raise typer.BadParameter(f"leave out {' and '.join(given)}, or --table", param_hint=given[0])


def is_stdout(path: Path | None) -> bool:
    """Whether an output is our own standard output, by whatever name."""
    try:
        same = path is not None and os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):
        return False
    return same and path is not None and not path.samefile(os.devnull)


def check_files(csv: Path | None, details: Path | None, inputs: Sequence[Path | None]) -> None:
    """Refuse a CSV or details that cannot be written, or that would overwrite an input or each other.

    Raises:
        EdgeError: so it is.
    """
    if csv is not None:
        check_output(csv, "the CSV", inputs)
    if details is not None:
        check_output(details, "the details", inputs)
    if csv is not None and details is not None and _same(csv, details):
        raise EdgeError(f"{details} cannot be the details: it is the CSV; give another name.")


def _same(one: Path, other: Path) -> bool:
    """Whether two outputs are one file, which need not exist yet; what goes to /dev/null is lost anyway."""
    if os.path.realpath(one) == os.path.realpath(other):
        return os.path.realpath(one) != os.devnull
    return one.exists() and other.exists() and one.samefile(other)


def check_maps(maps: Path | None, stems: list[Path], inputs: Sequence[Path | None]) -> None:
    """Make the folder of maps; refuse one whose pictures would overwrite an input or a session.

    Raises:
        EdgeError: so it is, or the folder cannot be made.
    """
    if maps is None:
        return
    try:
        maps.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeError(f"{maps} cannot be the folder of maps ({error.strerror}): give another one.") from None
    given = {key_of(path) for path in inputs if path is not None}
    for folder in {(maps / stem).parent for stem in stems}:
        if (folder / LINES).exists():
            raise EdgeError(f"{folder} holds a session of edge-capture, whose maps would be lost: give another folder.")
    for picture in (picture_of(maps / stem, kind) for stem in stems for kind in ("map", "overlay")):
        if key_of(picture) in given:
            raise EdgeError(f"{picture} is an input, which its picture would overwrite: give another folder of maps.")
