"""Photographs a second: ``python -m benchmarks.studies.throughput FOLDER``.

Grades the same photographs in three ways, one after the other, several times: in one process whose engine uses all
cores, as ``grade_files`` does; in one process that grades on one core; and in one process a core, as ``edge-grade``
does. Prints for each the rates and the processor time, how they compare within each round, and by how much scores
differ. Rates begin after a few results: what starts a process is paid once. On a machine that has other work, only what
is compared within a round means anything.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from edge.commands.console import cli
from edge.grading import GradedFile, Input, find_inputs, grade_files
from edge.grading.workers import Setup, Workers, cores
from edge.model import QualityModel

_WARM = 8  # results before the clock starts
Results = dict[str, tuple[float, str]]

app = cli.new_app(
    "Compare rates of grading.\n\nExample: python -m benchmarks.studies.throughput ../shared/data/srahim --rounds 5"
)
main = cli.main_of(app)


@app.command()
def throughput(
    folder: Annotated[list[str], typer.Argument(help="Photographs.")],
    rounds: Annotated[int, typer.Option(min=1, help="How often each way is measured.")] = 3,
    processes: Annotated[int | None, typer.Option(min=2, help="Of the third way; a core each without it.")] = None,
    most: Annotated[int, typer.Option(min=20, help="Photographs that are graded.")] = 600,
) -> None:
    """Grade, measure, compare."""
    inputs = find_inputs(folder)[:most]
    many = processes or max(2, cores())
    ways: dict[str, Callable[[list[Input]], dict[str, Any]]] = {
        "before": _before,
        "one": lambda inputs: _apart(inputs, 1),
        "many": lambda inputs: _apart(inputs, many),
    }
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in itertools.islice(itertools.cycle(ways), number % 3, number % 3 + 3):  # none is always the first
            measured[name].append(ways[name](inputs))
    found = {name: runs[0].pop("results") for name, runs in measured.items()}
    told: dict[str, Any] = {"photographs": len(inputs), "processes": many, "rounds": rounds}
    told |= {name: [{key: run[key] for key in ("rate", "cpu_ms")} for run in runs] for name, runs in measured.items()}
    told["many_over_before"] = _ratios(measured, "many", "before")
    told["many_over_one"] = _ratios(measured, "many", "one")
    print(json.dumps(told | _moved(found["before"], found["many"])))


def _ratios(measured: dict[str, list[dict[str, Any]]], one: str, other: str) -> dict[str, Any]:
    rates = [a["rate"] / b["rate"] for a, b in zip(measured[one], measured[other], strict=True)]
    cpu = [b["cpu_ms"] / a["cpu_ms"] for a, b in zip(measured[one], measured[other], strict=True)]
    return {"rate": [round(each, 2) for each in rates], "median": round(statistics.median(rates), 2)} | {
        "by_cpu": round(statistics.median(cpu), 2)
    }


def _moved(before: Results, after: Results) -> dict[str, Any]:
    both = [(before[name], after[name]) for name in before.keys() & after.keys()]
    moved = max((abs(a[0] - b[0]) for a, b in both), default=0.0)
    return {"score_moved": round(moved, 6), "verdicts_changed": sum(a[1] != b[1] for a, b in both)}


def _before(inputs: list[Input]) -> dict[str, Any]:
    with QualityModel.load() as model:
        return _timed(grade_files(model, inputs))


def _apart(inputs: list[Input], processes: int) -> dict[str, Any]:
    with Workers(Setup(None), processes) as workers:
        return _timed(each.file for each in workers.files(inputs))


def _timed(graded: Iterator[GradedFile]) -> dict[str, Any]:
    results: Results = {}
    for each in itertools.islice(graded, _WARM):
        _add(results, each)
    began, start, count = _cpu_seconds(), time.perf_counter(), 0
    for count, each in enumerate(graded, 1):
        _add(results, each)
        if count % 16 == 0:  # the processes end with the last result
            spent, passed, done = _cpu_seconds() - began, time.perf_counter() - start, count
    return {
        "rate": round(done / passed, 2),
        "cpu_ms": round(spent / done * 1000, 2),
        "results": results,
    }


def _add(results: Results, each: GradedFile) -> None:
    if each.assessment is not None:
        results[str(Path(each.path))] = (each.assessment.score, each.assessment.verdict)
        each.cells()


def _cpu_seconds() -> float:
    """Of this process and all that it has started."""
    ours = psutil.Process()
    total = 0.0
    for each in [ours, *ours.children(recursive=True)]:
        try:
            spent = each.cpu_times()
            total += spent.user + spent.system
        except psutil.Error:
            continue
    return total


if __name__ == "__main__":
    main()
