"""The float student and its INT8 form, both as bundles on one engine: maps, scores, labels, speed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from torch import nn

from calibration.frames import choose_frames, made
from calibration.int8.quantize import Tensors
from calibration.int8.search import Found
from calibration.parity.forms import StudentCheckpoint
from calibration.parity.gate import check_forms, check_parity
from calibration.parity.measure import FormsParity, compare_all
from calibration.parity.report import write_parity
from calibration.precision import Speedup, measure_speedup
from calibration.site.cameras import score_set
from calibration.site.thresholds import Scored, auroc_differences, aurocs, fit_thresholds
from edge.bundle.bundle import Golden
from edge.engines.verify import golden_score
from edge.metrics.classification import Figure
from edge.metrics.labels import has_both_classes
from edge.metrics.parity import Parity
from edge.model import QualityModel
from trainer.evaluation.sets import CLEAR_LIST, LabelledSet, find_labelled, read_list
from trainer.recipe import Recipe

log = logging.getLogger(__name__)

PARITY_FRAMES = 200
_PHANTOMS = range(100, 140)  # in addition to them
_GOLDEN = range(18)  # each way to spoil an eye once


@dataclass(frozen=True)
class BundleComparison:
    """The result of ``compare_forms``.

    Attributes:
        golden: seeded frames and the scores of the float network.
        labelled: labelled sets with both classes, as the float and the INT8 network score them.
        listed: the same of the list of clear photographs, the half that chooses.
        auroc_differences: ``{set: {question: INT8 less float}}``, with paired intervals.
        parity: float and INT8 on OpenVINO, from the frame to the score.
        forms: every form of the student, on golden frames and on the folder.
        speedup: of an inference, float over INT8.
    """

    golden: tuple[Golden, ...]
    labelled: tuple[tuple[Scored, Scored], ...]
    listed: tuple[tuple[Scored, Scored], ...]
    auroc_differences: dict[str, dict[str, Figure]]
    parity: Parity
    forms: dict[str, FormsParity]
    speedup: Speedup

    def aurocs(self) -> dict[str, dict[str, tuple[float, float]]]:
        """``{set: {question: (float, INT8)}}``."""
        return {
            full.name: {question: (value, aurocs(eight)[question]) for question, value in aurocs(full).items()}
            for full, eight in self.labelled
        }


def compare_forms(
    network: nn.Module,
    float_model: QualityModel,
    int8_model: QualityModel,
    found: Found,
    held: Tensors,
    data: Path | None,
    recipe: Recipe,
    most: float,
    folder: Path,
) -> BundleComparison:
    """Both forms on photographs, phantoms and labelled sets.

    Args:
        network: the float student in torch.
        float_model, int8_model: the same as a bundle, and its INT8 form.
        found: how the latter was made.
        held: prepared frames, for what needs tensors.
        data: folder of photographs; None for phantoms alone.
        recipe: its ``exclude`` folders take no part in the parity.
        most: allowed mean absolute difference of the degradation map.
        folder: to write the report to, also where the gate then fails.

    Raises:
        EdgeError: the maps are further apart; the sentence names the layer or the stage that is to blame.
    """
    log.info("comparing float32 with INT8")
    fundus = recipe.modality == "fundus"
    seeds = _GOLDEN if fundus else ()  # synthetic eyes
    golden = tuple(Golden(seed, golden_score(float_model.engine, float_model.manifest, seed)) for seed in seeds)
    scored = [_score(s, float_model, int8_model) for s in (find_labelled(data) if data else [])]
    labelled = tuple(pair for pair in scored if has_both_classes(pair[0].qualities))
    lists = read_list(CLEAR_LIST, data, "chooses") if data and fundus else []
    listed = tuple(_score(each, float_model, int8_model) for each in lists)
    differences = {full.name: auroc_differences(full, eight) for full, eight in labelled}
    student = StudentCheckpoint(network, found.network, float_model.bundle, int8_model.bundle)
    where = "folder" if data else "synthetic eyes"
    sets = {
        "golden frames": made(_GOLDEN, recipe, data),
        where: chain(choose_frames(data, recipe, PARITY_FRAMES), made(_PHANTOMS, recipe, data) if data else ()),
    }
    thresholds = fit_thresholds([eight for _, eight in (*labelled, *listed)])
    forms: dict[str, FormsParity] = {}
    for name, frames in sets.items():
        forms[name] = compare_all(student, frames, thresholds, most, quiet=bool(forms))  # log missing engines once
    write_parity(folder, forms, differences)
    for each in forms.values():
        check_forms(each, student, held, found.worst)
    parity = forms[where].between("INT8, openvino", "float, openvino")
    check_parity(parity, found, most)
    speedup = measure_speedup(float_model, int8_model, held[0])
    return BundleComparison(golden, labelled, listed, differences, parity, forms, speedup)


def _score(labelled: LabelledSet, float_model: QualityModel, int8_model: QualityModel) -> tuple[Scored, Scored]:
    """One set through both networks."""
    return score_set(float_model, labelled), score_set(int8_model, labelled)
