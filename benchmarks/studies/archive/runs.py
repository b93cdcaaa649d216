"""``edge-grade`` over an archive, as a user runs it: killed at a number of rows, or with a worker killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_SECONDS = 0.2  # between two looks
_MIB = 1 << 20
_GRADE = [sys.executable, "-c", "from edge.commands.grade import main; main()"]


@dataclass
class _Rows:
    """How many lines a file has that grows; one that Parquet is written to has none until its end."""

    path: Path
    lines: int = 0
    read: int = 0

    def count(self) -> int:
        """Read what is new."""
        if self.path.suffix != ".parquet" and self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self.read)
                while piece := file.read(_MIB):
                    self.read += len(piece)
                    self.lines += piece.count(b"\n")
        return self.lines


def graded(folder: Path, table: Path, growing: Path, until: int | None) -> dict[str, Any]:
    """Grade, and kill that at a number of rows, or let it end.

    Args:
        folder: of the photographs.
        table: the result.
        growing: the file that rows are written to.
        until: rows; None to let it end.

    Returns:
        Rows where it was killed, exit code, seconds, and the most memory of all its processes, early and late.
    """
    start, peaks, rows = time.monotonic(), [], _Rows(growing)
    command = [*_GRADE, str(folder), "--table", str(table), "--json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
        process = psutil.Process(run.pid)
        while run.poll() is None:
            time.sleep(_SECONDS)
            peaks.append(_rss(process))
            if until is not None and rows.count() >= until:
                run.kill()
        code = run.returncode
    third = max(1, len(peaks) // 3)
    return {
        "killed_at": rows.lines if until is not None else None,
        "exit": code,
        "seconds": round(time.monotonic() - start, 1),
        "peak_mib_first_third": round(max(peaks[:third]) / _MIB, 1),
        "peak_mib_last_third": round(max(peaks[-third:]) / _MIB, 1),
    }


def graded_on_ray(folder: Path, table: Path, growing: Path, until: int) -> dict[str, Any]:
    """Grade on the cores of this machine by Ray, and kill one of its workers at a number of rows.

    Args:
        folder, table, growing: see ``graded``.
        until: rows.

    Returns:
        How many workers were killed, and where; exit code and seconds.
    """
    start, rows, killed, at = time.monotonic(), _Rows(growing), 0, 0
    command = [*_GRADE, str(folder), "--table", str(table), "--on", "ray", "--json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None:
            time.sleep(_SECONDS)
            if not killed and rows.count() >= until:
                for worker in _ray_workers(run.pid)[:1]:
                    worker.kill()
                    killed, at = 1, rows.lines
        code = run.returncode
    return {"workers_killed": killed, "killed_at": at, "exit": code, "seconds": round(time.monotonic() - start, 1)}


def _ray_workers(pid: int) -> list[psutil.Process]:
    found = []
    for each in _family(psutil.Process(pid)):
        try:
            found += [each] if "MapWorker" in " ".join(each.cmdline()) else []
        except psutil.Error:
            continue
    return found


def _rss(process: psutil.Process) -> int:
    """Of the process and those that it has started."""
    total = 0
    for each in _family(process):
        try:
            total += int(each.memory_info().rss)
        except psutil.Error:
            continue
    return total


def _family(process: psutil.Process) -> Iterator[psutil.Process]:
    yield process
    try:
        yield from process.children(recursive=True)
    except psutil.Error:
        return
