"""An archive graded into a table with kills and resumes: whether each photograph is there once, and how much memory.

``python -m benchmarks.studies.archive --count 100000`` makes photographs in a temporary folder, kills ``edge-grade
--table`` three times, lets it end, and prints one JSON object. With ``--ray`` the archive is graded once more, on Ray,
one of whose workers is killed, and both tables are compared row by row. Nothing is kept.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.studies.archive.photographs import make_archive
from benchmarks.studies.archive.runs import graded, graded_on_ray
from edge.commands.console import cli
from edge.curate.load import load_table
from edge.grading.table.columns import TABLE_COLUMNS
from edge.grading.table.table import rows_beside

app = cli.new_app(
    "Grade an archive with kills, and measure.\n\nExample: python -m benchmarks.studies.archive --count 2000"
)
main = cli.main_of(app)


@app.command()
def archive(
    count: Annotated[int, typer.Option(min=100, help="Photographs.")] = 100_000,
    kills: Annotated[int, typer.Option(min=0, help="How often the run is killed.")] = 3,
    format_name: Annotated[str, typer.Option("--format", help="parquet, csv or jsonl.")] = "parquet",
    photographs: Annotated[Path | None, typer.Option(help="Folder of photographs, of which half are made.")] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Grade them on Ray too, and compare.")] = False,
) -> None:
    """Make, grade, kill, grade on, count."""
    with tempfile.TemporaryDirectory() as name:
        folder, table = Path(name) / "photographs", Path(name) / f"table.{format_name}"
        make_archive(folder, count, photographs)
        growing = _growing(table)
        runs: list[dict[str, Any]] = []
        stops = [count * (number + 1) // (kills + 1) for number in range(kills)]
        for at in (*stops, None):
            runs.append(graded(folder, table, growing, at))
            cli.err.print(json.dumps(runs[-1]), markup=False)  # an hour's work, of which each part is worth having
        paths = load_table(table, ["path"]).column("path").to_pylist()
        wanted = {str(path) for path in folder.rglob("*.jpg")}
        told = {
            "photographs": count,
            "rows": len(paths),
            "lost": len(wanted - set(paths)),
            "twice": len(paths) - len(set(paths)),
            "table_mib": round(table.stat().st_size / (1 << 20), 1),
            "runs": runs,
        }
        print(json.dumps(told | (_on_ray(folder, table, count) if ray else {})))


def _on_ray(folder: Path, table: Path, count: int) -> dict[str, Any]:
    """Grade once more, and compare with what is there."""
    other = table.with_name(f"ray{table.suffix}")
    run = graded_on_ray(folder, other, _growing(other), count // 3)
    one, two = (load_table(each, list(TABLE_COLUMNS)).sort_by("path") for each in (table, other))
    return {"ray": {**run, "rows": two.num_rows, "same_table": bool(one.equals(two))}}


def _growing(table: Path) -> Path:
    return rows_beside(table) if table.suffix == ".parquet" else table


if __name__ == "__main__":
    main()
