"""How far a handful of labels goes: ``python -m benchmarks.studies.few_labels photos --labels labels.csv``.

Many draws of a few labelled photographs; on each a criterion is fitted as ``edge-calibrate thresholds`` does, and
tested on all photographs that were not drawn.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from calibration.site.criterion import Aim, Judged, fit, judge
from calibration.site.estimate import rates
from edge.assessment import Assessment
from edge.bundle.bundle import Thresholds
from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL, Debug, Json, main_of, new_app
from edge.errors import EdgeError
from edge.grading import find_inputs, grade_files
from edge.metrics.labels import Quality, key_of, labels_from_folders, read_labels
from edge.model import QualityModel
from trainer.pages import markdown_table

app = new_app("How well a criterion fitted on a few labels serves the rest.")


@dataclass(frozen=True)
class Drawn:
    """Balanced accuracy on the photographs that were not drawn, over the draws.

    Attributes:
        labels: photographs drawn, half of them to accept.
        start: ``usable`` before anything was fitted: of equally good thresholds the nearest to it is taken.
        draws: how many.
        mean, deviation, worst: of the draws.
    """

    labels: int
    start: float
    draws: int
    mean: float
    deviation: float
    worst: float


@app.command()
def few_labels(
    photographs: Annotated[Path, typer.Argument(help="Folder of labelled photographs.")],
    labels: Annotated[
        Path | None, typer.Option(help="CSV of path,quality; else folders named good, bad and outlier.")
    ] = None,
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=MODEL)] = None,
    numbers: Annotated[str, typer.Option(help="How many labels, even numbers.")] = "10,20,40",
    starts: Annotated[str, typer.Option(help="Thresholds to start from, in addition to the bundle's own.")] = "0.3,0.6",
    draws: Annotated[int, typer.Option(min=2, help="Of each.")] = 20,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Fit on a few labels, test on the rest, many times.

    Example: python -m benchmarks.studies.few_labels photos --labels photos/labels.csv
    """
    sizes, others = _numbers(numbers), _starts(starts)
    with QualityModel.load(model) as quality:
        own = quality.manifest.thresholds
        judged = judge(_assess(quality, photographs, labels), quality.manifest)
    begun = [own, *(dataclasses.replace(own, usable=u, good=max(u, own.good)) for u in others)]
    rows = [draw(judged, start, number, draws) for start in begun for number in sizes]
    typer.echo(json.dumps([asdict(row) for row in rows], indent=2) if as_json else to_markdown(rows))


def draw(judged: Judged, start: Thresholds, number: int, draws: int) -> Drawn:
    """Draw, fit and test on the rest.

    Raises:
        EdgeError: there are too few photographs of either kind to leave one to test on.
    """
    kinds = [np.flatnonzero(judged.accepted), np.flatnonzero(~judged.accepted)]
    if min(map(len, kinds)) <= number // 2:
        raise EdgeError(
            f"{number} labels are more than these photographs give: {len(kinds[0])} to accept, {len(kinds[1])} to "
            "refuse, and some must be left to measure on; ask for fewer."
        )
    found = [_balanced(judged, start, kinds, number // 2, seed) for seed in range(draws)]
    return Drawn(number, start.usable, draws, float(np.mean(found)), float(np.std(found)), min(found))


def _balanced(judged: Judged, start: Thresholds, kinds: Sequence[NDArray[np.intp]], of_each: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([rng.choice(kind, of_each, replace=False) for kind in kinds])
    fitted = fit(judged.some(drawn), start, Aim())
    rest = np.setdiff1d(np.arange(len(judged.qualities)), drawn)
    predicted = judged.scores[fitted.pooling][rest] >= fitted.thresholds.usable
    return rates(predicted, judged.accepted[rest]).balanced_accuracy.value


def to_markdown(rows: Sequence[Drawn]) -> str:
    """One line for each."""
    head = ("labels", "threshold before", "draws", "balanced accuracy on the rest, mean", "deviation", "worst")
    cells = [
        (str(r.labels), f"{r.start:.3f}", str(r.draws), *(f"{v:.4f}" for v in (r.mean, r.deviation, r.worst)))
        for r in rows
    ]
    return markdown_table(head, cells)


def _assess(model: QualityModel, folder: Path, labels: Path | None) -> list[tuple[Assessment, Quality]]:
    """The labelled photographs of a folder that can be read."""
    # Without the frames: hundreds would not fit into memory.
    graded = {key_of(each.path): each.assessment for each in grade_files(model, find_inputs([folder]))}
    known = read_labels(labels) if labels is not None else labels_from_folders(graded)
    if not known:
        raise EdgeError(f"{folder} has no labels: name a CSV with --labels, or sort it into folders good and bad.")
    return [(seen, known[path]) for path, seen in graded.items() if path in known and seen is not None]


def _numbers(words: str) -> list[int]:
    if not all(re.fullmatch("[0-9]{1,6}", word) and int(word) >= 2 and int(word) % 2 == 0 for word in words.split(",")):
        raise typer.BadParameter(f"{words!r} is not a list of even numbers such as 10,20.")
    return [int(word) for word in words.split(",")]


def _starts(words: str) -> list[float]:
    try:
        found = [float(word) for word in words.split(",") if word.strip()]
    except ValueError:
        found = [math.nan]
    if not all(0 < each < 1 for each in found):
        raise typer.BadParameter(f"{words!r} is not a list of numbers between 0 and 1 such as 0.3,0.6.")
    return found


if __name__ == "__main__":
    main_of(app)()
