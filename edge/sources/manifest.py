"""Photographs that a list names: a CSV or Parquet file with a column of paths."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import EdgeError, brief, reason_of

_ROWS = 10_000  # in memory at a time
_SHOWN = 12  # columns named in an error


@dataclass(frozen=True)
class Listing:
    """How lists are read.

    Attributes:
        column: that holds the paths.
        carry: columns whose texts go along.
        root: what relative paths begin in; the folder of the list without it.
    """

    column: str = "path"
    carry: tuple[str, ...] = ()
    root: Path | None = None


@dataclass(frozen=True)
class Listed:
    """One row of a list: a path, an address or a member of an archive, and what goes along."""

    path: str
    carried: tuple[tuple[str, str], ...] = ()


def listed(path: Path, how: Listing, name: str = "") -> Iterator[Listed]:
    """The rows of a list, one after the other; without the empty ones.

    Args:
        path: the list.
        how: it is read.
        name: what it is called, if not by its path.

    Raises:
        EdgeError: it cannot be read, lacks a column, or is damaged; rows before the damage have been given.
    """
    parquet = (name or str(path)).lower().endswith(".parquet")
    names = [how.column, *how.carry]
    try:
        for path_text, *texts in _parquet_rows(path, names) if parquet else _csv_rows(path, names):
            if path_text:
                yield Listed(path_text, tuple(zip(how.carry, texts, strict=True)))
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({reason_of(error)}): check the path and its permissions.") from None


def _csv_rows(path: Path, names: Sequence[str]) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            places = [_place(path, header, name) for name in names]
            for row in rows:
                if row and len(row) != len(header):
                    raise csv.Error(f"line {rows.line_num} has {len(row)} cells, not {len(header)}")
                if row:
                    yield [row[place] for place in places]
    except (csv.Error, UnicodeDecodeError) as error:
        raise EdgeError(f"{path} is no CSV in UTF-8 ({brief(error)}): save it again as that.") from None


def _parquet_rows(path: Path, names: Sequence[str]) -> Iterator[list[str]]:
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise EdgeError(f'{path} needs {error.name}: pip install "efiqa-edge[curate]".') from error
    try:
        with parquet.ParquetFile(path) as file:
            for name in names:
                _place(path, file.schema_arrow.names, name)
            for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(names))):
                columns = [batch.column(name).to_pylist() for name in names]
                yield from (["" if cell is None else str(cell) for cell in row] for row in zip(*columns, strict=True))
    except arrow.ArrowException as error:
        raise EdgeError(f"{path} cannot be read as Parquet ({brief(error)}): copy it again.") from None


def _place(path: Path, header: Sequence[str], name: str) -> int:
    if name in header:
        return list(header).index(name)
    there = ", ".join(header[:_SHOWN]) + (", ..." if len(header) > _SHOWN else "") if header else "nothing"
    raise EdgeError(f"{path} has no column {name!r} (it has {there}): give --column or --carry one of its columns.")
