"""Golden maps of a network: what engines are compared with on the device, computed here by onnxruntime. No torch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
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

log = logging.getLogger(__name__)
Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_SPOILED: tuple[Kind, ...] = ("blur", "shadow")
_DRAWN, _SIDE = 320, 256  # pixels: of an eye, and of a golden frame at most
_MESHES = (3.0, 4.0, 5.0)  # pixels: how coarse the capillaries of a drawn angiogram are
_ALIKE = 0.02  # deviation of golden maps below which they tell engines hardly apart


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
    """``golden.npz`` for a network: a synthetic eye, clean and spoiled in two ways, or drawn scans, and their maps.

    Fewer frames where maps are large, and nothing where one alone takes more than ``LARGEST_GOLDEN``. A warning is
    logged where all maps are alike: an engine that computes nothing would agree with them.

    Args:
        manifest: of the bundle that it is for.
        onnx: the network.

    Raises:
        EdgeError: onnxruntime is missing or refuses the network.
    """
    infer, side = infer_onnx(onnx), min(manifest.input_size, _SIDE)
    frames, whole = (_scans if manifest.modality == "octa" else _eyes)(side), Crop(0, 0, side)
    tensors = (prepare(frame, whole, manifest.input_size, manifest.mean, manifest.std) for frame in frames)
    maps = [infer(tensor).astype(np.float16) for tensor in tensors]
    if max(float(each.astype(np.float32).std()) for each in maps) < _ALIKE:
        log.warning("%s: its golden maps are all alike, and hardly tell whether an engine computes it.", manifest.name)
    fit = LARGEST_GOLDEN // (frames[0].nbytes + maps[0].nbytes + 1024)
    return pack_golden(GoldenMaps(np.stack(frames[:fit]), np.stack(maps[:fit]))) if fit else b""


def _eyes(side: int) -> list[NDArray[np.uint8]]:
    eye = make_retina(0, _DRAWN).image
    eyes = [eye, *(degrade(eye, kind, 0.7)[0] for kind in _SPOILED)]
    return [cut(frame, field.crop, side) for frame in eyes if (field := find_field(frame)) is not None]


def _scans(side: int) -> list[NDArray[np.uint8]]:
    """Drawn angiograms, of which a network sees some parts and others not: on an eye its map would be 1 everywhere."""
    rng, middle = np.random.default_rng(0), (side // 2, side // 2)
    scans = []
    for coarse in _MESHES:
        mesh = np.zeros((side, side), np.float32)
        for _ in range(2):  # lines where smooth noise changes its sign: closed loops, as capillaries form
            noise = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), coarse)
            mesh = np.maximum(mesh, np.exp(-((noise / noise.std() / 0.15) ** 2)))
        scan = np.asarray(60 + 120 * mesh, np.float32)
        cv2.circle(scan, middle, side // 11, 8.0, -1)  # the avascular zone
        scan[-side // 4 :] *= 0.1  # a shadow
        grey = cv2.GaussianBlur(scan + rng.normal(0, 8, scan.shape).astype(np.float32), (0, 0), 0.7)
        scans.append(np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2))
    return scans


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
