"""From a run folder to model.efiqa: quantize, export, compare, fit thresholds, write."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from calibration.comparison import compare_forms
from calibration.export import Deployed, maps_of, to_onnx
from calibration.frames import choose_frames, phantoms, tensors_and_fields
from calibration.golden import make_golden
from calibration.int8.finetune import STEPS, frames_to_learn
from calibration.int8.quantize import METHODS, Method
from calibration.int8.search import Trial, search, write_search
from calibration.int8.selection import choose, write_choice
from calibration.parity.checkpoint import write_quantized
from calibration.parity.measure import FormsParity
from calibration.precision import PrecisionChoice, PrecisionRule, choose_precision, evidence
from calibration.site.thresholds import UNFITTED, Scored, fit_thresholds
from calibration.target import check_target, make_folder
from edge.bundle.bundle import MAPS, Manifest, MapName, Region, write_bundle
from edge.metrics.classification import Figure
from edge.metrics.parity import Parity
from edge.model import QualityModel
from trainer.loop import runs
from trainer.recipe import Recipe, load_recipe
from trainer.steps.distill import load_student

log = logging.getLogger(__name__)

CALIBRATION_FRAMES = 64
HELD_FRAMES = 48  # that judge the ways to quantize, beside phantoms
MAX_MAP_MAE = 0.01
# Chosen beforehand and never tuned: graders ask first whether fovea and disc can be judged, and forgive the periphery.
POOLING: dict[Region, float] = {"disc": 2.0, "macula": 3.0, "periphery": 1.0}
_EVEN: dict[Region, float] = dict.fromkeys(POOLING, 1.0)  # of a student that does not say where they are
_SOFTWARE = ("torch", "nvidia-modelopt", "onnx", "onnxsim", "onnxruntime", "openvino", "numpy")


@dataclass(frozen=True)
class BundleReport:
    """What ``make_bundle`` measured.

    Attributes:
        parity: float student against INT8, on one engine, from the frame to the score.
        trials: mean absolute difference of the map by method, all layers in INT8.
        method: the one that was taken.
        left_out: layers that stayed in float, the most damaging first, with what each costs alone.
        forms: every form of the student beside the one that it was made from, on golden frames and on the folder.
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

    Raises:
        EdgeError: the run lacks a student, the folder holds no photograph, the map moved too far, or a file cannot be
            written.
    """
    make_folder(target.parent)
    check_target(target)
    network = Deployed(load_student(run))
    recipe = load_recipe(str(run / "student" / "config.yaml"))
    maps, grid = maps_of(network, recipe.distill.size)
    folder = run / "calibration"
    chosen = choose(frames, data, recipe, network.student, CALIBRATION_FRAMES)
    write_choice(folder, chosen)
    others = choose_frames(data, recipe, HELD_FRAMES, [c.name for c in chosen])
    held, fields = tensors_and_fields(chain(others, phantoms(range(240, 256))), recipe, grid)
    log.info("quantizing by %s", ", ".join(methods))
    tensors_chosen = [c.tensor for c in chosen]
    lessons = frames_to_learn(run, recipe, tensors_chosen) if finetune else []
    found = search(network, tensors_chosen, held, methods, max_map_mae, lessons, finetune, fields)
    write_search(folder, found, max_map_mae)
    write_quantized(folder, found.network, found.left_out, found.damages[0].layer)
    manifest = _manifest(recipe, run, maps, grid)
    log.info("exporting")
    float_path, int8_path = folder / "float32.efiqa", folder / "int8.efiqa"
    _write(
        float_path,
        dataclasses.replace(manifest, precision="float32", why_float="to compare INT8 with"),
        to_onnx(network, recipe.distill.size),
    )
    _write(int8_path, manifest, onnx := to_onnx(found.network, recipe.distill.size))
    with (
        QualityModel.load(float_path, "openvino") as float_model,
        QualityModel.load(int8_path, "openvino") as int8_model,
    ):
        seen = compare_forms(network, float_model, int8_model, found, held, data, recipe, max_map_mae, folder)
    table = seen.aurocs()
    final = dataclasses.replace(
        manifest,
        thresholds=seen.thresholds,
        thresholds_from=_fitted_on(seen.labelled),
        golden=seen.golden,
        metrics=_metrics(seen.parity, table, 1),
    )
    costs = {damage.layer: damage.map_mae for damage in found.damages if damage.layer in found.left_out}
    choice = choose_precision(precision, seen.speedup, seen.parity.map_mae)
    log.log(logging.INFO if choice.precision == "int8" else logging.WARNING, choice.reason)
    if choice.precision == "float32":  # what travels with the float form is of the float form
        fitted = fit_thresholds([full for full, _ in seen.labelled]) if seen.labelled else UNFITTED
        figures = _metrics(seen.parity, table, 0)
        final = dataclasses.replace(
            final, precision="float32", why_float=choice.reason, thresholds=fitted, metrics=figures
        )
        onnx = to_onnx(network, recipe.distill.size)
    final = dataclasses.replace(final, metrics=final.metrics | evidence(choice))
    written = _write(target, final, onnx)
    return BundleReport(
        target,
        seen.parity,
        seen.forms,
        found.trials,
        found.method,
        costs,
        choice,
        table,
        seen.auroc_differences(),
        written,
    )


def _write(path: Path, manifest: Manifest, onnx: bytes) -> Manifest:
    make_folder(path.parent)
    return write_bundle(path, manifest, onnx, make_golden(manifest, onnx)).manifest


def _manifest(recipe: Recipe, run: Path, maps: tuple[MapName, ...], grid: int) -> Manifest:
    """All that is known before anything is measured."""
    return Manifest(
        name=f"efiqa-edge {recipe.name}",
        precision="int8",
        input_size=recipe.distill.size,
        grid=grid,
        maps=maps,
        mean=recipe.mean,
        std=recipe.std,
        pooling=POOLING if maps == MAPS else _EVEN,
        thresholds=UNFITTED,
        thresholds_from="",
        metrics={},
        trained_on=tuple(
            f"{name}: {count} photographs" for name, count in runs.read_metrics(run / "student")["photographs"].items()
        ),
        golden=(),
        made_with={name: importlib.metadata.version(name) for name in _SOFTWARE},
    )


def _fitted_on(labelled: Sequence[tuple[Scored, Scored]]) -> str:
    if not labelled:
        return "not fitted: defaults, for want of labelled photographs"
    return "edge-calibrate int8, on the quality labels of " + " and ".join(
        f"{s.name} ({len(s.scores)})" for _, s in labelled
    )


def _metrics(parity: Parity, table: dict[str, dict[str, tuple[float, float]]], form: int) -> dict[str, float]:
    """The figures that travel with the bundle; AUROC is that of the form that is in it: 0 float, 1 INT8."""
    figures = {"int8 map mean abs difference": parity.map_mae, "int8 score rank correlation": parity.rank_correlation}
    for name, questions in table.items():
        figures |= {f"AUROC {name} {question}": both[form] for question, both in questions.items()}
    # A constant score has no rank correlation; the manifest holds numbers only.
    return {name: round(value, 6) for name, value in figures.items() if math.isfinite(value)}
