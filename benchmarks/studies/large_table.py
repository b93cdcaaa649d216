"""The report of a table of a million rows: ``python -m benchmarks.studies.large_table --rows 1000000``.

Makes such a table in a temporary folder (scores, causes, cameras and hashes at random, a hundredth of them near
duplicates), then its report, and prints seconds, peak memory and the size of the page as JSON. Nothing is kept.
"""

from __future__ import annotations

import base64
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import typer

from edge.commands.console import cli
from edge.curate.report import make_report
from edge.findings.cause import CAUSES
from edge.grading.table.columns import GRID, SCHEMA
from edge.grading.table.parquet import schema, write_parquet

_BATCH = 50_000
_CAMERAS = ("Canon CR-2", "Topcon NW400", "NIDEK AFC-330", "")
_MAPS = 200  # different ones

app = cli.new_app(
    "Time the report of a large table.\n\nExample: python -m benchmarks.studies.large_table --rows 100000"
)
main = cli.main_of(app)


@app.command()
def large_table(rows: Annotated[int, typer.Option(min=1000, help="Of the table.")] = 1_000_000) -> None:
    """Make the table, make the report, measure."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "large.parquet"
        with path.open("wb") as file:
            write_parquet(file, _batches(rows), [])
        made_mib = _peak_mib()
        start, cpu = time.monotonic(), time.process_time()
        report = make_report(path, Path(name), pictures=False)
        told = {
            "rows": report.rows,
            "seconds": round(time.monotonic() - start, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
            "peak_mib": round(_peak_mib()),
            "peak_mib_before": round(made_mib),
            "page_mb": round(len(report.page) / 1e6, 2),
        }
        print(json.dumps(told))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _batches(rows: int) -> Iterator[Any]:
    generator = np.random.default_rng(0)
    cells = generator.integers(0, 251, (_MAPS, GRID * GRID)).astype(np.uint8)
    maps = [base64.b64encode(each.tobytes()).decode() for each in cells]
    before = generator.integers(0, 256, (_BATCH, 32)).astype(np.uint8)
    for top in range(0, rows, _BATCH):
        count = min(_BATCH, rows - top)
        looks = generator.integers(0, 256, (count, 32)).astype(np.uint8)
        near = generator.random(count) < 0.01
        looks[near] = before[: near.sum()]
        looks[near, 0] ^= 5
        before = looks if count == _BATCH else before
        yield pa.RecordBatch.from_pydict(_columns(generator, top, looks, maps), schema=schema())


def _columns(generator: np.random.Generator, top: int, looks: Any, maps: list[str]) -> dict[str, Any]:
    count = len(looks)
    score = np.clip(generator.normal(0.9, 0.1, count), 0, 1).round(6)
    verdict = np.where(score >= 0.953, "good", np.where(score >= 0.770, "usable", "reject"))
    text: dict[str, Any] = {field.name: [""] * count for field in schema() if field.type == pa.string()}
    whole: dict[str, Any] = {field.name: [None] * count for field in schema() if field.type != pa.string()}
    days = generator.integers(0, 3000, count)
    return (
        text
        | whole
        | {
            "path": [f"archive/site{number % 7}/{number:07}.jpg" for number in range(top, top + count)],
            "score": score,
            "verdict": verdict,
            "cause": np.where(verdict == "good", "", generator.choice(CAUSES, count)),
            "camera": generator.choice(_CAMERAS, count),
            "site": [f"site{number % 7}" for number in range(top, top + count)],
            "taken": (np.datetime64("2015-01-01") + days).astype(str),
            "eye": generator.choice(["right", "left", ""], count),
            "map": [maps[each] for each in generator.integers(0, _MAPS, count)],
            "hash": [each.tobytes().hex() for each in looks],
            "sha256": [f"{number - number % 200 // 199:064x}" for number in range(top, top + count)],
            "schema": np.full(count, SCHEMA),
        }
    )


if __name__ == "__main__":
    main()
