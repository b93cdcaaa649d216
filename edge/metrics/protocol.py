"""Grades compared with what experts recorded: how well scores separate labels, or follow a graded score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from edge.assessment import VERDICTS, Verdict, verdicts_with
from edge.errors import EdgeError
from edge.metrics.bootstrap import bootstrap, each
from edge.metrics.classification import Figure, Labels, Scores, auroc, average_precision, spearman, with_interval
from edge.metrics.cross_validation import KFold, kfold_protocol
from edge.metrics.labels import Quality, Ratings, Truth, why_unranked

_TASKS: dict[str, tuple[Quality, ...]] = {"good": ("good",), "gradable": ("good", "usable")}


@dataclass(frozen=True)
class Labelled:
    """A graded image with its label."""

    quality: Quality
    score: float
    verdict: Verdict


@dataclass(frozen=True)
class Task:
    """How well scores separate the images to accept from those to refuse.

    Attributes:
        name: what is compared with what.
        accept, refuse: numbers of images.
        auroc, auprc: of the scores, good quality being positive.
        kfold: by the protocol of the paper; None where a class has one image only, or scikit-learn is not installed.
        why: then the reason.
    """

    name: str
    accept: int
    refuse: int
    auroc: Figure
    auprc: Figure
    kfold: KFold | None
    why: str = ""


@dataclass(frozen=True)
class Evaluation:
    """Grades compared with labels.

    Attributes:
        tasks: empty where the images are of one class.
        verdicts: for each label, how many images got each verdict at the thresholds of the bundle.
    """

    tasks: tuple[Task, ...]
    verdicts: dict[Quality, dict[Verdict, int]]

    @property
    def subject(self) -> str:
        return f"labels of {sum(sum(counts.values()) for counts in self.verdicts.values())} graded images"

    def lines(self) -> list[str]:
        """For people: figures with their 95 % intervals."""
        lines = [] if self.tasks else ["no metrics: the images that could be graded are of one class"]
        for task in self.tasks:
            lines += [f"{task.name} ({task.accept} to {task.refuse})", f"  AUROC              {task.auroc}"]
            lines.append(f"  AUPRC              {task.auprc}")
            if task.kfold is None:
                lines.append(f"  {task.why}")
            else:
                low, high = min(task.kfold.thresholds), max(task.kfold.thresholds)
                lines += [
                    f"  balanced accuracy  {task.kfold.balanced_accuracy}",
                    f"  MCC                {task.kfold.mcc}",
                    f"  F1                 {task.kfold.f1}",
                    f"    ({task.kfold.folds}-fold, thresholds {low:.3f} to {high:.3f} chosen on the other folds)",
                ]
        lines.append("at the thresholds of the model")
        lines.append(
            "  label     "
            + "".join(f"{name.replace('_', ' '):>11}" for name in next(iter(self.verdicts.values()), VERDICTS))
        )
        for quality, counts in self.verdicts.items():
            lines.append(f"  {quality:<10}" + "".join(f"{count:>11}" for count in counts.values()))
        return lines

    def as_dict(self) -> dict[str, Any]:
        """For machines: plain numbers, no NaN."""
        return {"tasks": [_task_dict(task) for task in self.tasks], "verdicts": self.verdicts}


@dataclass(frozen=True)
class Ranking:
    """Scores compared with a graded score.

    Attributes:
        images: how many were graded and have a graded score.
        spearman: rank correlation of both, higher being better in both; None where they cannot be ranked.
        why: then why not.
    """

    images: int
    spearman: Figure | None
    why: str = ""

    @property
    def subject(self) -> str:
        return f"graded score of {self.images} images"

    def lines(self) -> list[str]:
        """For people: the figure with its 95 % interval."""
        if self.spearman is None:
            return [f"cannot be ranked: {self.why}"]
        return [f"rank correlation (Spearman)  {self.spearman}", "  (a higher graded score is taken to be better)"]

    def as_dict(self) -> dict[str, Any]:
        """For machines: plain numbers, no NaN."""
        figure = asdict(self.spearman) if self.spearman else None
        return {"ranking": {"images": self.images, "spearman": figure, "why": self.why or None}}


def tasks(qualities: Sequence[Quality]) -> Iterator[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
    """What labels part: ``good`` from reject, and where there is a middle class ``gradable``, good and usable, from it.

    Yields:
        The name, bool (N,) which images it is about, and bool, of those, which should score high.
    """
    given = np.array(qualities)
    for name, accepted in _TASKS.items():
        if {"reject", accepted[-1]} <= set(qualities):
            kept = np.isin(given, (*accepted, "reject"))
            yield name, kept, given[kept] != "reject"


def compare_with_truth(truth: Truth, graded: Mapping[Path, tuple[float, Verdict]]) -> Evaluation | Ranking:
    """Compare grades with whatever experts recorded about the images.

    Args:
        truth: of some of the images, and perhaps of others.
        graded: ``edge.metrics.labels.key_of`` each image -> score and verdict.
    """
    if isinstance(truth, Ratings):
        both = [(score, truth.of[key]) for key, (score, _) in graded.items() if key in truth.of]
        return rank([score for score, _ in both], [rating for _, rating in both])
    return evaluate([Labelled(truth[key], *grade) for key, grade in graded.items() if key in truth])


def evaluate(images: Sequence[Labelled], seed: int = 0) -> Evaluation:
    """Hold grades against labels.

    Args:
        images: graded ones only; outliers count at the thresholds but are no part of a task.
        seed: of folds and intervals.
    """
    qualities, scores = [image.quality for image in images], np.array([image.score for image in images])
    found = tuple(
        _task(f"{name} against reject", scores[kept], accept, seed) for name, kept, accept in tasks(qualities)
    )
    named = verdicts_with([image.verdict for image in images])
    verdicts: dict[Quality, dict[Verdict, int]] = {
        quality: {v: sum(i.quality == quality and i.verdict == v for i in images) for v in named}
        for quality in get_args(Quality)
        if quality in qualities
    }
    return Evaluation(found, verdicts)


def rank(scores: Sequence[float], ratings: Sequence[float], draws: int = 1000, seed: int = 0) -> Ranking:
    """Hold scores against a graded score.

    The interval is by bootstrap over images. Samples of images that all have one score have no rank correlation, and
    are left out of it.

    Args:
        scores: (N,), one of each image.
        ratings: (N,), graded scores of the same images.
        draws: bootstrap samples.
        seed: of the samples.

    Raises:
        EdgeError: unequal lengths, or a NaN among them.
    """
    a, b = np.asarray(scores, dtype=np.float64), np.asarray(ratings, dtype=np.float64)
    why = why_unranked(ratings) or ("" if len(set(scores)) > 1 else "the model gives all the same score")
    if why:
        return Ranking(len(ratings), None, why)
    low, high = bootstrap(lambda drawn: spearman(a[drawn], b[drawn]), each(len(a)), draws, seed=seed)
    return Ranking(len(ratings), Figure(spearman(a, b), float(low), float(high)))


def _task(name: str, scores: Scores, accept: Labels, seed: int) -> Task:
    kfold, why = None, ""
    try:
        kfold = kfold_protocol(scores, accept, seed=seed)
    except EdgeError as error:
        why = str(error)
    return Task(
        name,
        int(accept.sum()),
        int((~accept).sum()),
        with_interval(auroc, scores, accept, seed=seed),
        with_interval(average_precision, scores, accept, seed=seed),
        kfold,
        why,
    )


def _task_dict(task: Task) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": task.name, "accept": task.accept, "refuse": task.refuse}
    figures = {"auroc": task.auroc, "auprc": task.auprc}
    if task.kfold is not None:
        plain |= {"folds": task.kfold.folds, "thresholds": list(task.kfold.thresholds)}
        figures |= {name: getattr(task.kfold, name) for name in ("accuracy", "balanced_accuracy", "f1", "mcc")}
    return plain | {name: asdict(figure) for name, figure in figures.items()}
