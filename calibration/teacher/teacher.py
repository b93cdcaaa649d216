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
from calibration.frames import choose_frames, made, tensors
from calibration.golden import write_with_golden
from calibration.int8.quantize import maps, skipped_layers
from calibration.manifest import make_folder, new_manifest
from calibration.teacher.form import TeacherForm, check_form, remove, write_form
from calibration.teacher.network import QUANTIZED, Smoothing, Whole, quantize_whole
from edge.bundle.bundle import MAPS
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
    trials: dict[Smoothing, float]
    method: Smoothing
    left_out: dict[str, float]
    layers: int
    why_float: str
    bundle: Path
    peak_gib: float


def make_teacher(run: Path, data: Path | None, target: Path, size: int | None, most: float) -> TeacherReport:
    """Export the foundation model of a run as one graph, in float16 and INT8.

    Args:
        run: with a finished adapter; its recipe names the backbone.
        data: photographs to calibrate on; None for synthetic eyes, which only the fundus has.
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
    del teacher  # each way to quantize loads its own; an idle copy would double the memory
    chosen = dict(choose_frames(data, recipe, FRAMES))
    frames = tensors(chosen.items(), recipe)
    if not frames:
        raise EdgeError("none of the calibration frames shows a fundus: give photographs of eyes.")
    others = choose_frames(data, recipe, HELD, list(chosen)) if data else ()
    held = tensors(chain(others, made(range(240, 240 + HELD), recipe, data)), recipe)
    del chosen
    log.info("exporting %s at %s pixels as float16", name, side)
    network = make()
    float_maps = maps(network, held)
    sixteen = half_of(raw_onnx(network, side))
    del network
    unfitted = "not fitted: edge-calibrate thresholds fits them"
    manifest = new_manifest(f"efiqa-edge teacher {name}"[:80], recipe, MAPS[:1], grid, unfitted)
    forms = [write_form("float16", sixteen, target, manifest, held, float_maps)]
    del sixteen
    check_form(forms[0], most)
    log.info("quantizing by max and smoothquant")
    found = quantize_whole(make, frames, held, most)
    why = ""
    if skipped := skipped_layers(found.network, *QUANTIZED):
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
    write_with_golden(bundle, kept, shipped)
    report = TeacherReport(
        name, side, grid, tuple(forms), found.trials, found.method, found.left_out, found.layers, why, bundle,
        _peak(),
    )  # fmt: skip
    coded = json.dumps(dataclasses.asdict(report), indent=1, default=str) + "\n"
    write(target / "teacher.json", coded.encode("utf-8", "backslashreplace"))
    return report


def _recipe(run: Path, size: int | None) -> Recipe:
    """The recipe of the student if that is finished, else of the adapter."""
    for step in ("student", "adapter"):
        for path in sorted((run / step).rglob("config.yaml")):
            recipe = load_recipe(str(path))
            if size is None:
                return recipe
            return dataclasses.replace(recipe, adapter=dataclasses.replace(recipe.adapter, size=size))
    raise EdgeError(f"{run} holds no trained adapter: run edge-train adapter with this --out first.")


def _peak() -> float:
    """The most memory that this process has held, in GiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)
