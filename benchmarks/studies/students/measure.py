"""Students of one run: trained on the same lessons, quantized by max calibration, measured and timed."""

from __future__ import annotations

import importlib.metadata
import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import edge
from benchmarks.machine.machine import Machine, describe_machine, load_average
from benchmarks.roofline.layers import count_layers
from benchmarks.roofline.predict import predict as predict_on
from benchmarks.run.latency import summarise, warm_up
from benchmarks.studies.students.fidelity import FidelityEvidence, gather, key_of_evidence, measure_fidelity
from benchmarks.studies.students.result import StudentFigures, StudentPlan, StudentRow
from calibration.bundle import CALIBRATION_FRAMES
from calibration.export import Deployed, maps_of, to_onnx
from calibration.frames import choose_frames, tensors
from calibration.golden import write_with_golden
from calibration.int8.quantize import quantize
from calibration.manifest import new_manifest
from calibration.timing import Turn, milliseconds, take_turns
from edge.frame.prepare import normalise
from edge.model import QualityModel
from trainer.evaluation.predictors import bundle_maps
from trainer.evaluation.truth.eyes import HELD_OUT
from trainer.loop import runs
from trainer.loop.checkpoints import write
from trainer.networks.students import Student
from trainer.recipe import Recipe
from trainer.steps.distill import fit, new_student, predict, student_key
from trainer.steps.lessons import as_the_device_cuts, prepare_lessons
from trainer.steps.vessel_maps import phantoms
from trainer.steps.vessels import load_segmenter

BLOCKS = 20  # turns of all students
_BLOCK, _COLD = 20, 5  # inferences of a turn that are counted, after those that are not
log = logging.getLogger(__name__)

Figures = tuple[StudentFigures, StudentFigures]  # of INT8 and of float32
_BUNDLE, _MEASURED = "int8.efiqa", "measured.json"
_ORIN_NANO = "orin-nano"
_SOFTWARE = ("nvidia-modelopt", "openvino")  # what the figures of INT8 depend on apart from the weights


def recipe_of(recipe: Recipe, plan: StudentPlan, steps: int) -> Recipe:
    """The recipe with another student."""
    its = replace(recipe.distill, size=plan.size, stride=plan.stride, width=plan.width, steps=steps)
    return replace(recipe, distill=its)


def folder_of(out: Path, plan: StudentPlan) -> Path:
    """Where a student lies in its run folder."""
    return out / "students" / plan.name


def train_students(recipe: Recipe, plans: Sequence[StudentPlan], steps: int, data: Path, out: Path) -> None:
    """Train what is not there yet, each student from its checkpoint where it has one.

    Args:
        recipe: of a run whose vessels, prior and adapter are finished.
        plans: the students.
        steps: of each.
        data: folder of photographs.
        out: run folder; its own student counts as one of them where it learned by as many steps.

    Raises:
        EdgeError: an earlier step is missing, or a checkpoint was made from other things.
    """
    keys = {plan: student_key(recipe_of(recipe, plan, steps), data, out) for plan in plans}
    for plan, key in keys.items():
        _take_over(out, folder_of(out, plan), key)
    wanted = [plan for plan in plans if not runs.finished(folder_of(out, plan), keys[plan])]
    for plan in plans:
        if plan not in wanted:
            log.info("students: %s is trained already", plan.name)
    if not wanted:
        return
    lessons, segmenter = prepare_lessons(recipe, data, out), load_segmenter(out)
    for plan in wanted:
        log.info("students: training %s", plan.name)
        its, folder = recipe_of(recipe, plan, steps), folder_of(out, plan)
        cut = replace(lessons, cuts=as_the_device_cuts(its, data, out)["picture"])
        student, losses = fit(its, cut, new_student(its, segmenter), folder, keys[plan])
        runs.finish(
            folder, student, its, keys[plan], {"losses": losses}, stride=str(plan.stride), width=str(plan.width)
        )


def _take_over(out: Path, folder: Path, key: str) -> None:
    """Copy the student that the run distilled, where it is one of these and learned as they do."""
    ours = out / "student"
    if (folder / runs.WEIGHTS).exists() or not (ours / runs.WEIGHTS).exists() or runs.read_metadata(ours)["key"] != key:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.yaml", "metrics.json", runs.WEIGHTS):  # the weights last: they say that it is finished
        write(folder / name, (ours / name).read_bytes())


def measure_students(
    recipe: Recipe, plans: Sequence[StudentPlan], data: Path, out: Path, photographs: int, eyes: int
) -> dict[StudentPlan, Figures]:
    """INT8 bundles of trained students, and figures of INT8 and float32; what was measured before is read.

    Args:
        recipe: of the run.
        plans: trained students.
        data: folder of photographs.
        out: run folder.
        photographs: how many to measure on at most.
        eyes: synthetic ones to measure on.

    Raises:
        EdgeError: see ``gather``, ``measure_fidelity`` and ``calibration.int8.quantize``.
    """
    what = key_of_evidence(recipe, data, photographs, eyes)
    versions = [edge.__version__, *(importlib.metadata.version(name) for name in _SOFTWARE)]
    evidence: FidelityEvidence | None = None
    found = {}
    for plan in plans:
        folder = folder_of(out, plan)
        key = runs.key_of(runs.read_metadata(folder)["key"], what, *versions)
        figures = _measured(folder, key)
        if figures is None:
            evidence = evidence or gather(recipe, data, out, photographs, eyes)
            log.info("students: measuring %s", plan.name)
            figures = _measure(recipe_of(recipe, plan, recipe.distill.steps), plan, data, folder, evidence)
            stored = {"key": key, "int8": asdict(figures[0]), "float32": asdict(figures[1])}
            write(folder / _MEASURED, (json.dumps(stored, indent=1) + "\n").encode())
        found[plan] = figures
    return found


def time_students(
    figures: dict[StudentPlan, Figures], recipe: Recipe, out: Path, threads: int | None
) -> tuple[list[StudentRow], Machine]:
    """Time the inference of all students as INT8 on OpenVINO, A B C A B C, so that a drift of the machine hits all.

    Args:
        figures: of the students.
        recipe: for mean and deviation of the input.
        out: run folder with their bundles.
        threads: CPU threads; None for all cores.

    Returns:
        A row for each, and what they were timed on.
    """
    load = load_average()  # before this process adds to it
    paths = {plan: folder_of(out, plan) / _BUNDLE for plan in figures}
    with ExitStack() as opened:
        models = {p: opened.enter_context(QualityModel.load(path, "openvino", threads)) for p, path in paths.items()}
        calls = [partial(_infer, model, _inputs(plan.size, recipe)) for plan, model in models.items()]
        log.info("students: timing all of them in turns")
        for call in calls:
            warm_up(partial(milliseconds, call))
        samples, _ = take_turns([Turn(call, _BLOCK, _COLD) for call in calls], BLOCKS)
        predictions = [predict_on(count_layers(model.bundle.onnx), _ORIN_NANO) for model in models.values()]
        machine = describe_machine(next(iter(models.values())).engine.describe(), threads, load)
    rows = [
        StudentRow(plan, paths[plan].stat().st_size / 2**20, ms.size, summarise(ms.ravel()), there, *figures[plan])
        for plan, ms, there in zip(models, samples, predictions, strict=True)
    ]
    return rows, machine


def _measured(folder: Path, key: str) -> Figures | None:
    """Figures of INT8 and float32 from an earlier run; None where there are none, or other things were measured."""
    try:
        stored = json.loads((folder / _MEASURED).read_text(encoding="utf-8"))
        if stored["key"] == key and (folder / _BUNDLE).is_file():
            return StudentFigures(**stored["int8"]), StudentFigures(**stored["float32"])
    except (OSError, ValueError, LookupError, TypeError):  # a damaged file: measured again
        pass
    return None


def _measure(recipe: Recipe, plan: StudentPlan, data: Path, folder: Path, evidence: FidelityEvidence) -> Figures:
    """Write the INT8 bundle of a student; figures of its maps, and of those before quantization."""
    student = runs.load(folder, Student(plan.stride, plan.width))
    assert isinstance(student, Student)
    exact = predict(student, [square.picture for square in evidence.squares], recipe)[:, 0]
    network = Deployed(student)
    quantized = quantize(network, tensors(choose_frames(data, recipe, CALIBRATION_FRAMES), recipe))
    maps, grid = maps_of(network, plan.size)
    unfitted = "not fitted: made to be compared with others, not to be shipped"
    manifest = new_manifest(f"student {plan.name}", recipe, maps, grid, unfitted, software=_SOFTWARE)
    write_with_golden(folder / _BUNDLE, manifest, to_onnx(quantized, plan.size))
    with QualityModel.load(folder / _BUNDLE, "openvino") as model:
        int8_maps = bundle_maps(model)(evidence.squares)
    return measure_fidelity(int8_maps, evidence), measure_fidelity(exact, evidence)


def _inputs(size: int, recipe: Recipe) -> list[NDArray[np.float32]]:
    """A few synthetic eyes as the network reads them, float32 (1, 3, size, size)."""
    return [normalise(square.picture, recipe.mean, recipe.std) for square in phantoms(4, size, HELD_OUT)]


def _infer(model: QualityModel, inputs: Sequence[NDArray[np.float32]], index: int) -> None:
    model.engine.infer(inputs[index % len(inputs)])
