"""The columns of a table, the same in every format."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from edge.errors import EdgeError

SCHEMA = 2  # of these columns; raised where one changes its meaning or goes
GRID = 16  # cells on a side of the column ``map``
OUTSIDE = 255  # a cell of ``map`` outside the field
_NAMED = 4  # columns in an error
FULL = 250  # a cell of ``map`` of which all is lost

Kind = Literal["text", "number", "whole"]
Cell = str | float | int | None
Row = dict[str, Cell]
Format = Literal["csv", "jsonl", "parquet"]

# Text is never null; a number is where there is nothing to say. The first nine are those of ``edge.grading.COLUMNS``.
TABLE_COLUMNS: dict[str, Kind] = {
    "path": "text",
    "score": "number",
    "verdict": "text",
    "error": "text",
    "cause": "text",
    "place": "text",
    "coverage": "number",
    "eye": "text",
    "field_definition": "text",
    "causes": "text",
    "focus": "number",
    "criterion": "text",
    "adequate": "text",
    "requirement": "text",
    "camera": "text",
    "site": "text",
    "taken": "text",
    "width": "whole",
    "height": "whole",
    "crop_x": "whole",
    "crop_y": "whole",
    "crop_side": "whole",
    "map": "text",
    "hash": "text",
    "size": "whole",
    "modified": "whole",
    "sha256": "text",
    "model": "text",
    "settings": "text",
    "schema": "whole",
    "carried": "text",
}


def format_of(path: Path) -> Format:
    """The format that a table's name asks for.

    Raises:
        EdgeError: it ends otherwise.
    """
    for name in get_args(Format):
        if path.suffix.lower() == f".{name}":
            return name  # type: ignore[no-any-return]
    raise EdgeError(f"{path} cannot be a table: give a name that ends with .parquet, .csv or .jsonl.")


def other_table(path: Path, names: Iterable[str] = TABLE_COLUMNS) -> EdgeError:
    """The error of a file that is no table, or one of another version.

    Args:
        path: the file.
        names: its columns, where these are known.
    """
    there, known = set(names), set(TABLE_COLUMNS)
    lacks, more = sorted(known - there), sorted(there - known)
    why = f"it lacks {_few(lacks)}" if lacks else f"it also has {_few(more)}" if more else ""
    return EdgeError(
        f"{path} is no table of this version of edge-grade ({SCHEMA}{'; ' if why else ''}{why}): give one that "
        "edge-grade --table has written, or grade anew under another name."
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
