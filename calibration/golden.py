"""Golden maps of a network: what engines are compared with on the device, computed here by onnxruntime. No torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle, Manifest, read_bundle, write_bundle
from edge.bundle.golden import LARGEST_GOLDEN, GoldenMaps, pack_golden
from edge.errors import EdgeError
from edge.field.find import Crop, find_field
from edge.files.output import check_output
from edge.frame.prepare import cut, prepare
from edge.phantom.degradation import Kind, degrade
from edge.phantom.retina import make_retina

Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_SPOILED: tuple[Kind, ...] = ("blur", "shadow")
_DRAWN, _SIDE = 320, 256  # pixels: of an eye, and of a golden frame at most


def add_golden(model: Path, target: Path) -> Bundle:
    """Write a bundle again with golden maps; everything else in it stays the same.

    Raises:
        EdgeError: the bundle cannot be read or written, or onnxruntime is missing.
    """
    check_output(target, "the bundle", [model])
    bundle = read_bundle(model)
    return write_with_golden(target, bundle.manifest, bundle.onnx)


def write_with_golden(path: Path, manifest: Manifest, onnx: bytes) -> Bundle:
    """Write a bundle with golden maps of its network.

    Raises:
        EdgeError: it cannot be written, or see ``make_golden``.
    """
    return write_bundle(path, manifest, onnx, make_golden(manifest, onnx))


def make_golden(manifest: Manifest, onnx: bytes) -> bytes:
    """``golden.npz`` for a network: a synthetic eye, clean and spoiled in two ways, and its maps.

    Fewer frames where maps are large, and nothing where one alone takes more than ``LARGEST_GOLDEN``.

    Args:
        manifest: of the bundle that it is for.
        onnx: the network.

    Raises:
        EdgeError: onnxruntime is missing or refuses the network.
    """
    infer, side = infer_onnx(onnx), min(manifest.input_size, _SIDE)
    frames, whole = _golden_frames(side), Crop(0, 0, side)
    tensors = (prepare(frame, whole, manifest.input_size, manifest.mean, manifest.std) for frame in frames)
    maps = [infer(tensor).astype(np.float16) for tensor in tensors]
    fit = LARGEST_GOLDEN // (frames[0].nbytes + maps[0].nbytes + 1024)
    return pack_golden(GoldenMaps(np.stack(frames[:fit]), np.stack(maps[:fit]))) if fit else b""


def _golden_frames(side: int) -> list[NDArray[np.uint8]]:
    eye = make_retina(0, _DRAWN).image
    eyes = [eye, *(degrade(eye, kind, 0.7)[0] for kind in _SPOILED)]
    return [cut(frame, field.crop, side) for frame in eyes if (field := find_field(frame)) is not None]


def infer_onnx(onnx: bytes) -> Infer:
    """A network of one input and one output as a function: float32 (1, 3, S, S) -> maps float32 (K, grid, grid)."""
    session = open_session(onnx)

    def infer(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {session.get_inputs()[0].name: tensor})[0][0], np.float32)

    return infer


def open_session(onnx: bytes | str, optimise: bool = False) -> Any:
    """An onnxruntime session on the CPU: the reference that other runtimes are compared with.

    Args:
        onnx: a graph, or the path of one that has external data.
        optimise: let the runtime fuse; without it every node of the graph runs as it is written.

    Raises:
        EdgeError: onnxruntime is missing or refuses the graph.
    """
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise EdgeError("golden maps and parity need onnxruntime: pip install onnxruntime.") from error
    options = ort.SessionOptions()
    options.log_severity_level = 3
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    try:
        return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no class of their own in common
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise EdgeError(f"onnxruntime refuses the network ({reason}): export it again.") from error
