"""One form of the foundation model as a file: written, compared with float32, built for a device, and gated."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from calibration.golden import open_session
from calibration.int8.quantize import Tensors
from edge.bundle.bundle import Bundle, Manifest
from edge.engines.tensorrt.builder import Ways, build_engine
from edge.errors import EdgeError

log = logging.getLogger(__name__)

TARGET = "sm86"  # the nearest family to Orin's (sm87) that TensorRT-RTX builds for ahead of time
_INLINE = 64 << 20  # bytes; a larger network keeps its weights in a file beside it


@dataclass(frozen=True)
class TeacherForm:
    """One file: ``float16`` or ``int8``; its map compared with float32 in torch; and its TensorRT-RTX engine.

    Attributes:
        path: of the ONNX file; large weights are stored in ``path`` + ``.data``.
        mebibytes: of both.
        map_mae, map_max: on held-out frames, on onnxruntime.
        engine: size of the engine for ``TARGET`` in MiB, or why there is none.
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
    held: Tensors,
    float_maps: NDArray[np.float32],
) -> TeacherForm:
    """Write a form, compare it with float32, and build its engine.

    A large graph keeps its weights in a file beside it.

    Raises:
        EdgeError: the file cannot be written.
    """
    data, path = model.SerializeToString(), target / f"{name}.onnx"
    try:
        remove(path)  # onnx appends to an existing file of weights
        onnx.save_model(model, str(path), save_as_external_data=len(data) > _INLINE, location=_beside(path).name)
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror}): choose another place.") from error
    session = open_session(str(path), optimise=True)
    found = np.stack([session.run(None, {session.get_inputs()[0].name: tensor})[0][0, 0] for tensor in held])
    apart = np.abs(found.astype(np.float64) - float_maps)
    if not np.isfinite(apart).all():
        apart = np.ones_like(apart)  # NaN counts as the largest possible difference
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


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".data")


def remove(path: Path) -> None:
    """Remove a form that was written, weights and all, if it is there."""
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def check_form(form: TeacherForm, most: float) -> None:
    """The gate of float16; a form that does not pass is removed.

    Raises:
        EdgeError: the form moves the map further.
    """
    if form.map_mae > most:
        remove(form.path)
        raise EdgeError(
            f"{form.name} moves the teacher's map by {form.map_mae:.4f}, more than {most:g}: its numbers leave the "
            "range of float16; allow more with --max-map-mae, or take another backbone."
        )
