"""From a run folder to model.efiqa: quantize, export, compare, fit thresholds, write."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.comparison import BundleComparison, compare_forms
from calibration.export import Deployed, maps_of, to_onnx
from calibration.frames import choose_frames, made, tensors_and_fields
from calibration.golden import write_with_golden
from calibration.int8.finetune import STEPS, frames_to_learn
from calibration.int8.quantize import METHODS, Method, Tensors
from calibration.int8.search import Found, Trial, search, write_search
from calibration.int8.selection import Candidate, choose, write_choice
from calibration.manifest import make_folder, new_manifest
from calibration.parity.checkpoint import write_quantized
from calibration.parity.measure import FormsParity
from calibration.precision import PrecisionChoice, PrecisionRule, choose_precision
from calibration.precision import write_choice as write_precision
from calibration.site.cameras import described
from calibration.site.thresholds import UNFITTED, fit_thresholds
from calibration.site.verdicts import figures, leave_out
from edge.bundle.bundle import Bundle, Manifest, Thresholds, write_bundle
from edge.bundle.manifest import ModalityName
from edge.engines.choose import open_engine
from edge.errors import EdgeError
from edge.files.output import check_output
from edge.metrics.classification import Figure
from edge.metrics.parity import Parity
from edge.model import QualityModel
from trainer.data.terms import with_terms
from trainer.evaluation.sets import CLEAR_LIST
from trainer.loop import runs
from trainer.modality import modality_of
from trainer.recipe import Recipe, load_recipe
from trainer.steps.distill import load_student

log = logging.getLogger(__name__)

CALIBRATION_FRAMES = 64
HELD_FRAMES = 48  # to judge the ways to quantize, in addition to phantoms
HELD_PHANTOMS = range(240, 256)
MAX_MAP_MAE = 0.01
_SOFTWARE = ("torch", "nvidia-modelopt", "onnx", "onnxsim", "onnxruntime", "openvino", "numpy")


@dataclass(frozen=True)
class BundleReport:
    """What ``make_bundle`` measured.

    Attributes:
        path: of the bundle.
        parity: float student and INT8, on one engine, from the frame to the score.
        forms: every form of the student and the one that it was made from, on golden frames and on the folder.
        trials: mean absolute difference of the map by method, all layers in INT8.
        method: the one that was taken.
        left_out: layers that stayed in float, the most damaging first, with what each costs alone.
        choice: INT8 or float, and why.
        aurocs: ``{set: {question: (float, INT8)}}``.
        auroc_differences: INT8 less float, of the same, with paired intervals.
        manifest: of the bundle that was written.
    """

    path: Path
    parity: Parity
    forms: dict[str, FormsParity]
    trials: dict[Trial, float]
    method: Trial
    left_out: dict[str, float]
    choice: PrecisionChoice
    aurocs: dict[str, dict[str, tuple[float, float]]]
    auroc_differences: dict[str, dict[str, Figure]]
    manifest: Manifest


def make_bundle(
    run: Path,
    data: Path | None,
    target: Path,
    frames: Path | None = None,
    methods: Sequence[Method] = METHODS,
    max_map_mae: float = MAX_MAP_MAE,
    finetune: int = STEPS,
    precision: PrecisionRule = "auto",
    modality: ModalityName | None = None,
) -> BundleReport:
    """Quantize the student of a run and write it as a bundle, if its maps stay what they were.

    Args:
        run: folder that ``edge-train`` wrote.
        data: photographs for calibration and parity, and labelled sets for thresholds; None for phantoms alone.
        target: the bundle to write.
        frames: what to calibrate on in place of the photographs of ``data``, see ``calibration.int8.selection.choose``.
        methods: ways to choose the ranges of activations; the best is kept.
        max_map_mae: mean absolute difference of the degradation map that INT8 may cost.
        finetune: steps of fine-tuning the best of these; taken where it keeps the maps better. 0 leaves it out.
        precision: what the bundle holds; see ``choose_precision``.
        modality: that the run must be of; None for any.

    Raises:
        EdgeError: the run lacks a student, the folder holds no photograph, the map moved too far, a file cannot be
            written, or OpenVINO is missing.
    """
    make_folder(target.parent)
    check_output(target, "the bundle")
    if importlib.util.find_spec("openvino") is None:
        raise EdgeError('a bundle is compared with its student on OpenVINO: pip install "efiqa-edge[train,cpu]".')
    folder = run / "calibration"
    network = Deployed(load_student(run))
    recipe = load_recipe(str(run / "student" / "config.yaml"))
    if modality not in (None, recipe.modality):
        raise EdgeError(f"{run} is of {recipe.modality}, not of {modality}: leave --modality out, or name another run.")
    manifest = _manifest(network, recipe, run)
    chosen = choose(frames, data, recipe, network.student, CALIBRATION_FRAMES)
    write_choice(folder, chosen)
    held, fields = _held_frames(data, recipe, manifest.grid, chosen)
    log.info("quantizing by %s", ", ".join(methods))
    frames_chosen = [c.tensor for c in chosen]
    lessons = frames_to_learn(run, recipe, frames_chosen) if finetune else []
    found = search(network, frames_chosen, held, methods, max_map_mae, lessons, finetune, fields)
    write_search(folder, found, max_map_mae)
    write_quantized(folder, found.network, found.left_out, found.worst)
    log.info("exporting")
    float_bundle, int8_bundle = _write_forms(folder, manifest, network, found)
    with (
        QualityModel(float_bundle, open_engine(float_bundle, "openvino")) as float_model,
        QualityModel(int8_bundle, open_engine(int8_bundle, "openvino")) as int8_model,
    ):
        seen = compare_forms(network, float_model, int8_model, found, held, data, recipe, max_map_mae, folder)
    choice = choose_precision(precision, seen.speedup, seen.parity.map_mae)
    surprising = precision == "auto" and choice.precision == "float32"
    log.log(logging.WARNING if surprising else logging.INFO, choice.reason)
    write_precision(folder, choice)
    bundle = int8_bundle if choice.precision == "int8" else float_bundle
    written = write_bundle(target, _with_figures(bundle.manifest, choice, seen), bundle.onnx, bundle.golden)
    return BundleReport(
        path=target,
        parity=seen.parity,
        forms=seen.forms,
        trials=found.trials,
        method=found.method,
        left_out={name: cost for name, cost in found.costs.items() if name in found.left_out},
        choice=choice,
        aurocs=seen.aurocs(),
        auroc_differences=seen.auroc_differences,
        manifest=written.manifest,
    )


def _manifest(network: Deployed, recipe: Recipe, run: Path) -> Manifest:
    """Everything that is known before anything is measured."""
    photographs = runs.read_metrics(run / "student").get("photographs")
    if not isinstance(photographs, dict) or not all(isinstance(number, int) for number in photographs.values()):
        raise EdgeError(
            f"{run / 'student' / 'metrics.json'} does not say which photographs the student learned from, and a bundle "
            "does: put back the file that edge-train wrote, or train the student again."
        )
    trained_on = with_terms(photographs)
    maps, grid = maps_of(network, recipe.distill.size)
    return new_manifest(f"efiqa-edge {recipe.name}", recipe, maps, grid, "", trained_on, _SOFTWARE)


def _held_frames(
    data: Path | None, recipe: Recipe, grid: int, chosen: Sequence[Candidate]
) -> tuple[Tensors, list[NDArray[np.bool_]]]:
    """Prepared frames to judge by, none of which is calibrated on, and their fields on the grid.

    Where a modality has no synthetic frames, some are spoiled forms of scans that may be calibrated on as they are.
    """
    others = choose_frames(data, recipe, HELD_FRAMES, [c.name for c in chosen])
    found = list(tensors_and_fields(chain(others, made(HELD_PHANTOMS, recipe, data)), recipe))
    return [tensor for tensor, _ in found], [field.on_grid(grid) for _, field in found]


def _write_forms(folder: Path, manifest: Manifest, network: Deployed, found: Found) -> tuple[Bundle, Bundle]:
    """The float and the INT8 network as bundles without thresholds and figures."""
    float_manifest = dataclasses.replace(manifest, precision="float32", why_float="to compare INT8 with")
    float_onnx, int8_onnx = (to_onnx(each, manifest.input_size) for each in (network, found.network))
    return (
        write_with_golden(folder / "float32.efiqa", float_manifest, float_onnx),
        write_with_golden(folder / "int8.efiqa", manifest, int8_onnx),
    )


def unfitted_of(modality: ModalityName) -> Thresholds:
    """Thresholds of a model of this modality without any label."""
    of = modality_of(modality)
    return dataclasses.replace(UNFITTED, usable=of.usable, good=of.good)


def _with_figures(manifest: Manifest, choice: PrecisionChoice, seen: BundleComparison) -> Manifest:
    """The manifest that travels: thresholds and figures are those of the form that is in the bundle."""
    form = ("float32", "int8").index(choice.precision)
    found = {
        "int8 map mean abs difference": seen.parity.map_mae,
        "int8 score rank correlation": seen.parity.rank_correlation,
    }
    for name, questions in seen.aurocs().items():
        found |= {f"AUROC {name} {question}": both[form] for question, both in questions.items()}
    # A constant score has no rank correlation; the manifest holds numbers only.
    metrics = {name: round(value, 6) for name, value in found.items() if math.isfinite(value)}
    sets = [pair[form] for pair in (*seen.labelled, *seen.listed)]
    unfitted, fitted = unfitted_of(manifest.modality), fit_thresholds(sets)
    fitted = unfitted if fitted == UNFITTED else fitted
    return dataclasses.replace(
        manifest,
        why_float=choice.reason if choice.precision == "float32" else "",
        thresholds=fitted,
        thresholds_from=(
            "not fitted: defaults, because there were no labelled photographs"
            if fitted == unfitted
            else f"edge-calibrate int8, {described(sets, CLEAR_LIST if seen.listed else None)}"
        ),
        golden=seen.golden,
        metrics=metrics if fitted == unfitted else metrics | figures(leave_out(sets)),
    )
