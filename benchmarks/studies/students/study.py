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

from benchmarks.studies.students.result import RULE, StudentRow, knee, parse_sizes, to_markdown
from edge.commands.console.cli import Debug, Json, err, main_of, new_app
from edge.commands.start import late
from trainer.charts import new_chart, to_png
from trainer.pages import check_report
from trainer.recipe import load_recipe

app = new_app("Train students of several sizes on the same lessons, and find the knee.")

WIDTH, HEIGHT = 960, 560  # pixels of the picture
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
    """Train one student for each size, and compare fidelity to the teacher with milliseconds. No label is read.

    Finished students in OUT/students are not repeated, but all students are timed again, in turns.

    Example: python -m benchmarks.studies.students.study --recipe default --data photographs --out runs/mine --steps 500
    """
    plans = parse_sizes(sizes)
    measure = late("benchmarks.studies.students.measure", "comparing students", "train,cpu")
    check_report("comparing students")
    loaded = load_recipe(recipe)
    measure.train_students(loaded, plans, steps, data, run_folder)
    figures = measure.measure_students(loaded, plans, data, run_folder, photographs, phantoms)
    rows, machine = measure.time_students(figures, loaded, run_folder, threads)
    chosen, folder = knee(rows), run_folder / "students"
    report = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "recipe": loaded.name,
        "steps": steps,
        "rule": RULE,
        "knee": chosen.plan.name if chosen else None,
        "students": [row.as_dict() for row in rows],
        "machine": asdict(machine),
    }
    text = json.dumps(report, indent=2, allow_nan=False)
    typer.echo(text if as_json else to_markdown(rows))
    write = late("trainer.loop.checkpoints", "comparing students", "train,cpu").write
    write(folder / "students.json", (text + "\n").encode())
    write(folder / "students.png", draw(rows, chosen, machine.threads))
    err.print(f"written: students.json and students.png in {folder}", markup=False)


def draw(rows: Sequence[StudentRow], chosen: StudentRow | None, threads: int) -> bytes:
    """Fidelity over milliseconds as PNG, a dot for each student; the names are beside the plot and cover no dot.

    Args:
        rows: at least one.
        chosen: the one to ring.
        threads: that the milliseconds were measured on.
    """
    figure, axes = new_chart(WIDTH, HEIGHT)
    knee_title = f" (ringed: the knee, {chosen.plan.name})" if chosen else ""
    figure.suptitle(f"Students as INT8: fidelity against time{knee_title}", x=0.01, ha="left", weight="bold")
    fidelity = "fidelity: 1 - map MAE to the teacher, on frames that none of them learned from"
    axes.set_title(fidelity, loc="left", fontsize="medium")  # above its axis, so that it is horizontal
    for number, row in enumerate(rows):
        ring = {"markeredgecolor": "black", "markersize": 15} if row is chosen else {"markersize": 9}
        axes.plot(row.ms, 1 - row.int8.map_mae, "o", color=f"C{number}", label=row.plan.name, **ring)
    axes.margins(0.15, 0.2)
    axes.set(xlabel=f"inference, ms, median, OpenVINO, {threads} CPU threads", xlim=(0, None))
    axes.ticklabel_format(useOffset=False)
    axes.grid(color="#e1e1e1")
    axes.set_axisbelow(True)
    figure.legend(loc="outside right upper", frameon=False, labelspacing=1)
    return to_png(figure)


if __name__ == "__main__":
    main_of(app)()
