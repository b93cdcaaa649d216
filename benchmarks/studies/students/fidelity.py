"""How near a student's maps are to its teacher's, and to a known truth, on frames without labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.students.result import StudentFigures
from calibration.frames import evenly
from edge.errors import EdgeError
from edge.metrics.classification import spearman
from edge.metrics.parity import map_difference
from trainer.data.datasets import Square, find_photographs, load_squares
from trainer.evaluation.maps import quality
from trainer.evaluation.predictors import pooled
from trainer.evaluation.truth.eyes import phantom_eyes
from trainer.evaluation.truth.frames import SIDE, TrueFrame, spoiled
from trainer.loop import runs
from trainer.recipe import Recipe
from trainer.steps.pseudo_labels import to_grid
from trainer.steps.teacher import load_teacher

Maps = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FidelityEvidence:
    """Frames to measure students on; all squares are ``SIDE`` pixels wide, as a device would cut them.

    Attributes:
        squares: N of them: photographs first, then the pictures of ``spoiled``.
        taught: bool (N,): photographs that students learn from; neither those of folders that the recipe excludes, nor
            synthetic eyes.
        spoiled: frames of held-out synthetic eyes, whose truth is known.
        teacher: float32 (N, g, g), the teacher's map of each.
    """

    squares: Sequence[Square]
    taught: NDArray[np.bool_]
    spoiled: Sequence[TrueFrame]
    teacher: Maps


def key_of_evidence(recipe: Recipe, data: Path, photographs: int, phantoms: int) -> str:
    """What ``gather`` depends on apart from the teacher; no photograph is read."""
    files = runs.names_and_sizes(data, evenly(find_photographs(data), photographs))
    return runs.key_of(recipe.exclude, recipe.only, phantoms, *files)


def gather(recipe: Recipe, data: Path, out: Path, photographs: int, phantoms: int) -> FidelityEvidence:
    """Read photographs, draw and spoil synthetic eyes, and run the teacher on all of them.

    Args:
        recipe: of the run.
        data: folder of photographs.
        out: run folder with the teacher.
        photographs: how many at most.
        phantoms: synthetic eyes; each is measured as it is and spoiled in every way.

    Raises:
        EdgeError: no photograph can be read, or the run lacks the teacher.
    """
    teacher = load_teacher(recipe, out)
    teaching = {photograph.path for photograph in find_photographs(data, recipe.exclude, recipe.only, recipe.modality)}
    frames = spoiled(phantom_eyes(phantoms))
    squares = [*load_squares(evenly(find_photographs(data), photographs), SIDE), *(frame.square for frame in frames)]
    taught = np.array([square.path in teaching for square in squares])
    return FidelityEvidence(squares, taught, frames, teacher.maps([square.picture for square in squares]))


def measure_fidelity(maps: Maps, evidence: FidelityEvidence) -> StudentFigures:
    """Compare a student's maps of the evidence, float32 (N, g, g) on its own grid, with teacher and truth.

    Raises:
        EdgeError: a map holds NaN, or the synthetic eyes show nothing lost or nothing whole.
    """
    ours, theirs = maps.shape[-1], evidence.teacher.shape[-1]
    apart, unseen, taught = _apart(maps, evidence, theirs), ~evidence.taught, evidence.taught
    scores = pooled(maps, evidence.squares)[unseen], pooled(evidence.teacher, evidence.squares)[unseen]
    alike = spearman(*scores)
    separated = quality(lambda _: maps[-len(evidence.spoiled) :], evidence.spoiled).overall.auroc
    if separated is None:
        raise EdgeError("the synthetic eyes show nothing lost or nothing whole: measure on more of them (--phantoms).")
    return StudentFigures(
        unseen=int(unseen.sum()),
        taught=int(taught.sum()),
        map_mae=float(apart[unseen].mean()),
        map_mae_coarser=float(_apart(maps, evidence, min(ours, theirs))[unseen].mean()),
        map_mae_taught=float(apart[taught].mean()) if taught.any() else None,
        score_spearman=alike if math.isfinite(alike) else None,
        phantom_auroc=separated,
    )


def _apart(maps: Maps, evidence: FidelityEvidence, grid: int) -> NDArray[np.float64]:
    """Mean distance from the teacher's map inside the field of each frame, float64 (N,), on a grid."""
    fields = (to_grid(square.field[None].astype(np.float32), grid)[0] >= 0.5 for square in evidence.squares)
    both = zip(to_grid(maps, grid), to_grid(evidence.teacher, grid), fields, strict=True)
    return np.array([map_difference(a, b, field)[0] for a, b, field in both])
