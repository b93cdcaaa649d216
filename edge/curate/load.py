"""A table of edge-grade as columns of pyarrow, whatever its format, and however its last run ended."""

from __future__ import annotations

import csv
import importlib
import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError, brief, reason_of
from edge.grading.table.columns import SCHEMA, TABLE_COLUMNS, format_of, other_table
from edge.grading.table.parquet import arrow, read_batches, schema
from edge.grading.table.table import rows_beside

_BLOCK = 8 << 20  # bytes of lines read at a time


def load_table(path: Path, columns: Sequence[str]) -> Any:
    """Columns of a table, one row a photograph.

    Args:
        path: a table of ``edge-grade --table``.
        columns: their names.

    Returns:
        A ``pyarrow.Table`` of these columns, rows in their order.

    Raises:
        EdgeError: it is missing, damaged, of another version, or pyarrow is.
    """
    pa = arrow("edge-curate")
    wanted = list(dict.fromkeys(columns))
    fields = pa.schema([schema().field(name) for name in wanted])
    table = pa.Table.from_batches(list(table_batches(path, wanted)), schema=fields)
    kept = kept_rows(path)
    return table if kept is None else table.filter(pa.array(kept))


def kept_rows(path: Path) -> NDArray[np.bool_] | None:
    """Which rows count, bool (rows,): the last one of each photograph; None where all do, as when a run has ended."""
    pa = arrow("edge-curate")
    batches = list(table_batches(path, ["path"]))
    paths = pa.Table.from_batches(batches, schema=pa.schema([schema().field("path")])).column(0)
    codes = paths.combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    numbers, names = codes.indices.to_numpy(), len(codes.dictionary)
    if names == len(numbers):
        return None
    last = np.zeros(names, np.int64)
    np.maximum.at(last, numbers, np.arange(len(numbers)))
    kept = np.zeros(len(numbers), bool)
    kept[last] = True
    return kept


def table_batches(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    """The rows of a table, superseded ones too, as record batches: few in memory at a time.

    Raises:
        EdgeError: see ``load_table``.
    """
    kind, beside = format_of(path), rows_beside(path)
    wanted = list(columns)
    if not path.is_file() and not (kind == "parquet" and beside.is_file()):
        raise EdgeError(f"{path} is no file: give a table that edge-grade --table has written.")
    if kind == "parquet":
        if path.is_file():
            yield from read_batches(path, wanted)
        if beside.is_file():  # a run goes on, or was killed
            yield from _line_batches(beside, "jsonl", wanted)
    else:
        yield from _line_batches(path, kind, wanted)


def _line_batches(path: Path, kind: str, columns: list[str]) -> Iterator[Any]:
    pa = arrow("edge-curate")
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                return
            bytes_of = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # closed with the last buffer of pyarrow
        end = bytes_of.rfind(b"\n") + 1  # behind it there is what a killed run left of a row
        begins = 0
        if kind == "csv":
            begins = bytes_of.find(b"\n") + 1
            _check_header(path, bytes_of[:begins], columns)
        if end > begins:
            yield from _parsed(pa, pa.BufferReader(pa.py_buffer(bytes_of).slice(0, end)), kind, columns, path)
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({reason_of(error)}): check its permissions and the disk.") from None
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
