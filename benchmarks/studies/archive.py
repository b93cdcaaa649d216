"""An archive graded into a table with kills and resumes: whether each photograph is there once, and how much memory.

``python -m benchmarks.studies.archive --count 100000`` makes synthetic photographs in a temporary folder, kills
``edge-grade --table`` three times, lets it end, and prints one JSON object. Nothing is kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import psutil
import typer

from edge.commands.console import cli
from edge.curate.load import load_table
from edge.grading.table.table import rows_beside
from edge.phantom.retina import phantom_frame
from edge.progress import followed

_EYES = 16
_FOLDER = 500  # photographs in each
_SECONDS = 0.2  # between two looks at the memory
_MIB = 1 << 20

app = cli.new_app(
    "Grade an archive with kills, and measure.\n\nExample: python -m benchmarks.studies.archive --count 2000"
)
main = cli.main_of(app)


@app.command()
def archive(
    count: Annotated[int, typer.Option(min=100, help="Photographs.")] = 100_000,
    kills: Annotated[int, typer.Option(min=0, help="How often the run is killed.")] = 3,
    format_name: Annotated[str, typer.Option("--format", help="parquet, csv or jsonl.")] = "parquet",
) -> None:
    """Make, grade, kill, grade on, count."""
    with tempfile.TemporaryDirectory() as name:
        folder, table = Path(name) / "photographs", Path(name) / f"table.{format_name}"
        _make(folder, count)
        growing = rows_beside(table) if format_name == "parquet" else table
        runs = [_graded(folder, table, growing, count * (number + 1) // (kills + 1)) for number in range(kills)]
        runs.append(_graded(folder, table, growing, None))
        paths = load_table(table, ["path"]).column("path").to_pylist()
        wanted = {str(path) for path in folder.rglob("*.jpg")}
        told = {
            "photographs": count,
            "rows": len(paths),
            "lost": len(wanted - set(paths)),
            "twice": len(paths) - len(set(paths)),
            "table_mib": round(table.stat().st_size / _MIB, 1),
            "runs": runs,
        }
        print(json.dumps(told))


def _make(folder: Path, count: int) -> None:
    """Photographs that all differ, of a few synthetic eyes, small: what is tested is their number."""
    eyes = [cv2.resize(phantom_frame(seed), (320, 240), interpolation=cv2.INTER_AREA) for seed in range(_EYES)]
    generator = np.random.default_rng(0)
    for number in followed(range(count), "making photographs", count):
        path = folder / f"{number // _FOLDER:05}" / f"{number:07}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        eye = eyes[number % _EYES].astype(np.float32) * generator.uniform(0.7, 1.1)
        cv2.imwrite(str(path), np.clip(eye + generator.normal(0, 2, (1, 320, 3)), 0, 255).astype(np.uint8))


def _graded(folder: Path, table: Path, growing: Path, until: int | None) -> dict[str, Any]:
    """Run edge-grade, kill it at a number of rows, or let it end; peak memory of all its processes, early and late."""
    command = [sys.executable, "-c", "from edge.commands.grade import main; main()", str(folder), "--table", str(table)]
    start, peaks, rows = time.monotonic(), [], 0
    with subprocess.Popen([*command, "--json"], stdout=subprocess.DEVNULL) as run:
        process = psutil.Process(run.pid)
        while run.poll() is None:
            time.sleep(_SECONDS)
            rows = _lines(growing) or rows
            peaks.append(_rss(process))
            if until is not None and rows >= until:
                run.kill()
        code = run.returncode
    seconds = time.monotonic() - start
    third = max(1, len(peaks) // 3)
    return {
        "killed_at": rows if until is not None else None,
        "exit": code,
        "seconds": round(seconds, 1),
        "peak_mib_first_third": round(max(peaks[:third]) / _MIB, 1),
        "peak_mib_last_third": round(max(peaks[-third:]) / _MIB, 1),
    }


def _lines(path: Path) -> int:
    if not path.exists() or path.suffix == ".parquet":
        return 0
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(_MIB), b""))


def _rss(process: psutil.Process) -> int:
    """Of the process and those that it has started."""
    total = 0
    for each in [process, *_children(process)]:
        try:
            total += int(each.memory_info().rss)
        except psutil.Error:
            continue
    return total


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


if __name__ == "__main__":
    main()
