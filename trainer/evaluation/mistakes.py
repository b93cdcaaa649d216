"""The photographs on which a student and the labels disagree most, for people to look at: what kinds go wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.grading import readable
from edge.metrics.labels import Quality
from trainer.data.datasets import Photograph, load_squares
from trainer.evaluation.predictors import MapMaker, resized
from trainer.pictures import save_sheet, tint

_SIDE = 256


def most_mistaken(qualities: Sequence[Quality], scores: Sequence[float], number: int) -> list[int]:
    """Good photographs with the lowest scores, worst first, then rejects with the highest, so many of each at most."""
    order = [int(n) for n in np.argsort(scores, kind="stable")]
    good = [n for n in order if qualities[n] == "good"]
    rejects = [n for n in reversed(order) if qualities[n] == "reject"]
    return good[:number] + rejects[:number]


def save_mistakes(
    path: Path,
    seen: Mapping[int, Path],
    qualities: Sequence[Quality],
    scores: NDArray[np.float64],
    maps_of: MapMaker,
    side: int,
    number: int = 8,
) -> None:
    """One row for each of the most mistaken photographs: as it is, its map, its name, label and score.

    Args:
        path: of the PNG.
        seen: the photographs that show a field of view, by their number; read again, for few of them are drawn.
        qualities: what the labels say of each.
        scores: what the student gives each, in [0, 1].
        maps_of: the student.
        side: of the squares that it takes.
        number: so many good ones and so many rejects at most; where there is neither, nothing is written.
    """
    numbers = list(seen)
    chosen = [numbers[n] for n in most_mistaken([qualities[n] for n in seen], [scores[n] for n in seen], number)]
    if not chosen:  # usable ones alone: nothing is called mistaken
        return
    shown = load_squares([Photograph(seen[n], None) for n in chosen], side, "reading the most mistaken")
    rows = []
    for n, square, layer in zip(chosen, shown, maps_of(shown), strict=True):
        small = resized(square, _SIDE)
        words = f"{readable(square.path.name)}: {qualities[n]}, {scores[n]:.3f}"
        rows.append((small.picture, tint(small.picture, layer), _card(words)))
    save_sheet(path, rows, ("photograph", "map", "file: label, score"))


def _card(words: str) -> NDArray[np.uint8]:
    """Words on white, broken where they do not fit."""
    card = np.full((_SIDE, _SIDE, 3), 255, np.uint8)
    for line, start in enumerate(range(0, len(words), 28)):
        place = (6, 30 + 22 * line)
        cv2.putText(card, words[start : start + 28], place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return card
