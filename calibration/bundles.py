"""From a run folder to model.efiqa: quantise, export, compare, fit thresholds, write."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from calibration.export import Deployed, maps_of, to_onnx
from calibration.frames import Frame, choose_frames, phantoms, tensors
from calibration.quantize import quantize
from calibration.site import check_target
from calibration.thresholds import UNFITTED, Scored, aurocs, fit_thresholds
from edge.assessment import Assessment
from edge.bundle import MAPS, Golden, Manifest, MapName, Region, Thresholds, write_bundle
from edge.errors import EdgeError
from edge.grading import Input, grade_files
from edge.labels import has_both_classes
from edge.model import QualityModel
from edge.parity import Parity, compare
from edge.phantom.retina import phantom_frame
from trainer import runs
from trainer.distill import load_student
from trainer.label_quality import LabelledSet, find_labelled
from trainer.recipe import Recipe, load_recipe

CALIBRATION_FRAMES = 64
PARITY_FRAMES = 200
# Chosen beforehand and never tuned: graders ask first whether fovea and disc can be judged, and forgive the periphery.
POOLING: dict[Region, float] = {"disc": 2.0, "macula": 3.0, "periphery": 1.0}
_EVEN: dict[Region, float] = dict.fromkeys(POOLING, 1.0)  # of a student that does not say where they are
_GOLDEN = range(8)
_SOFTWARE = ("torch", "nvidia-modelopt", "onnx", "onnxsim", "openvino", "numpy")


@dataclass(frozen=True)
class Report:
    """What ``make_bundle`` measured.

    Attributes:
        parity: float student against INT8, on one engine.
        aurocs: ``{set: {question: (float, INT8)}}``.
        manifest: of the bundle that was written.
    """

    path: Path
    parity: Parity
    aurocs: dict[str, dict[str, tuple[float, float]]]
    manifest: Manifest


def make_bundle(run: Path, data: Path | None, target: Path, say: Callable[[str], None]) -> Report:
    """Quantise the student of a run and write it as a bundle.

    Args:
        run: folder that ``edge-train`` wrote.
        data: photographs for calibration and parity, and labelled sets for thresholds; None for phantoms alone.
        target: the bundle to write.
        say: told what is going on.

    Raises:
        EdgeError: the run lacks a student, the folder holds no photograph, or a file cannot be written.
    """
    _make_folder(target.parent)
    check_target(target)
    network = Deployed(load_student(run))
    recipe = load_recipe(str(run / "student" / "config.yaml"))
    say("quantising")
    quantized = quantize(network, tensors(choose_frames(data, recipe, CALIBRATION_FRAMES), recipe))
    manifest = _manifest(recipe, run, *maps_of(network, recipe.distill.size))
    say("exporting")
    float_path, int8_path = run / "calibration" / "float32.efiqa", run / "calibration" / "int8.efiqa"
    _write(
        float_path,
        dataclasses.replace(manifest, precision="float32", why_float="to compare INT8 with"),
        to_onnx(network, recipe.distill.size),
    )
    _write(int8_path, manifest, onnx := to_onnx(quantized, recipe.distill.size))
    with QualityModel.load(float_path, "openvino") as exact, QualityModel.load(int8_path, "openvino") as rounded:
        say("comparing float32 with INT8")
        golden = tuple(Golden(seed, exact.assess(phantom_frame(seed)).score) for seed in _GOLDEN)
        scored = [_score(s, exact, rounded, say) for s in (find_labelled(data) if data else [])]
        labelled = [pair for pair in scored if has_both_classes(pair[0].qualities)]
        thresholds = fit_thresholds([eight for _, eight in labelled]) if labelled else UNFITTED
        compared = chain(choose_frames(data, recipe, PARITY_FRAMES), phantoms(range(100, 140)))
        parity = _parity(compared, exact, rounded, thresholds)
    table = {}
    for full, eight in labelled:
        before, after = aurocs(full), aurocs(eight)
        table[full.name] = {question: (before[question], after[question]) for question in before}
    final = dataclasses.replace(
        manifest,
        thresholds=thresholds,
        thresholds_from=_fitted_on(labelled),
        golden=golden,
        metrics=_metrics(parity, table),
    )
    return Report(target, parity, table, _write(target, final, onnx))


def _write(path: Path, manifest: Manifest, onnx: bytes) -> Manifest:
    _make_folder(path.parent)
    return write_bundle(path, manifest, onnx).manifest


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeError(f"{folder} cannot be made ({error.strerror}): choose another place.") from error


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


def _fitted_on(labelled: Sequence[tuple[Scored, Scored]]) -> str:
    if not labelled:
        return "not fitted: defaults, for want of labelled photographs"
    return "edge-calibrate int8, on the quality labels of " + " and ".join(
        f"{s.name} ({len(s.scores)})" for _, s in labelled
    )


def _metrics(parity: Parity, table: dict[str, dict[str, tuple[float, float]]]) -> dict[str, float]:
    """The figures that travel with the bundle."""
    figures = {"int8 map mean abs difference": parity.map_mae, "int8 score rank correlation": parity.rank_correlation}
    for name, questions in table.items():
        figures |= {f"AUROC {name} {question}": eight for question, (_, eight) in questions.items()}
    # A constant score has no rank correlation; the manifest holds numbers only.
    return {name: round(value, 6) for name, value in figures.items() if math.isfinite(value)}
