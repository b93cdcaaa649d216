"""Choosing photographs of a table, and what is made of the choice: lists, links or copies."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edge.curate.duplicates import Duplicates, find_duplicates
from edge.curate.expression import parse_expression
from edge.curate.load import load_table
from edge.errors import EdgeError, reason_of
from edge.files.atomic import replacing
from edge.grading.table.columns import SCHEMA, TABLE_COLUMNS, format_of
from edge.grading.table.fingerprint import facts_of
from edge.grading.table.lines import HEADER, line_of
from edge.grading.table.parquet import write_parquet
from edge.progress import followed
from edge.sources.elsewhere import How, place_below, source_of
from edge.sources.shared import Shared
from edge.sources.source import Source, held

Once = Literal["exact", "near"]
Placing = Literal["link", "copy"]
_BATCH = 10_000
HOW = How()


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        table: all columns of the rows that were, a ``pyarrow.Table``.
        of: how many photographs there were.
    """

    table: Any
    of: int


def select_rows(
    path: Path, keep: str | None, once: Once | None = None, drop: str | None = None, rows: bool = True
) -> Choice:
    """Choose rows.

    Args:
        path: a table of ``edge-grade --table``.
        keep: an expression that is true of what is wanted, see ``edge.curate.expression``; None for all.
        once: of photographs with the same bytes, or of the same picture, take the one with the best score.
        drop: an expression that is true of what is not wanted.
        rows: whether whole rows are wanted; without their maps a large table takes half the memory.

    Raises:
        EdgeError: the table cannot be read, or an expression is none.
    """
    asked = [(parse_expression(text), wanted) for text, wanted in ((keep, True), (drop, False)) if text is not None]
    table = load_table(path, [name for name in TABLE_COLUMNS if rows or name != "map"])
    chosen = table
    for expression, wanted in asked:
        chosen = chosen.filter(expression if wanted else ~expression)
    if once is not None and chosen.num_rows:
        found = find_duplicates(chosen.column("sha256"), chosen.column("hash"))
        chosen = chosen.take(np.flatnonzero(best_of(found, once, chosen.column("score").to_numpy())))
    return Choice(chosen, table.num_rows)


def best_of(duplicates: Duplicates, once: Once, score: Any) -> Any:
    """Which rows stay, bool (rows,): of each group the first with the best score."""
    group = duplicates.exact if once == "exact" else duplicates.near
    rows = np.flatnonzero(group >= 0)
    order = rows[np.lexsort((rows, -np.nan_to_num(score[rows], nan=-1), group[rows]))]
    first = np.r_[True, group[order][1:] != group[order][:-1]][: len(order)]
    stays = group < 0
    stays[order[first]] = True
    return stays


def write_list(choice: Choice, out: Path) -> None:
    """Write the choice: ``.txt`` is a path a line, ``.csv``, ``.jsonl`` and ``.parquet`` are tables of its rows.

    Raises:
        EdgeError: it cannot be written.
    """
    try:
        with replacing(out, like=out.stat() if out.exists() else None) as file:
            if out.suffix.lower() == ".txt":
                file.writelines(f"{path}\n".encode() for path in choice.table.column("path").to_pylist())
            elif (kind := format_of(out)) == "parquet":
                write_parquet(file, choice.table.to_batches(_BATCH), [])
            else:
                file.write(HEADER if kind == "csv" else b"")
                for batch in choice.table.to_batches(_BATCH):
                    file.writelines(line_of(row | {"schema": SCHEMA}, kind) for row in batch.to_pylist())
    except OSError as error:
        raise EdgeError(f"{out} cannot be written ({reason_of(error)}): check the folder and the disk.") from None


def place_files(paths: Sequence[str], root: Path, folder: Path, placing: Placing, how: How = HOW) -> Iterator[str]:
    """Link or copy photographs into a folder, with the sub-folders that tell them apart.

    What is there already and is the same file, or of the same size and time, stays.

    Args:
        paths: of the table.
        root: the folder that they are relative to.
        folder: where to; it is made.
        placing: a symbolic link, or a copy with its time.
        how: photographs are reached that are no files.

    Yields:
        For each path what is wrong; empty where it was placed.

    Raises:
        EdgeError: the folder cannot be made, or its disk is full.
    """
    targets = _targets(paths)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeError(f"{folder} cannot be made ({reason_of(error)}): give another folder.") from None
    with Shared() as shared:
        for path in followed(paths, placing, len(paths)):
            try:
                _placed(place_below(root, path), folder / targets[path], placing, (how, shared))
                yield ""
            except (OSError, EdgeError) as error:
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    raise EdgeError(
                        f"{folder} has no room for more ({reason_of(error)}): free some space and run the same command "
                        "again; what is there stays."
                    ) from None
                gone = isinstance(error, FileNotFoundError)
                why = f"it is not below {os.path.abspath(root)}: see --root" if gone else reason_of(error).rstrip(".")  # noqa: PTH100
                yield f"{path} gets no {placing} ({why})."


def _placed(name: str, target: Path, placing: Placing, run: tuple[How, Shared]) -> None:
    source = source_of(name, *run)
    if source is None:
        _place(Path(os.path.abspath(name)), target, placing)  # noqa: PTH100
    elif placing == "copy":
        _unpack(source, run[1], target)
    else:
        raise EdgeError("it is no file of its own: give --copies")


def _unpack(source: Source, shared: Shared, target: Path) -> None:
    """Write what is no file of its own to one."""
    with held(source, shared) as found:
        if target.exists():
            if target.stat().st_size == found.size and facts_of(target).sha256 == found.sha256:
                return
            raise FileExistsError(17, "another file is there")
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file, found.path.open("rb") as read:
            shutil.copyfileobj(read, file, 1 << 20)


def _targets(paths: Sequence[str]) -> dict[str, Path]:
    """Places below the folder: without what all paths have in common."""
    absolute = {path: Path(os.path.abspath(path)) for path in paths}  # noqa: PTH100
    common = os.path.commonpath([path.parent for path in absolute.values()]) if absolute else ""
    return {path: full.relative_to(common) for path, full in absolute.items()}


def _place(source: Path, target: Path, placing: Placing) -> None:
    about = source.stat()
    if not stat.S_ISREG(about.st_mode):
        raise EdgeError("it is no file")
    with contextlib.suppress(FileNotFoundError):
        there = target.stat()
        same = (there.st_size, there.st_mtime_ns) == (about.st_size, about.st_mtime_ns)
        if os.path.samestat(there, about) or (placing == "copy" and same):
            return
        raise FileExistsError(17, "another file is there")
    target.parent.mkdir(parents=True, exist_ok=True)
    if placing == "link":
        target.symlink_to(source)
        return
    with replacing(target) as file, source.open("rb") as read:
        shutil.copyfileobj(read, file, 1 << 20)
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))
