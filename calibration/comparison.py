"""The float student beside its INT8 form, both as bundles on one engine: maps, scores, labels, milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.frames import Frame, choose_frames, phantoms
from calibration.gate import check_engine, check_parity, time_both
from calibration.search import Found
from calibration.thresholds import UNFITTED, Scored, aurocs, fit_thresholds
from edge.assessment import Assessment
from edge.bundle import Golden, Thresholds
from edge.grading import Input, grade_files
from edge.labels import has_both_classes
from edge.model import QualityModel
from edge.parity import Parity, compare
from edge.phantom.golden import golden_frame
from trainer.label_quality import LabelledSet, find_labelled
from trainer.recipe import Recipe

PARITY_FRAMES = 200
_GOLDEN = range(18)  # each way to spoil an eye once


@dataclass(frozen=True)
class Comparison:
    """What ``compare_forms`` measured.

    Attributes:
        golden: seeded frames and the scores of the float network.
        labelled: labelled sets with both classes, as the float and the INT8 network score them.
        thresholds: fitted on the latter; defaults where nothing is labelled.
        parity: from the frame to the score.
        milliseconds: of an inference, float and INT8.
    """

    golden: tuple[Golden, ...]
    labelled: tuple[tuple[Scored, Scored], ...]
    thresholds: Thresholds
    parity: Parity
    milliseconds: tuple[float, float]

    def aurocs(self) -> dict[str, dict[str, tuple[float, float]]]:
        """``{set: {question: (float, INT8)}}``."""
        return {
            full.name: {question: (value, aurocs(eight)[question]) for question, value in aurocs(full).items()}
            for full, eight in self.labelled
        }


def compare_forms(
    exact: QualityModel,
    rounded: QualityModel,
    found: Found,
    held: Sequence[NDArray[np.float32]],
    data: Path | None,
    recipe: Recipe,
    most: float,
    say: Callable[[str], None],
) -> Comparison:
    """Both forms on photographs, phantoms and labelled sets.

    Args:
        exact, rounded: the float network and its INT8 form.
        found: how the latter was made.
        held: prepared frames, for what needs tensors.
        data: folder of photographs; None for phantoms alone.
        recipe: its ``exclude`` folders take no part in the parity.
        most: mean absolute difference of the degradation map that is allowed.
        say: told what is going on.

    Raises:
        EdgeError: the maps are further apart; the sentence names the layer or the stage that is to blame.
    """
    say("comparing float32 with INT8")
    check_engine(found.network, rounded, held, most)
    golden = tuple(Golden(seed, exact.assess(golden_frame(seed)).score) for seed in _GOLDEN)
    scored = [_score(s, exact, rounded, say) for s in (find_labelled(data) if data else [])]
    labelled = tuple(pair for pair in scored if has_both_classes(pair[0].qualities))
    thresholds = fit_thresholds([eight for _, eight in labelled]) if labelled else UNFITTED
    compared = chain(choose_frames(data, recipe, PARITY_FRAMES), phantoms(range(100, 140)))
    parity = _parity(compared, exact, rounded, thresholds)
    check_parity(parity, found, most)
    return Comparison(golden, labelled, thresholds, parity, time_both(exact, rounded, held[0]))


def _score(
    labelled: LabelledSet, exact: QualityModel, rounded: QualityModel, say: Callable[[str], None]
) -> tuple[Scored, Scored]:
    """One labelled set through both networks, from the file to the score; files that cannot be graded are left out."""
    say(f"grading {labelled.name}")
    inputs = [Input(path) for path in labelled.paths]
    both = zip(grade_files(exact, inputs), grade_files(rounded, inputs), labelled.qualities, strict=True)
    rows = [
        (a.assessment.score, b.assessment.score, quality) for a, b, quality in both if a.assessment and b.assessment
    ]
    qualities = [quality for _, _, quality in rows]
    full, eight = (Scored(labelled.name, np.array([row[n] for row in rows]), qualities) for n in (0, 1))
    return full, eight


def _parity(frames: Iterable[Frame], exact: QualityModel, rounded: QualityModel, thresholds: Thresholds) -> Parity:
    """Both networks on the same frames; those without a field of view are the same for both and are left out."""
    both: Iterator[tuple[Assessment, Assessment]] = ((exact.assess(frame), rounded.assess(frame)) for frame in frames)
    pairs = [(a, b) for a, b in both if a.crop is not None]
    return compare(
        [(a.map, b.map) for a, b in pairs],
        [a.field for a, _ in pairs],
        [(a.score, b.score) for a, b in pairs],
        thresholds,
    )
