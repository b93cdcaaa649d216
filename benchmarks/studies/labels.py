"""Bundles side by side against labels and the list of clear photographs: ``python -m benchmarks.studies.labels``.

Of the list only the half that reports is looked at, which chooses nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from benchmarks.machine.machine import describe_machine
from calibration.site.cameras import score_set
from calibration.site.thresholds import Scored
from calibration.site.verdicts import Verdicts, verdicts
from edge.bundle.bundle import Thresholds
from edge.bundle.named import named_bundle
from edge.commands.console.cli import Debug, Json, err, main_of, new_app
from edge.errors import EdgeError
from edge.metrics.classification import auroc
from edge.metrics.cross_validation import check_extra, kfold_protocol
from edge.metrics.protocol import tasks
from edge.model import QualityModel
from trainer.evaluation.sets import CLEAR_LIST, LabelledSet, find_labelled, read_list
from trainer.pages import markdown_table, put_between, split_page

app = new_app("Bundles side by side against quality labels and the list of clear photographs.")
BEGIN, END = "<!-- labels: written by benchmarks.studies.labels -->", "<!-- end of labels -->"


@dataclass(frozen=True)
class Question:
    """How well the scores of a set answer one question, whatever the thresholds of the bundle.

    Attributes:
        name: set and question.
        photographs: how many it is about.
        auroc: of the scores.
        balanced_accuracy, mcc: by the protocol of the paper, in 5 folds, mean over the seeds of the folds.
        errors: photographs that the protocol got wrong, of each seed.
    """

    name: str
    photographs: int
    auroc: float
    balanced_accuracy: float
    mcc: float
    errors: tuple[int, ...]


@dataclass(frozen=True)
class Measured:
    """One bundle.

    Attributes:
        bundle: its name.
        thresholds: its own.
        questions: of the labelled sets.
        outliers: name of each set that has some, how many, and of them refused.
        labelled, listed: what the labelled sets, and those of the list, get from its thresholds.
    """

    bundle: str
    thresholds: Thresholds
    questions: tuple[Question, ...]
    outliers: tuple[tuple[str, int, int], ...]
    labelled: tuple[Verdicts, ...]
    listed: tuple[Verdicts, ...]


@app.command()
def labels(
    models: Annotated[
        list[Path],
        typer.Argument(parser=named_bundle, metavar="MODEL...", help="Bundles, or default, which ships."),
    ],
    data: Annotated[Path, typer.Option(help="Folder of labelled sets, and of the photographs that the list names.")],
    table: Annotated[
        Path, typer.Option("--list", show_default=False, help="Marks of two readers; trainer/lists/clear.csv without.")
    ] = CLEAR_LIST,
    seeds: Annotated[int, typer.Option(min=1, help="Of the folds.")] = 20,
    page: Annotated[Path | None, typer.Option(help="Also put the table into this Markdown page.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Grade the same photographs with each bundle, and compare with labels and marks.

    Example: python -m benchmarks.studies.labels default mine.efiqa --data photographs
    """
    check_extra()
    if page is not None:
        split_page(page, BEGIN, END)
    if not data.is_dir():
        raise EdgeError(f"{data} is not a folder: give --data a folder of labelled photographs.")
    labelled, listed = find_labelled(data), read_list(table, data, "reports")
    if not labelled and not listed:
        raise EdgeError(
            f"{data} holds no labelled set, and no photograph that {table.name} names: name another folder."
        )
    cv2.setNumThreads(1)
    found = []
    for path in models:
        err.print(f"{path.name}:", markup=False)
        with QualityModel.load(path, threads=1) as model:
            found.append(measure(path.stem, model, labelled, listed, seeds))
            machine = describe_machine(model.engine.describe(), 1, None)
    device = f"{machine.device or machine.cpu}, {machine.engine['runtime']}, 1 thread"
    text = f"{datetime.now(timezone.utc):%Y-%m-%d}, {device}.\n\n{to_markdown(found)}"
    if page is not None:
        put_between(page, BEGIN, END, text)
    typer.echo(json.dumps([dataclasses.asdict(each) for each in found], indent=1) if as_json else text)


def measure(
    name: str, model: QualityModel, labelled: Sequence[LabelledSet], listed: Sequence[LabelledSet], seeds: int
) -> Measured:
    """One bundle on labelled sets, and on one half of a list."""
    own = model.manifest.thresholds
    scored = [score_set(model, each) for each in labelled]
    outliers = [(each.name, each.of("outlier")) for each in scored if "outlier" in each.qualities]
    return Measured(
        name,
        own,
        tuple(question for each in scored for question in questions(each, seeds)),
        tuple((of, len(scores), int((scores < own.usable).sum())) for of, scores in outliers),
        tuple(verdicts(each, own) for each in scored),
        tuple(verdicts(score_set(model, each), own) for each in listed),
    )


def questions(scored: Scored, seeds: int) -> list[Question]:
    """What the labels of a set part; outliers are no part of it."""
    found = []
    for name, kept, accept in tasks(scored.qualities):
        scores = scored.scores[kept]
        folds = [kfold_protocol(scores, accept, seed=seed) for seed in range(seeds)]
        found.append(
            Question(
                f"{scored.name}, {name} against reject",
                len(scores),
                auroc(scores, accept),
                float(np.mean([each.balanced_accuracy.value for each in folds])),
                float(np.mean([each.mcc.value for each in folds])),
                tuple(int((each.predictions != accept).sum()) for each in folds),
            )
        )
    return found


def to_markdown(found: Sequence[Measured]) -> str:
    """A line for each figure, a column for each bundle; all of them measured on the same sets."""
    columns = [dict(_figures(each)) for each in found]
    head = ("figure", *(each.bundle for each in found))
    return markdown_table(head, [(name, *(column.get(name, "") for column in columns)) for name in columns[0]])


def _figures(found: Measured) -> list[tuple[str, str]]:
    """Name and value, as text."""
    rows = [("usable from, good from", f"{found.thresholds.usable:.3f}, {found.thresholds.good:.3f}")]
    for asked in found.questions:
        middle, least, most = np.median(asked.errors), min(asked.errors), max(asked.errors)
        rows += [
            (f"{asked.name}: AUROC", f"{asked.auroc:.4f}"),
            (f"{asked.name}: balanced accuracy, 5 folds", f"{asked.balanced_accuracy:.2%}"),
            (f"{asked.name}: MCC, 5 folds", f"{asked.mcc:.2%}"),
            (f"{asked.name}: errors of {asked.photographs}, median (least to most)", f"{middle:g} ({least} to {most})"),
        ]
    rows += [(f"{name}: outliers refused", _share(refused, number)) for name, number, refused in found.outliers]
    for each in found.labelled:
        rows += _verdict_rows(each.name, each)
    for each in (*found.listed, *_together(found)):
        rows += _verdict_rows(f"list, {each.name}", each)
    return rows


def _verdict_rows(name: str, row: Verdicts) -> list[tuple[str, str]]:
    useless = [(f"{name}: useless refused", _share(row.useless_refused, row.useless))] if row.useless else []
    return [
        (f"{name}: clear refused", _share(row.clear_refused, row.clear)),
        *useless,
        (f"{name}: clear called good", _share(row.clear_good, row.clear)),
        (f"{name}: others called good", _share(row.others_good, row.others)),
    ]


def _together(found: Measured) -> list[Verdicts]:
    """The sets of the list as one."""
    if len(found.listed) < 2:
        return []
    counts = [dataclasses.astuple(each)[2:] for each in found.listed]
    return [Verdicts("all", found.thresholds, *(sum(column) for column in zip(*counts, strict=True)))]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({part / whole:.1%})" if whole else "")


if __name__ == "__main__":
    main_of(app)()
