"""How well each scorer of a run follows quality labels, or a graded score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.frame.sharpness import sharpness
from edge.metrics.labels import Ratings
from edge.metrics.protocol import Labelled, rank
from edge.metrics.protocol import evaluate as compare_with_labels
from trainer.data.datasets import Photograph, Square, load_at_sizes
from trainer.evaluation.mistakes import save_mistakes
from trainer.evaluation.predictors import STUDENTS, MapMaker, pooled
from trainer.evaluation.sets import LabelledSet
from trainer.recipe import Recipe
from trainer.steps.vessels import load_segmenter, segment

Scores = NDArray[np.float64]
_SIDE = 384  # pixels across the field at which photographs are evaluated, as those of known truth


def against_labels(
    labelled: LabelledSet, ways: dict[str, MapMaker], recipe: Recipe, out: Path
) -> dict[str, list[dict[str, Any]]]:
    """{scorer: ``tasks`` of an ``edge.metrics.protocol.Evaluation``}; what cannot be read is left out, as on a device.

    What the last of the ways gets most wrong is drawn into ``out``/evaluation/mistaken-SET.png.
    """
    read, found, squares = _scores(labelled.name, labelled.paths, ways, recipe, out)
    qualities = [quality for quality, there in zip(labelled.qualities, read, strict=True) if there]
    last = list(ways)[-1]
    sheet = out / "evaluation" / f"mistaken-{labelled.name.replace('/', '-')}.png"
    save_mistakes(sheet, squares, qualities, found[last], ways[last])
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
    read, found, _ = _scores(name, list(rated.of), ways, recipe, out)
    ratings = [rating for rating, there in zip(rated.of.values(), read, strict=True) if there]
    return {name: rank(list(scores), ratings).as_dict()["ranking"] for name, scores in found.items()}


def _scores(
    what: str, paths: Sequence[Path], ways: dict[str, MapMaker], recipe: Recipe, out: Path
) -> tuple[list[bool], dict[str, Scores], list[Square | None]]:
    """Which photographs could be read; what every scorer gives those, 0 without a field; as students see them."""
    sides = (_SIDE, recipe.distill.size)  # the student's own size, as the device cuts it: once resampled
    pairs = list(load_at_sizes([Photograph(path, None) for path in paths], sides, f"reading {what}"))
    here = [pair for pair in pairs if pair is not None]
    if not any(square for pair in here for square in pair):
        raise EdgeError(f"none of the photographs of {what} shows a field of view: fix them, or remove their labels.")
    shown, for_student = ([square for square in some if square is not None] for some in zip(*here, strict=True))
    found = {
        name: pooled(maps_of(squares := for_student if name in STUDENTS else shown), squares)
        for name, maps_of in ways.items()
    }
    found = {"sharpness of green": _sharpness(shown), "vessel density": _density(shown, recipe, out)} | found
    seen = np.array([pair[0] is not None for pair in here])
    scores = {name: np.zeros(len(seen)) for name in found}
    for name, of_shown in found.items():
        scores[name][seen] = of_shown
    return [pair is not None for pair in pairs], scores, [pair[1] for pair in here]


def _sharpness(squares: Sequence[Square]) -> Scores:
    """Deviation of the Laplacian of the green channel, scaled into [0, 1]; its order is what counts."""
    values = np.sqrt([sharpness(s.picture[:, :, 1], s.field) for s in squares])
    return np.asarray(values / max(1e-6, values.max()))


def _density(squares: Sequence[Square], recipe: Recipe, out: Path) -> Scores:
    """Mean vessel probability over the field."""
    maps = segment(load_segmenter(out), [s.picture for s in squares], recipe)
    return np.array([float(m[s.field].mean()) for s, m in zip(squares, maps, strict=True)])
