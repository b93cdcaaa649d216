"""A table as a file that grows: what is in it, rows that are added, and what becomes of rows that count no more."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edge.errors import EdgeError, reason_of
from edge.files.atomic import replacing
from edge.grading.table.columns import Format, Row, format_of
from edge.grading.table.index import Index
from edge.grading.table.lines import HEADER, LineFormat, Lines, raw_lines, rows_of
from edge.grading.table.parquet import arrow, batches_of, open_parquet, write_parquet

_KEYS = ["path", "size", "modified", "sha256", "verdict", "model", "settings"]


def rows_beside(path: Path) -> Path:
    """Where the rows of a Parquet table are while it grows: Parquet cannot be appended to."""
    return path.with_name(path.name + ".rows.jsonl")


class Table:
    """A table that is being written.

    CSV and JSON Lines grow by a line a row. Of Parquet new rows go to a file beside it, which ``settle`` moves into it.

    Attributes:
        index: what it holds.
    """

    def __init__(self, path: Path) -> None:
        """Open it, or begin it.

        Raises:
            EdgeError: it is no table, of another version, in use, or cannot be written; or pyarrow is missing.
        """
        self.path = Path(os.path.realpath(path))  # a link stays
        self._format: Format = format_of(path)
        if self._format == "parquet":
            arrow()
        if not self.path.parent.is_dir():
            raise EdgeError(f"{path} cannot be a table: there is no folder {self.path.parent}; make it first.")
        kind: LineFormat = "csv" if self._format == "csv" else "jsonl"
        mode = self.path.stat().st_mode & 0o666 if self.path.is_file() else 0o666  # who may not read it reads no rows
        self._lines = Lines(rows_beside(self.path) if self._format == "parquet" else self.path, kind, mode)
        self.index = Index()
        try:
            for row in self._known():
                self.index.add(row)
        except BaseException:
            self.close()
            raise

    def _known(self) -> Iterator[Row | None]:
        if self._format == "parquet" and self.path.exists():
            with open_parquet(self.path) as file:
                for batch in batches_of(file, self.path, _KEYS):
                    yield from batch.to_pylist()
        yield from rows_of(self._lines.path, self._lines.kind)

    def add(self, row: Row) -> None:
        """Add a row, which supersedes an earlier one of the same photograph.

        Raises:
            EdgeError: it cannot be written; what was there is whole.
        """
        self._lines.add(row)
        self.index.add(row)

    def settle(self) -> None:
        """Leave one row a photograph, and of Parquet one file.

        Raises:
            EdgeError: the table cannot be written; nothing is lost.
        """
        try:
            if self._format == "parquet":
                self._settle_parquet()
            elif self.index.has_superseded():
                with replacing(self.path, like=self.path.stat()) as file:
                    if self._format == "csv":
                        file.write(HEADER)
                    file.writelines(_without(raw_lines(self.path, self._lines.kind), self.index.superseded()))
        except OSError as error:
            raise EdgeError(
                f"{self.path} cannot be finished ({reason_of(error)}): free some space, and run the same command "
                "again; all rows are kept."
            ) from None

    def _settle_parquet(self) -> None:
        beside = self._lines.path
        if self.path.exists() and self._lines.is_empty() and not self.index.has_superseded():
            beside.unlink()
            return
        like = self.path.stat() if self.path.exists() else None
        left = _Left(self.index.superseded())
        with replacing(self.path, like=like) as file:
            write_parquet(file, self._kept_batches(left), left.rows(rows_of(beside, "jsonl")))
        beside.unlink()

    def _kept_batches(self, left: _Left) -> Iterator[Any]:
        if self.path.exists():
            with open_parquet(self.path) as file:
                for batch in batches_of(file, self.path):
                    kept = left.mask(batch.num_rows)
                    yield batch if all(kept) else batch.filter(arrow().array(kept))

    def close(self) -> None:
        """Close its files, as they are; may be called twice."""
        if self._format == "parquet" and self._lines.is_there() and self._lines.is_empty():
            with contextlib.suppress(OSError):
                self._lines.path.unlink()
        self._lines.close()
        self.index.close()

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Left:
    """Rows in their order, but for those that count no more."""

    def __init__(self, gone: Iterable[int]) -> None:
        self._gone = iter(gone)
        self._next = next(self._gone, -1)
        self._at = 0

    def mask(self, count: int) -> list[bool]:
        """Which of the next rows stay."""
        return [self._stays() for _ in range(count)]

    def rows(self, rows: Iterable[Row | None]) -> Iterator[Row]:
        """Those of the next rows that stay."""
        return (row for row in rows if self._stays() and row is not None)

    def _stays(self) -> bool:
        at, self._at = self._at, self._at + 1
        if at != self._next:
            return True
        self._next = next(self._gone, -1)
        return False


def _without(lines: Iterable[bytes], gone: Iterable[int]) -> Iterator[bytes]:
    left = _Left(gone)
    return (line for line in lines if left.mask(1)[0])
