"""One form of the foundation model as a file: written, held against float32, built for a device, and gated."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from calibration.golden import open_session
from edge.bundle.bundle import Bundle, Manifest
from edge.engines.tensorrt.builder import Ways, build_engine
from edge.errors import EdgeError

log = logging.getLogger(__name__)

TARGET = "sm86"  # the nearest family to Orin's (sm87) that TensorRT-RTX builds for ahead of time
_INLINE = 64 << 20  # bytes; a larger network keeps its weights in a file beside it


@dataclass(frozen=True)
class TeacherForm:
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


def write_form(
    name: str,
    model: onnx.ModelProto,
    target: Path,
    manifest: Manifest,
    held: Sequence[NDArray[np.float32]],
    float_maps: NDArray[np.float32],
) -> TeacherForm:
    """Write a form, hold it against float32, and build its engine."""
    data = model.SerializeToString()
    path = _write(target / f"{name}.onnx", model, len(data))
    session = open_session(str(path), optimise=True)
    found = np.stack([session.run(None, {session.get_inputs()[0].name: tensor})[0][0, 0] for tensor in held])
    apart = np.abs(found.astype(np.float64) - float_maps)
    if not np.isfinite(apart).all():
        apart = np.ones_like(apart)  # a map that holds no number is as far off as can be
    del session
    log.info("building the %s engine for %s", name, TARGET)
    engine = _engine(Bundle(path, manifest, data, ""))
    size = sum(p.stat().st_size for p in (path, _beside(path)) if p.is_file())
    return TeacherForm(name, path, size / 2**20, float(apart.mean()), float(apart.max()), engine)


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
        remove(path)  # onnx appends to a file of weights that is there
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


def remove(path: Path) -> None:
    """Remove a form that was written, weights and all, if it is there."""
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def check_form(form: TeacherForm, most: float) -> None:
    """The gate of float16; what does not pass is removed.

    Raises:
        EdgeError: the form moves the map further.
    """
    if form.map_mae > most:
        remove(form.path)
        raise EdgeError(
            f"{form.name} moves the teacher's map by {form.map_mae:.4f}, more than {most:g}: its numbers leave the "
            "range of float16; allow more with --max-map-mae, or take another backbone."
        )
