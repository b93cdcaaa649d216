"""How well each scorer of a run follows quality labels, or a graded score."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from edge.errors import EdgeError
from edge.frame.sharpness import sharpness
from edge.metrics.labels import Ratings
from edge.metrics.protocol import Labelled, rank
from edge.metrics.protocol import evaluate as compare_with_labels
from trainer.data.datasets import Photograph, Square, load_at_sizes
from trainer.evaluation.mistakes import save_mistakes
from trainer.evaluation.predictors import AT_ONCE, STUDENTS, MapMaker, pooled
from trainer.evaluation.sets import LabelledSet
from trainer.recipe import Recipe
from trainer.steps.vessels import load_segmenter, segment

Scores = NDArray[np.float64]
_SIDE = 384  # pixels across the field at which photographs are evaluated, as those of known truth
_SHARPNESS, _DENSITY = "sharpness of green", "vessel density"


def against_labels(
    labelled: LabelledSet, ways: dict[str, MapMaker], recipe: Recipe, out: Path
) -> dict[str, list[dict[str, Any]]]:
    """{scorer: ``tasks`` of an ``edge.metrics.protocol.Evaluation``}; what cannot be read is left out, as on a device.

    What the last of the ways gets most wrong is drawn into ``out``/evaluation/mistaken-SET.png.
    """
    read, seen, found = _scores(labelled.name, labelled.paths, ways, recipe, out)
    paths = [path for path, there in zip(labelled.paths, read, strict=True) if there]
    qualities = [quality for quality, there in zip(labelled.qualities, read, strict=True) if there]
    last = list(ways)[-1]
    sheet = out / "evaluation" / f"mistaken-{labelled.name.replace('/', '-')}.png"
    shown = {n: path for n, path in enumerate(paths) if seen[n]}
    save_mistakes(sheet, shown, qualities, found[last], ways[last], recipe.distill.size)
    # The verdict does not count here: a map has no thresholds.
    rows = {
        name: [Labelled(q, float(s), "good") for q, s in zip(qualities, scores, strict=True)]
        for name, scores in found.items()
    }
    return {name: compare_with_labels(row).as_dict()["tasks"] for name, row in rows.items()}


def against_ratings(
    name: str, rated: Ratings, ways: dict[str, MapMaker], recipe: Recipe, out: Path
) -> dict[str, dict[str, Any]]:
    """{scorer: ``ranking`` of an ``edge.metrics.protocol.Ranking``}."""
    read, _, found = _scores(name, list(rated.of), ways, recipe, out)
    ratings = [rating for rating, there in zip(rated.of.values(), read, strict=True) if there]
    return {name: rank(list(scores), ratings).as_dict()["ranking"] for name, scores in found.items()}


def _scores(
    what: str, paths: Sequence[Path], ways: dict[str, MapMaker], recipe: Recipe, out: Path
) -> tuple[list[bool], list[bool], dict[str, Scores]]:
    """Which photographs could be read; which of these show a field; what every scorer gives these, 0 without a field.

    A few photographs are in memory at a time.
    """
    sides = (_SIDE, recipe.distill.size)  # the student's own size, as the device cuts it: once resampled
    read: list[bool] = []
    seen: list[bool] = []

    def with_a_field() -> Iterator[tuple[Square, Square]]:
        for pair in load_at_sizes([Photograph(path, None) for path in paths], sides, f"reading {what}"):
            read.append(pair is not None)
            if pair is not None:
                shown, for_student = pair
                seen.append(shown is not None)
                if shown is not None and for_student is not None:
                    yield shown, for_student

    segmenter = load_segmenter(out)
    found: dict[str, list[float]] = {name: [] for name in (_SHARPNESS, _DENSITY, *ways)}
    pairs = with_a_field()
    while some := list(itertools.islice(pairs, AT_ONCE)):
        shown, for_student = (list(squares) for squares in zip(*some, strict=True))
        found[_SHARPNESS] += [float(sharpness(s.picture[:, :, 1], s.field)) for s in shown]
        found[_DENSITY] += _density(shown, segmenter, recipe)
        for name, maps_of in ways.items():
            squares = for_student if name in STUDENTS else shown
            found[name] += pooled(maps_of(squares), squares).tolist()
    if not any(seen):
        raise EdgeError(f"none of the photographs of {what} shows a field of view: fix them, or remove their labels.")
    deviations = np.sqrt(found[_SHARPNESS])  # of the Laplacian of green, scaled into [0, 1]; its order is what counts
    found[_SHARPNESS] = list(deviations / max(1e-6, deviations.max()))
    scores = {name: np.zeros(len(seen)) for name in found}
    for name, of_shown in found.items():
        scores[name][np.array(seen)] = of_shown
    return read, seen, scores


def _density(squares: Sequence[Square], segmenter: nn.Module, recipe: Recipe) -> list[float]:
    """Mean vessel probability over the field."""
    maps = segment(segmenter, [s.picture for s in squares], recipe)
    return [float(m[s.field].mean()) for s, m in zip(squares, maps, strict=True)]
