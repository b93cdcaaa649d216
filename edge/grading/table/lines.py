"""Rows as lines of CSV or JSON, appended one by one: a row is in the file, and whole, as soon as it is added."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from edge.errors import EdgeError, reason_of
from edge.files.table import csv_text, text_cell
from edge.grading.table.columns import SCHEMA, TABLE_COLUMNS, Cell, Kind, Row, other_table

_SYNC_S = 10.0  # what a power cut may take; what a killed process has added stays
_TAIL = 1 << 16
HEADER = csv_text([tuple(TABLE_COLUMNS)]).encode()
LineFormat = Literal["csv", "jsonl"]


class Lines:
    """The lines of a file, which is made if it is missing, and locked until it is closed."""

    def __init__(self, path: Path, kind: LineFormat, mode: int = 0o666) -> None:
        """Open it, and cut off the part of a row that a killed run left.

        Args:
            path: the file.
            kind: of its lines.
            mode: its permissions where it is made, but for those that the umask takes.

        Raises:
            EdgeError: it cannot be written, is in use, or has other columns.
        """
        self.path, self.kind, self._file, self._mode = path, kind, -1, mode
        try:
            self._open()
            start = os.pread(self._file, len(HEADER), 0)
            if not _may_begin(start, kind):  # before a byte of it is changed
                raise other_table(path)
            self._end = _whole_length(self._file)
            os.ftruncate(self._file, self._end)
        except OSError as error:
            self.close()
            raise _unwritten(path, error) from None
        except EdgeError:
            self.close()
            raise
        self._synced = time.monotonic()

    def _open(self) -> None:
        while not self.is_there():  # a run that ended in this moment has replaced or removed what was opened
            self.close()
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, self._mode)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                words = f"{self.path} is in use: wait for the other edge-grade, or give another name."
                raise EdgeError(words) from None

    def is_there(self) -> bool:
        """Whether the file that is open still has its name; else that may be the file of another run."""
        with contextlib.suppress(FileNotFoundError):
            return self._file >= 0 and os.path.samestat(os.fstat(self._file), self.path.stat())
        return False

    def is_empty(self) -> bool:
        """Whether there is no row."""
        return not self._end

    def add(self, row: Row) -> None:
        """Append a row.

        Raises:
            EdgeError: it cannot be written; the rows before it are whole.
        """
        line = line_of(row, self.kind)
        if self.kind == "csv" and not self._end:
            line = HEADER + line
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            self._end += len(line)
            if time.monotonic() - self._synced > _SYNC_S:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            os.ftruncate(self._file, self._end)
            raise _unwritten(self.path, error) from None

    def close(self) -> None:
        """Close it; may be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def line_of(row: Row, kind: LineFormat) -> bytes:
    """A row as one line."""
    if kind == "jsonl":
        return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode()
    return (",".join(_text(row[name]) for name in TABLE_COLUMNS) + "\n").encode()


def raw_lines(path: Path, kind: LineFormat) -> Iterator[bytes]:
    """The whole lines of a file, but for the header."""
    with path.open("rb") as file:
        lines = iter(file)
        if kind == "csv":
            next(lines, b"")
        yield from (line for line in lines if line.endswith(b"\n"))


def rows_of(path: Path, kind: LineFormat) -> Iterator[Row | None]:
    """The rows of a file; None for a line that is damaged, as by a power cut.

    Raises:
        EdgeError: they are of another version, or the file cannot be read.
    """
    parse: Callable[[bytes], Row | None] = _of_json if kind == "jsonl" else _of_csv
    try:
        for line in raw_lines(path, kind):
            row = parse(line)
            if row is not None and row.get("schema") != SCHEMA:
                raise other_table(path)
            yield row if row is not None and _fits(row) else None
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({reason_of(error)}): check its permissions and the disk.") from None


def _of_json(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _fits(row: Row) -> bool:
    """Whether it has all columns, each with what can be in it."""
    try:
        "".join(str(row[name]) for name in TABLE_COLUMNS).encode()  # JSON can hold letters that are none
    except (KeyError, ValueError):
        return False
    return all(_is_cell(row[name], kind) for name, kind in TABLE_COLUMNS.items())


def _is_cell(cell: object, kind: Kind) -> bool:
    if kind == "text":
        return isinstance(cell, str)
    if cell is None:
        return True
    return type(cell) is int and abs(cell) < 1 << 63 if kind == "whole" else type(cell) in (float, int)


def _of_csv(line: bytes) -> Row | None:
    try:
        (cells,) = csv.reader([line.decode()], strict=True)
        if len(cells) != len(TABLE_COLUMNS):
            return None
        return {name: _cell(text, name) for name, text in zip(TABLE_COLUMNS, cells, strict=True)}
    except (ValueError, csv.Error):
        return None


def _cell(text: str, name: str) -> Cell:
    kind = TABLE_COLUMNS[name]
    if kind == "text":
        return text
    return None if not text else float(text) if kind == "number" else int(text)


def _text(cell: Cell) -> str:
    return text_cell(cell) if isinstance(cell, str) else "" if cell is None else str(cell)


def _may_begin(start: bytes, kind: LineFormat) -> bool:
    """Whether a table may begin with these bytes; they may be few, where a run was killed at once."""
    begins = HEADER if kind == "csv" else b'{"path": "'
    return start.startswith(begins) or begins.startswith(start)


def _whole_length(file: int) -> int:
    """Bytes up to the end of the last whole line."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - _TAIL)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _unwritten(path: Path, error: OSError) -> EdgeError:
    return EdgeError(
        f"{path} cannot be written ({reason_of(error)}): check the folder and the disk; its rows are kept."
    )
