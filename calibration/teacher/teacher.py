"""From a run's foundation model, backbone and adapter, to ONNX files for larger devices: float16 and INT8, gated."""

from __future__ import annotations

import dataclasses
import json
import logging
import resource
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import onnx
from torch import nn

from calibration.export import half_of, raw_onnx
from calibration.frames import choose_frames, named_frames, phantoms, tensors
from calibration.golden import make_golden
from calibration.int8.quantize import maps
from calibration.site.thresholds import UNFITTED
from calibration.target import make_folder
from calibration.teacher.form import TeacherForm, check_form, remove, write_form
from calibration.teacher.network import Whole, left_by_the_quantizer, quantize_whole
from edge.bundle.bundle import Manifest, write_bundle
from edge.errors import EdgeError
from trainer.loop.checkpoints import write
from trainer.networks.backbone import grid_of
from trainer.recipe import Recipe, load_recipe
from trainer.steps.teacher import load_teacher

log = logging.getLogger(__name__)

FRAMES, HELD = 16, 6  # to choose ranges on, and to judge by, photographs and synthetic eyes: seconds for each


@dataclass(frozen=True)
class TeacherReport:
    """What ``make_teacher`` wrote and measured; ``why_float`` is empty where there is an INT8 form."""

    backbone: str
    size: int
    grid: int
    forms: tuple[TeacherForm, ...]
    trials: dict[str, float]
    method: str
    left_out: dict[str, float]
    layers: int
    why_float: str
    bundle: Path
    peak_gib: float


def make_teacher(run: Path, data: Path | None, target: Path, size: int | None, most: float) -> TeacherReport:
    """Export the foundation model of a run as one graph, in float16 and INT8.

    Args:
        run: with a finished adapter; its recipe names the backbone.
        data: photographs to calibrate on; None for synthetic eyes.
        target: folder for ``float16.onnx``, ``int8.onnx``, ``teacher.efiqa`` and ``teacher.json``.
        size: side of the input in pixels; None for the recipe's.
        most: mean absolute difference of the degradation map that either form may cost.

    Raises:
        EdgeError: the adapter is missing, the backbone cannot be had or takes other sizes, float16 fails the gate, or
            a file cannot be written.
    """
    recipe = _recipe(run, size)
    make_folder(target)

    def make() -> nn.Module:
        return Whole(load_teacher(recipe, run))

    teacher = load_teacher(recipe, run)
    side, grid = teacher.size, grid_of(teacher.backbone, teacher.size)
    recipe = dataclasses.replace(recipe, mean=teacher.backbone.mean, std=teacher.backbone.std)
    recipe = dataclasses.replace(recipe, distill=dataclasses.replace(recipe.distill, size=side))
    name = teacher.backbone.name
    del teacher  # it is loaded afresh for each way to quantize; one idle copy would double the memory
    chosen = dict(named_frames(data, recipe, FRAMES))
    frames = tensors(chosen.values(), recipe)
    if not frames:
        raise EdgeError("none of the calibration frames shows a fundus: give photographs of eyes.")
    others = choose_frames(data, recipe, HELD, list(chosen)) if data else ()
    held = tensors(chain(others, phantoms(range(240, 240 + HELD))), recipe)
    del chosen
    log.info("exporting %s at %s pixels as float16", name, side)
    network = make()
    float_maps = maps(network, held)
    sixteen = half_of(raw_onnx(network, side))
    del network
    manifest = _manifest(recipe, name, side, grid)
    forms = [write_form("float16", sixteen, target, manifest, held, float_maps)]
    del sixteen
    check_form(forms[0], most)
    log.info("quantizing by max and smoothquant")
    found = quantize_whole(make, frames, held, most)
    why = ""
    if skipped := left_by_the_quantizer(found.network):
        why = f"the quantizer knows plain layers alone and left {len(skipped)} in float, first {skipped[0]}"
    elif len(found.left_out) == found.layers:
        worst = next(iter(found.left_out))
        why = f"no layer can be INT8 with the map moving by {most:g} at most; the worst is {worst}"
    else:
        forms.append(write_form("int8", raw_onnx(found.network, side), target, manifest, held, float_maps))
        if forms[1].map_mae > most:
            why = f"the INT8 graph moves the map by {forms[1].map_mae:.4f}, more than {most:g}"
            forms.pop()
    if why:
        remove(target / "int8.onnx")  # also one of an earlier run
        log.warning("%s; there is no INT8 form, take float16.onnx", why)
    bundle = target / "teacher.efiqa"
    shipped = onnx.load(str(forms[-1].path)).SerializeToString()
    kept = dataclasses.replace(manifest, precision="float32", why_float=why) if why else manifest
    write_bundle(bundle, kept, shipped, make_golden(kept, shipped))
    trials = {str(method): apart for method, apart in found.trials.items()}
    report = TeacherReport(
        name, side, grid, tuple(forms), trials, found.method, found.left_out, found.layers, why, bundle,
        _peak(),
    )  # fmt: skip
    said = json.dumps(dataclasses.asdict(report), indent=1, default=str) + "\n"
    write(target / "teacher.json", said.encode("utf-8", "backslashreplace"))
    return report


def _recipe(run: Path, size: int | None) -> Recipe:
    """Of whatever step the run has finished, the adapter last."""
    for step in ("student", "adapter"):
        for path in sorted((run / step).rglob("config.yaml")):
            recipe = load_recipe(str(path))
            if size is None:
                return recipe
            return dataclasses.replace(recipe, adapter=dataclasses.replace(recipe.adapter, size=size))
    raise EdgeError(f"{run} holds no trained adapter: run edge-train adapter with this --out first.")


def _manifest(recipe: Recipe, name: str, size: int, grid: int) -> Manifest:
    return Manifest(
        name=f"efiqa-edge teacher {name}"[:80],
        precision="int8",
        input_size=size,
        grid=grid,
        maps=("degradation",),
        mean=recipe.mean,
        std=recipe.std,
        pooling={"disc": 1.0, "macula": 1.0, "periphery": 1.0},
        thresholds=UNFITTED,
        thresholds_from="not fitted: edge-calibrate thresholds fits them",
        metrics={},
        trained_on=(),
        golden=(),
        made_with={},
    )


def _peak() -> float:
    """The most memory that this process has held, in GiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)
