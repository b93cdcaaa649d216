"""How well each step of a run tells good photographs from bad ones. Labels are used here and nowhere before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.labels import Quality, has_both_classes, labels_from_folders, read_labels
from edge.metrics import auroc
from trainer.adapter import load_teacher, prior_maps
from trainer.coverage import completeness
from trainer.datasets import Photograph, Square, find_photographs, in_threads, load_square, or_left_out
from trainer.distill import load_student, predict
from trainer.recipe import Recipe
from trainer.vessels import load_segmenter, segment

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class LabelledSet:
    """Photographs with quality labels, in a fixed order."""

    name: str
    paths: list[Path]
    qualities: list[Quality]


def find_labelled(data: Path) -> list[LabelledSet]:
    """Sets below a folder: folders named good and bad beside each other, and files labels.csv of ``path,quality``.

    A set that does not hold both good or usable photographs and rejects cannot measure anything and is left out.

    Raises:
        EdgeError: a labels.csv is damaged.
    """
    found = []
    for good in sorted(data.rglob("good")):
        if (good.parent / "bad").is_dir():
            found.append((good.parent, labels_from_folders(p.path for p in find_photographs(good.parent)) or {}))
    found += [(table.parent, read_labels(table)) for table in sorted(data.rglob("labels.csv"))]
    return [
        LabelledSet(folder.name, list(labels), list(labels.values()))
        for folder, labels in found
        if has_both_classes(list(labels.values()))
    ]


def evaluate(recipe: Recipe, data: Path, out: Path) -> dict[str, dict[str, float]]:
    """AUROC of every scorer on every labelled set: ``{set: {scorer, question: AUROC}}``.

    Raises:
        EdgeError: there is no labelled set below ``data``, or a step of the run is missing.
    """
    sets: list[LabelledSet] = find_labelled(data)
    if not sets:
        raise EdgeError(f"{data} holds no quality label: folders good/ and bad/, or a labels.csv of path,quality.")
    result: dict[str, dict[str, float]] = {}
    ways = scorers(recipe, out)

    def read_square(photograph: Photograph) -> Square | None:
        return load_square(photograph, recipe.vessels.field)

    for labelled in sets:
        photographs = [Photograph(path, None) for path in labelled.paths]
        read = list(in_threads(or_left_out(read_square), photographs, f"reading {labelled.name}"))
        seen = np.array([square is not None for square in read])
        shown = [square for square in read if square is not None]
        table = result.setdefault(labelled.name, {})
        for name, score in ways.items():
            scores = np.zeros(len(seen))  # a frame without a field of view scores 0
            scores[seen] = score(shown)
            table |= {f"{name}, {question}": value for question, value in aurocs(scores, labelled.qualities).items()}
    return result


def aurocs(scores: Scores, qualities: Sequence[Quality]) -> dict[str, float]:
    """Good against reject, and where there is a middle class good + usable against reject; outliers do not count."""
    quality = np.array(qualities)
    asked: dict[str, tuple[str, ...]] = {"good/reject": ("good",)} if "good" in qualities else {}
    asked |= {"gradable/reject": ("good", "usable")} if "usable" in qualities else {}
    result: dict[str, float] = {}
    for question, high in asked.items():
        chosen = np.isin(quality, (*high, "reject"))
        result[question] = auroc(scores[chosen], quality[chosen] != "reject")
    return result


def scorers(recipe: Recipe, out: Path) -> dict[str, Callable[[Sequence[Square]], Scores]]:
    """Everything that can score a photograph, from the plain baselines to the student; 1 is best."""
    segmenter, teacher, student = load_segmenter(out), load_teacher(recipe, out), load_student(out)

    def vessel_maps(squares: Sequence[Square]) -> NDArray[np.float32]:
        return segment(segmenter, [s.picture for s in squares], recipe)

    def pooled(maps: NDArray[np.float32], squares: Sequence[Square]) -> Scores:
        fields = [
            cv2.resize(s.field.astype(np.float32), maps.shape[:0:-1], interpolation=cv2.INTER_AREA) >= 0.5
            for s in squares
        ]
        return np.array([1 - float(m[f].mean()) if f.any() else 0.0 for m, f in zip(maps, fields, strict=True)])

    def small(squares: Sequence[Square]) -> list[NDArray[np.uint8]]:
        size = (recipe.distill.size,) * 2
        return [np.asarray(cv2.resize(s.picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8) for s in squares]

    return {
        "sharpness": lambda squares: np.array(
            [float(cv2.Laplacian(s.picture[:, :, 1], cv2.CV_32F)[s.field].std()) for s in squares]
        ),
        "vessel density": lambda squares: np.array(
            [float(m[s.field].mean()) for s, m in zip(squares, vessel_maps(squares), strict=True)]
        ),
        "coverage": lambda squares: np.array(
            [completeness(m, s.field) for s, m in zip(squares, vessel_maps(squares), strict=True)]
        ),
        "prior": lambda squares: pooled(
            (prior_maps(recipe, out, squares) > recipe.adapter.anomaly).astype(np.float32), squares
        ),
        "adapter": lambda squares: pooled(teacher.maps([s.picture for s in squares]), squares),
        "float student": lambda squares: pooled(predict(student, small(squares), recipe), squares),
    }
