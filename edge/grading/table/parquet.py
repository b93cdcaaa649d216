"""Rows as Parquet, through pyarrow: a file of it is written as a whole."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from edge.errors import EdgeError, brief
from edge.grading.table.columns import SCHEMA, TABLE_COLUMNS, Row, other_table

_ROWS = 10_000  # in memory at a time, and of a row group
_KINDS = {"text": "string", "number": "float64", "whole": "int64"}


def arrow(what: str = "a table in Parquet") -> Any:
    """The module pyarrow.

    Raises:
        EdgeError: it is not installed; ``what`` needs it.
    """
    try:
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise EdgeError(f'{what} needs {error.name}: pip install "efiqa-edge[curate]".') from error


def schema() -> Any:
    """The columns for pyarrow."""
    pa = arrow()
    return pa.schema([pa.field(name, getattr(pa, _KINDS[kind])()) for name, kind in TABLE_COLUMNS.items()])


def open_parquet(path: Path, exact: bool = True) -> Any:
    """Open a table.

    Args:
        path: the table.
        exact: whether it must have these columns and no others, as where more is written to it.

    Raises:
        EdgeError: it is damaged, or of another version.
    """
    pa = arrow()
    try:
        file = importlib.import_module("pyarrow.parquet").ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise EdgeError(f"{path} cannot be read as Parquet ({brief(error)}): copy it again, or remove it.") from None
    names = file.schema_arrow.names
    if exact and not file.schema_arrow.equals(schema()):
        raise other_table(path, names)
    if "schema" not in names:
        raise other_table(path, names)
    return file


def batches_of(file: Any, path: Path, columns: list[str] | None = None) -> Iterator[Any]:
    """The rows of an open table as record batches of pyarrow.

    Another program may have written it, with more columns, or other kinds of text and number; a text that is null is
    empty.

    Args:
        file: of ``open_parquet``.
        path: its path.
        columns: those that are wanted; None for all.

    Raises:
        EdgeError: it is damaged, of another version, or lacks one of them.
    """
    pa, compute = arrow(), importlib.import_module("pyarrow.compute")
    names = list(TABLE_COLUMNS) if columns is None else columns
    fields = pa.schema([schema().field(name) for name in names])
    if not {*names} <= {*file.schema_arrow.names}:
        raise other_table(path, file.schema_arrow.names)
    try:
        for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys([*names, "schema"]))):
            if {*compute.unique(batch.column("schema")).to_pylist()} - {SCHEMA}:
                raise other_table(path)
            made = [batch.column(field.name).cast(field.type) for field in fields]
            filled = [compute.fill_null(each, "") if each.type == pa.string() else each for each in made]
            yield pa.RecordBatch.from_arrays(filled, schema=fields)
    except (OSError, pa.ArrowException) as error:
        raise EdgeError(f"{path} cannot be read ({brief(error)}): it is damaged; copy it again.") from None


def write_parquet(file: IO[bytes], parts: Iterable[Any], rows: Iterable[Row]) -> None:
    """Write record batches, and rows behind them.

    Raises:
        OSError: it cannot be written.
    """
    pa, columns = arrow(), schema()
    writer = importlib.import_module("pyarrow.parquet").ParquetWriter(file, columns, compression="zstd")
    with writer:
        for part in parts:
            if part.num_rows:
                writer.write_batch(part)
        left = iter(rows)
        while batch := list(islice(left, _ROWS)):
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=columns))
