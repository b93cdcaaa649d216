"""A table of edge-grade as columns of pyarrow, whatever its format, and however its last run ended."""

from __future__ import annotations

import csv
import importlib
import mmap
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError, brief, reason_of
from edge.grading.table.columns import SCHEMA, TABLE_COLUMNS, format_of, other_table
from edge.grading.table.parquet import arrow, batches_of, open_parquet, schema
from edge.grading.table.table import rows_beside

_BLOCK = 8 << 20  # bytes of lines read at a time
_HEAD = 1 << 16  # bytes of which the header has fewer


def load_table(path: Path, columns: Sequence[str]) -> Any:
    """Columns of a table, one row a photograph; see ``Snapshot``."""
    with Snapshot(path) as table:
        return table.load(columns)


class Snapshot:
    """A table as it is now: what a run adds to it from here on is not seen, nor what becomes of its files."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Args:
            path: a table of ``edge-grade --table``.

        Raises:
            EdgeError: it is missing, damaged, of another version, or pyarrow is missing.
        """
        arrow("edge-curate")
        kind, beside = format_of(path), rows_beside(path)
        grows = beside.is_file() and kind == "parquet"  # a run goes on, or was killed
        if not path.is_file() and not grows:
            raise EdgeError(f"{path} is no file: give a table that edge-grade --table has written.")
        # The rows first: a run that ends now moves them into the other file, and twice is less than not at all.
        self._path, self._of_lines = (beside, "jsonl") if kind == "parquet" else (path, kind)
        self._lines = _whole_lines(self._path, self._of_lines) if grows or kind != "parquet" else None
        self._parquet = open_parquet(path, exact=False) if kind == "parquet" and path.is_file() else None

    def load(self, columns: Sequence[str]) -> Any:
        """Columns of it.

        Args:
            columns: their names.

        Returns:
            A ``pyarrow.Table`` of these columns, rows in their order, one row a photograph.

        Raises:
            EdgeError: it is damaged, or of another version.
        """
        table, kept = self._whole(columns), self.kept
        return table if kept is None else table.filter(arrow().array(kept))

    @cached_property
    def kept(self) -> NDArray[np.bool_] | None:
        """Which rows count, bool (rows,): the last one of each photograph; None where all do, as when a run has ended.

        Raises:
            EdgeError: see ``load``.
        """
        codes = self._whole(["path"]).column(0).combine_chunks().dictionary_encode()
        codes = codes.combine_chunks() if hasattr(codes, "chunks") else codes
        numbers, names = codes.indices.to_numpy(), len(codes.dictionary)
        if names == len(numbers):
            return None
        last = np.zeros(names, np.int64)
        np.maximum.at(last, numbers, np.arange(len(numbers)))
        kept = np.zeros(len(numbers), bool)
        kept[last] = True
        return kept

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Its rows, superseded ones too, as record batches: few in memory at a time.

        Raises:
            EdgeError: see ``load``.
        """
        if self._parquet is not None:
            yield from batches_of(self._parquet, self._path, list(columns))
        if self._lines is not None:
            yield from _line_batches(self._lines, self._of_lines, list(columns), self._path)

    def _whole(self, columns: Sequence[str]) -> Any:
        wanted = list(dict.fromkeys(columns))
        fields = arrow().schema([schema().field(name) for name in wanted])
        return arrow().Table.from_batches(list(self.batches(wanted)), schema=fields)

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        if self._parquet is not None:
            self._parquet.close()


def _whole_lines(path: Path, kind: str) -> Any:
    """The whole lines of a file, as a buffer of pyarrow that holds them; None where there are none."""
    pa = arrow()
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return None
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # closed with the last buffer of pyarrow
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({reason_of(error)}): check its permissions and the disk.") from None
    end = content.rfind(b"\n") + 1  # behind it there is what a killed run left of a row
    begins = content.find(b"\n") + 1 if kind == "csv" else 0
    if kind == "csv":
        _check_header(path, content[:begins], ["path"])
    return pa.py_buffer(content).slice(0, end) if end > begins else None


def _line_batches(lines: Any, kind: str, columns: list[str], path: Path) -> Iterator[Any]:
    pa = arrow()
    if kind == "csv":
        _check_header(path, lines.slice(0, min(lines.size, _HEAD)).to_pybytes().partition(b"\n")[0], columns)
    try:
        yield from _parsed(pa, pa.BufferReader(lines), kind, columns, path)
    except pa.ArrowException as error:
        raise EdgeError(
            f"{path} has lines that cannot be read ({brief(error)}): run edge-grade --table on it again, which grades "
            "their photographs anew."
        ) from None


def _check_header(path: Path, line: bytes, columns: list[str]) -> None:
    """Other programs may have moved, added or left out columns."""
    names = next(csv.reader([line.decode(errors="replace")]), [])
    if not {*columns, "schema"} <= {*names}:
        raise other_table(path, names)


def _parsed(pa: Any, whole: Any, kind: str, columns: list[str], path: Path) -> Iterator[Any]:
    wanted = list(dict.fromkeys([*columns, "schema"]))
    fields = {name: schema().field(name).type for name in TABLE_COLUMNS}
    if kind == "csv":
        text = importlib.import_module("pyarrow.csv")
        reader = text.open_csv(
            whole,
            read_options=text.ReadOptions(block_size=_BLOCK),
            parse_options=text.ParseOptions(invalid_row_handler=lambda row: "skip"),
            convert_options=text.ConvertOptions(
                column_types=fields, include_columns=wanted, null_values=[""], strings_can_be_null=False
            ),
        )
    else:
        text = importlib.import_module("pyarrow.json")
        reader = text.open_json(
            whole,
            read_options=text.ReadOptions(block_size=_BLOCK),
            parse_options=text.ParseOptions(
                explicit_schema=pa.schema([(name, fields[name]) for name in wanted]), unexpected_field_behavior="ignore"
            ),
        )
    for batch in reader:
        if batch.num_rows and set(np.unique(batch.column("schema").to_numpy(zero_copy_only=False))) != {SCHEMA}:
            raise other_table(path)
        yield batch.select(columns)
