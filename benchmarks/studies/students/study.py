"""Students of several sizes, fidelity against milliseconds.

``python -m benchmarks.studies.students.study --data DIR --out RUN``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.machine.machine import Machine
from benchmarks.studies.students.picture import Dot, draw
from benchmarks.studies.students.result import RULE, StudentRow, knee, parse_sizes, to_markdown
from edge.commands.console.cli import Debug, Json, err, main_of, new_app
from edge.commands.start import late
from trainer.pages import check_report
from trainer.recipe import load_recipe

app = new_app("Train students of several sizes on the same lessons, and find the knee.")

SIZES = "224x16,256x8,320x8,384x8"


@app.command()
def students(
    data: Annotated[Path, typer.Option(help="Folder of photographs that the run was trained on.")],
    run_folder: Annotated[Path, typer.Option("--out", help="The run folder; vessels, prior and adapter are in it.")],
    recipe: Annotated[str, typer.Option(help="Of the run: quick, default, or a YAML file.")] = "default",
    steps: Annotated[int, typer.Option(min=1, help="Of each student.")] = 500,
    sizes: Annotated[
        str, typer.Option(help="SIZExSTRIDE, pixels: the input's side, and those of a map's cell.")
    ] = SIZES,
    photographs: Annotated[int, typer.Option(min=1, help="To measure on, evenly chosen from all folders.")] = 400,
    phantoms: Annotated[int, typer.Option(min=2, help="Synthetic eyes to measure on.")] = 24,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores if left out.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train one student for each size, and hold fidelity to the teacher against milliseconds. No label is read.

    What stands finished in OUT/students is not repeated, but all students are timed again, in turns.

    Example: python -m benchmarks.studies.students.study --recipe default --data photographs --out runs/mine --steps 500
    """
    plans = parse_sizes(sizes)
    measure = late("benchmarks.studies.students.measure", "comparing students", "train,cpu")
    check_report("comparing students")
    loaded = load_recipe(recipe)
    measure.train_students(loaded, plans, steps, data, run_folder)
    figures = measure.measure_students(loaded, plans, data, run_folder, photographs, phantoms)
    rows, machine = measure.time_students(figures, loaded, run_folder, threads)
    text = _to_json(rows, machine, loaded.name, steps)
    typer.echo(text if as_json else to_markdown(rows))
    folder = run_folder / "students"
    _save(folder, text, rows, machine)
    err.print(f"written: students.json and students.png in {folder}", markup=False)


def _to_json(rows: Sequence[StudentRow], machine: Machine, recipe: str, steps: int) -> str:
    chosen = knee(rows)
    said = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "recipe": recipe,
        "steps": steps,
        "rule": RULE,
        "knee": chosen.plan.name if chosen else None,
        "students": [row.as_dict() for row in rows],
        "machine": asdict(machine),
    }
    return json.dumps(said, indent=2, allow_nan=False)


def _save(folder: Path, text: str, rows: Sequence[StudentRow], machine: Machine) -> None:
    chosen = knee(rows)
    dots = [Dot(row.plan.name, row.ms, 1 - row.int8.map_mae, row is chosen) for row in rows]
    picture = draw(
        dots,
        "Students as INT8: fidelity against time" + (f" (ringed: the knee, {chosen.plan.name})" if chosen else ""),
        f"inference, ms, median, OpenVINO, {machine.threads} CPU threads",
        "fidelity: 1 - map MAE to the teacher, on frames that none of them learned from",
    )
    write = late("trainer.loop.checkpoints", "comparing students", "train,cpu").write
    write(folder / "students.json", (text + "\n").encode())
    write(folder / "students.png", picture)


if __name__ == "__main__":
    main_of(app)()
