"""From a run's foundation model, backbone and adapter, to ONNX files for larger devices: float16 and INT8, gated."""

from __future__ import annotations

import dataclasses
import json
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from torch import nn

from calibration.export import half_of, raw_onnx
from calibration.forms import open_session
from calibration.frames import choose_frames, named_frames, phantoms, tensors
from calibration.quantize import maps
from calibration.thresholds import UNFITTED
from calibration.whole import Whole, quantise_whole
from edge.bundle import Bundle, Manifest, write_bundle
from edge.engines.builder import Ways, build_engine
from edge.errors import EdgeError
from trainer.adapter import load_teacher
from trainer.files import write
from trainer.foundation import grid_of
from trainer.recipe import Recipe, load_recipe

FRAMES, HELD = 16, 6  # to choose ranges on, and to judge by, photographs and synthetic eyes: seconds for each
TARGET = "sm86"  # the nearest family to Orin's (sm87) that TensorRT-RTX builds for ahead of time
_INLINE = 64 << 20  # bytes; a larger network keeps its weights in a file beside it


@dataclass(frozen=True)
class Form:
    """One file: ``float16`` or ``int8``; its map beside float32 in torch; and what TensorRT-RTX makes of it.

    Attributes:
        path: of the ONNX file; weights may lie beside it, in ``path`` + ``.data``.
        mebibytes: of both.
        map_mae, map_max: on frames that chose nothing, on onnxruntime.
        engine: how large the engine for ``TARGET`` is, in MiB, or why there is none.
    """

    name: str
    path: Path
    mebibytes: float
    map_mae: float
    map_max: float
    engine: str


@dataclass(frozen=True)
class Report:
    """What ``make_teacher`` wrote and measured; ``why_float`` is empty where there is an INT8 form."""

    backbone: str
    size: int
    grid: int
    forms: tuple[Form, ...]
    trials: dict[str, float]
    method: str
    left_out: dict[str, float]
    layers: int
    why_float: str
    bundle: Path
    peak_gib: float


def make_teacher(
    run: Path, data: Path | None, target: Path, size: int | None, most: float, say: Callable[[str], None]
) -> Report:
    """Export the foundation model of a run as one graph, in float16 and INT8.

    Args:
        run: with a finished adapter; its recipe names the backbone.
        data: photographs to calibrate on; None for synthetic eyes.
        target: folder for ``float16.onnx``, ``int8.onnx``, ``teacher.efiqa`` and ``teacher.json``.
        size: side of the input in pixels; None for the recipe's.
        most: mean absolute difference of the degradation map that either form may cost.
        say: told what is going on.

    Raises:
        EdgeError: the adapter is missing, the backbone cannot be had or takes other sizes, float16 fails the gate, or
            a file cannot be written.
    """
    recipe = _recipe(run, size)

    def make() -> nn.Module:
        return Whole(load_teacher(recipe, run))

    teacher = load_teacher(recipe, run)
    side, grid = teacher.size, grid_of(teacher.backbone, teacher.size)
    recipe = dataclasses.replace(recipe, mean=teacher.backbone.mean, std=teacher.backbone.std)
    recipe = dataclasses.replace(recipe, distill=dataclasses.replace(recipe.distill, size=side))
    name = teacher.backbone.name
    del teacher  # it is loaded afresh for each way to quantise; one idle copy would double the memory
    chosen = dict(named_frames(data, recipe, FRAMES))
    frames = tensors(chosen.values(), recipe)
    others = choose_frames(data, recipe, HELD, list(chosen)) if data else ()
    held = tensors(chain(others, phantoms(range(240, 240 + HELD))), recipe)
    del chosen
    say(f"exporting {name} at {side} pixels as float16")
    network = make()
    exact = maps(network, held)
    sixteen = half_of(raw_onnx(network, side))
    del network
    manifest = _manifest(recipe, name, side, grid)
    forms = [_finish("float16", sixteen, target, manifest, held, exact, say)]
    del sixteen
    _check(forms[0], most)
    say("quantising by max and smoothquant")
    found = quantise_whole(make, frames, held, most)
    why = ""
    if len(found.left_out) == found.layers:
        worst = next(iter(found.left_out))
        why = f"no layer can be INT8 with the map moving by {most:g} at most; the worst is {worst}"
    else:
        forms.append(_finish("int8", raw_onnx(found.network, side), target, manifest, held, exact, say))
        if forms[1].map_mae > most:
            why = f"the INT8 graph moves the map by {forms[1].map_mae:.4f}, more than {most:g}"
            _remove(forms.pop().path)
    if why:
        say(f"warning: {why}; there is no INT8 form, take float16.onnx")
    bundle = target / "teacher.efiqa"
    shipped = onnx.load(str(forms[-1].path)).SerializeToString()
    kept = dataclasses.replace(manifest, precision="float32", why_float=why) if why else manifest
    write_bundle(bundle, kept, shipped)
    trials = {str(method): apart for method, apart in found.trials.items()}
    report = Report(
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


def _finish(
    name: str,
    model: onnx.ModelProto,
    target: Path,
    manifest: Manifest,
    held: Sequence[NDArray[np.float32]],
    exact: NDArray[np.float32],
    say: Callable[[str], None],
) -> Form:
    """Write a form, hold it against float32, and build its engine."""
    data = model.SerializeToString()
    path = _write(target / f"{name}.onnx", model, len(data))
    session = open_session(str(path), optimise=True)
    found = np.stack([session.run(None, {session.get_inputs()[0].name: tensor})[0][0, 0] for tensor in held])
    apart = np.abs(found.astype(np.float64) - exact)
    if not np.isfinite(apart).all():
        apart = np.ones_like(apart)  # a map that holds no number is as far off as can be
    del session
    say(f"building the {name} engine for {TARGET}")
    engine = _engine(Bundle(path, manifest, data, ""))
    size = sum(p.stat().st_size for p in (path, _beside(path)) if p.is_file())
    return Form(name, path, size / 2**20, float(apart.mean()), float(apart.max()), engine)


def _engine(bundle: Bundle) -> str:
    try:
        import tensorrt_rtx
    except ImportError:
        return 'TensorRT-RTX is not installed: pip install "efiqa-edge[rtx]"'
    try:
        return f"{len(build_engine(tensorrt_rtx, bundle, Ways(target=TARGET))) / 2**20:.1f} MiB"
    except EdgeError as error:
        return str(error)


def _write(path: Path, model: onnx.ModelProto, size: int) -> Path:
    """The graph whole, or where it is large with its weights in a file beside it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(path)  # onnx appends to a file of weights that is there
        onnx.save_model(
            model,
            str(path),
            save_as_external_data=size > _INLINE,
            all_tensors_to_one_file=True,
            location=_beside(path).name,
        )
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror}): choose another place.") from error
    return path


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".data")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def _check(form: Form, most: float) -> None:
    if form.map_mae > most:
        _remove(form.path)
        raise EdgeError(
            f"{form.name} moves the teacher's map by {form.map_mae:.4f}, more than {most:g}: its numbers leave the "
            "range of float16; allow more with --max-map-mae, or take another backbone."
        )


def _peak() -> float:
    """The most memory that this process has held, in GiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)
