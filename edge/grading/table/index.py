"""Which photographs a table holds: in a database on the disk that goes with the run, so that it takes no memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edge.errors import EdgeError, brief
from edge.grading.table.columns import Row

_CACHE_KIB = 8192
_TABLES = (
    "create table rows (path text primary key, number int, size int, modified int, sha256 text, verdict text, "
    "model text, settings text) without rowid",
    "create table superseded (number integer primary key)",
    "create table met (path text primary key, mark text) without rowid",
)
# A row whose photograph has another row behind it is superseded, as is one that is damaged.
_ADD = "insert or replace into rows values (?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Known:
    """What the table knows of a photograph; ``verdict`` is empty where it could not be graded."""

    size: int | None
    modified: int | None
    sha256: str
    verdict: str
    model: str
    settings: str


class Index:
    """Rows by path and by content.

    Each method raises an ``EdgeError`` where the disk has no room for it.
    """

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None)  # a file without a name, which SQLite makes and removes
        self._ask(f"pragma cache_size = -{_CACHE_KIB}")
        self._ask("pragma journal_mode = off")
        for words in _TABLES:
            self._ask(words)
        self._ask("begin")  # never committed: one large transaction is fast
        self._count = 0

    def _ask(self, words: str, *values: Any) -> sqlite3.Cursor:
        try:
            return self._base.execute(words, values)
        except sqlite3.Error as error:
            raise EdgeError(
                f"the index of the table has no room ({brief(error)}): free some space where temporary files go, or "
                "set SQLITE_TMPDIR to another folder, and run the same command again; all rows are kept."
            ) from None

    def add(self, row: Row | None) -> None:
        """Note the next row of the table; None for a damaged one."""
        number, self._count = self._count, self._count + 1
        if row is None:
            self._ask("insert into superseded values (?)", number)
            return
        before = self._ask("select number from rows where path = ?", row["path"]).fetchone()
        if before is not None:
            self._ask("insert into superseded values (?)", *before)
        told = (row[name] for name in ("size", "modified", "sha256", "verdict", "model", "settings"))
        self._ask(_ADD, row["path"], number, *told)

    def find(self, path: str) -> Known | None:
        """What is known of a path."""
        query = "select size, modified, sha256, verdict, model, settings from rows where path = ?"
        found = self._ask(query, path).fetchone()
        return None if found is None else Known(*found)

    def meet(self, path: str, mark: str) -> str | None:
        """Note a photograph of this run; the mark that its path was met with before, None where it was not."""
        before = self._ask("select mark from met where path = ?", path).fetchone()
        if before is None:
            self._ask("insert into met values (?, ?)", path, mark)
        return None if before is None else str(before[0])

    def superseded(self) -> Iterator[int]:
        """Numbers of rows that count no more, ascending."""
        yield from (number for (number,) in self._ask("select number from superseded order by number"))

    def has_superseded(self) -> bool:
        """Whether there are such rows."""
        return self._ask("select 1 from superseded limit 1").fetchone() is not None

    def size(self) -> int:
        """How many photographs it holds."""
        return int(self._ask("select count(*) from rows").fetchone()[0])

    def copies(self) -> int:
        """How many photographs have the same bytes as another one before them."""
        query = "select coalesce(sum(n - 1), 0) from (select count(*) n from rows where sha256 != '' group by sha256)"
        return int(self._ask(query).fetchone()[0])

    def close(self) -> None:
        """Remove it."""
        self._base.close()
