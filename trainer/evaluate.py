"""How good each step of a run is: against quality labels, against exact masks, and the student against its teacher.

Labels are used here and nowhere before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.evaluation import Labelled
from edge.evaluation import evaluate as hold_against_labels
from edge.labels import Quality, has_both_classes, labels_from_folders, read_truth
from edge.metrics import spearman
from trainer import map_eyes, map_truth, runs
from trainer.adapter import load_teacher
from trainer.datasets import Photograph, Square, find_photographs, in_threads, load_square, load_squares, or_left_out
from trainer.distill import load_student, predict
from trainer.evaluation_pictures import save_maps
from trainer.map_makers import MapMaker
from trainer.map_quality import quality
from trainer.map_truth import TrueFrame
from trainer.pseudo import to_grid
from trainer.recipe import Recipe
from trainer.run_makers import makers, pooled
from trainer.segmented import phantoms
from trainer.vessels import load_segmenter, segment

Scores = NDArray[np.float64]
_SIDE = 384  # pixels across the field on which photographs are held, as those of known truth


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
    for table in sorted(data.rglob("labels.csv")):
        said = read_truth(table)
        if isinstance(said, dict):  # ratings rank photographs and say of none that it is good
            found.append((table.parent, said))
    return [
        LabelledSet(folder.name, list(labels), list(labels.values()))
        for folder, labels in found
        if has_both_classes(list(labels.values()))
    ]


def evaluate(recipe: Recipe, data: Path, out: Path, bundle: Path | None = None) -> dict[str, Any]:
    """Everything that is measured of a run.

    Args:
        recipe: of the run.
        data: folder of photographs; labelled sets below it are used, whether excluded from training or not.
        out: run folder.
        bundle: an INT8 student made of this run.

    Returns:
        ``labels``: {set: {scorer: ``edge.evaluation.Evaluation`` as a dictionary}}; ``maps``: {"phantoms",
        "sequences", "photographs": {scorer: ``MapQuality`` as a dictionary}}; ``fidelity`` of the student to its
        teacher; ``vessels`` and ``prior``: what these steps measured.

    Raises:
        EdgeError: there is no labelled set below ``data``, or a step of the run is missing.
    """
    sets = find_labelled(data)
    if not sets:
        raise EdgeError(f"{data} holds no quality label: folders good/ and bad/, or a labels.csv of path,quality.")
    ways = makers(recipe, out, bundle)
    return {
        "labels": {labelled.name: _against_labels(labelled, ways, recipe, out) for labelled in sets},
        "maps": _against_masks(ways, good_photographs(sets), out / "evaluation"),
        "fidelity": fidelity(recipe, data, out),
        "vessels": runs.read_metrics(out / "vessels").get("held_out", {}),
        "prior": runs.read_metrics(out / "prior").get("held_out", {}),
    }


def good_photographs(sets: Sequence[LabelledSet]) -> list[Path]:
    """Photographs to be spoiled on purpose: at most 60 that are called good, from each folder named good."""
    return [
        path
        for labelled in sets
        for path, said in zip(labelled.paths, labelled.qualities, strict=True)
        if said == "good" and path.parent.name == "good"
    ][:60]


def _against_labels(
    labelled: LabelledSet, ways: dict[str, MapMaker], recipe: Recipe, out: Path
) -> dict[str, dict[str, Any]]:
    def read_square(photograph: Photograph) -> Square | None:
        return load_square(photograph, _SIDE)

    photographs = [Photograph(path, None) for path in labelled.paths]
    read = list(in_threads(or_left_out(read_square), photographs, f"reading {labelled.name}"))
    seen = np.array([square is not None for square in read])
    shown = [square for square in read if square is not None]
    found = {name: pooled(maps_of(shown), shown) for name, maps_of in ways.items()}
    found = {"sharpness of green": _sharpness(shown), "vessel density": _density(shown, recipe, out)} | found
    table = {}
    for name, of_shown in found.items():
        scores = np.zeros(len(seen))  # a frame without a field of view scores 0
        scores[seen] = of_shown
        graded = [Labelled(said, float(score), "good") for said, score in zip(labelled.qualities, scores, strict=True)]
        table[name] = hold_against_labels(graded).as_dict()
    return table


def _sharpness(squares: Sequence[Square]) -> Scores:
    """Deviation of the Laplacian of the green channel, scaled into [0, 1]; its order is what counts."""
    values = np.array([float(cv2.Laplacian(s.picture[:, :, 1], cv2.CV_32F)[s.field].std()) for s in squares])
    return np.asarray(values / max(1e-6, values.max()))


def _density(squares: Sequence[Square], recipe: Recipe, out: Path) -> Scores:
    """Mean vessel probability over the field."""
    maps = segment(load_segmenter(out), [s.picture for s in squares], recipe)
    return np.array([float(m[s.field].mean()) for s, m in zip(squares, maps, strict=True)])


def true_frames(good: Sequence[Path]) -> dict[str, tuple[list[TrueFrame], list[TrueFrame]]]:
    """Frames whose truth is known, and frames of every severity: of phantoms, phantom sequences, good photographs."""
    eyes = map_eyes.phantom_eyes()
    frames: dict[str, tuple[list[TrueFrame], list[TrueFrame]]] = {
        "phantoms": (map_truth.spoiled(eyes), map_truth.swept(eyes[:8])),
        "sequences": (map_truth.played(map_eyes.sequence_eyes()), []),
    }
    if good:
        real = map_eyes.photograph_eyes(good)
        frames["photographs"] = (map_truth.spoiled(real), map_truth.swept(real[:8]))
    return frames


def _against_masks(ways: dict[str, MapMaker], good: Sequence[Path], folder: Path) -> dict[str, dict[str, Any]]:
    """Map quality of every maker on all frames whose truth is known; a sheet of pictures for each kind of frame."""
    shown = {name: ways[name] for name in ways if name.startswith("adapter") or name == "float student"}
    result = {}
    for name, (frames, sweep) in true_frames(good).items():
        result[name] = {way: quality(maps_of, frames, sweep).as_dict() for way, maps_of in ways.items()}
        save_maps(folder / f"{name}.png", shown, frames)
    return result


def fidelity(recipe: Recipe, data: Path, out: Path) -> dict[str, float]:
    """The float student against the teacher that it learned from, on all photographs below a folder and on phantoms.

    Returns:
        ``frames``; ``map_mae``, mean over the frames, on the coarser of both grids, inside the field; and
        ``score_spearman``.
    """
    squares = [
        *load_squares(find_photographs(data), recipe.side),
        *phantoms(100, recipe.side, first=map_eyes.HELD_OUT),
    ]
    teacher, student = load_teacher(recipe, out), load_student(out)
    pictures = [s.picture for s in squares]
    a, b = teacher.maps(pictures), predict(student, pictures, recipe)[:, 0]
    grid = min(a.shape[-1], b.shape[-1])
    fields = to_grid(np.stack([s.field for s in squares]).astype(np.float32), grid) >= 0.5
    apart = np.abs(to_grid(a, grid) - to_grid(b, grid))
    return {
        "frames": len(squares),
        "map_mae": float(np.mean([d[f].mean() for d, f in zip(apart, fields, strict=True) if f.any()])),
        "score_spearman": float(np.nan_to_num(spearman(pooled(a, squares), pooled(b, squares)))),  # 0 of a constant
    }
