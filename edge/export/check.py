"""An exported graph against our own path, where onnxruntime and OpenVINO are at hand to run them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.assessment import Verdict
from edge.bundle.bundle import Bundle
from edge.engines.checks import UnavailableError
from edge.engines.openvino import OpenVinoEngine
from edge.engines.quiet import silence_onnxruntime
from edge.errors import EdgeError
from edge.export.frame_graph import CROP, FIELD, FRAME, MAP, SCORE, VERDICT, VERDICTS
from edge.field.find import Crop, find_field
from edge.frame.prepare import prepare
from edge.metrics.parity import Parity, compare
from edge.model import QualityModel
from edge.phantom.golden import golden_frame
from edge.score import score_of

_SEEDS = range(4)  # clean and spoiled by turns


class Given(NamedTuple):
    """What an exported graph says of a frame, as ``edge.assessment.Assessment`` would."""

    score: float
    verdict: Verdict
    map: NDArray[np.float32]
    field: NDArray[np.bool_]
    crop: Crop | None


def check_export(onnx: bytes, bundle: Bundle) -> Parity | None:
    """How far an exported graph is from ``QualityModel`` on golden frames.

    Args:
        onnx: of ``frame_graph`` or ``pixel_graph``.
        bundle: what it was made from.

    Returns:
        None where OpenVINO or onnxruntime is not installed.

    Raises:
        EdgeError: the bundle itself cannot be run.
    """
    try:
        model, session = QualityModel(bundle, OpenVinoEngine(bundle)), session_of(onnx)
    except UnavailableError:
        return None
    maps, fields, scores = [], [], []
    with model:
        for seed in _SEEDS:
            frame = golden_frame(seed)
            ours = model.assess(frame)
            on_frames = session.get_inputs()[0].name == FRAME
            theirs, field, score = _on_frame(session, frame) if on_frames else _on_pixels(session, frame, model)
            maps.append((ours.map, theirs))
            fields.append(ours.field & field)
            scores.append((ours.score, score))
    return compare(maps, fields, scores, bundle.manifest.thresholds)


def session_of(onnx: bytes, threads: int | None = None) -> Any:
    """An onnxruntime session on the CPU.

    Raises:
        UnavailableError: onnxruntime is not installed.
    """
    silence_onnxruntime()
    try:
        import onnxruntime
    except ImportError as error:
        raise UnavailableError("onnxruntime is not installed: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def run_export(session: Any, frame: NDArray[np.uint8]) -> Given:
    """What the graph of ``frame_graph`` says of a frame, uint8 BGR (H, W, 3)."""
    names = [SCORE, VERDICT, MAP, FIELD, CROP]
    score, verdict, seen, field, crop = session.run(names, {FRAME: np.ascontiguousarray(frame[:, :, ::-1])})
    x, y, side = (int(each) for each in crop)
    return Given(float(score[0]), VERDICTS[int(verdict[0])], seen, field > 0, Crop(x, y, side) if side else None)


def _on_frame(session: Any, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_], float]:
    """Map, field and score of a frame."""
    given = run_export(session, frame)
    return given.map, given.field, given.score


def _on_pixels(
    session: Any, frame: NDArray[np.uint8], model: QualityModel
) -> tuple[NDArray[np.float32], NDArray[np.bool_], float]:
    """The same of a graph on pixels, which is given our crop, and whose maps are pooled here."""
    manifest = model.manifest
    field = find_field(frame)
    if field is None:  # no golden frame is without one
        raise EdgeError("a golden frame shows no field of view: report this")
    tensor = prepare(frame, field.crop, manifest.input_size, manifest.mean, manifest.std)
    mean, std = (np.array(each, np.float32).reshape(1, 3, 1, 1) for each in (manifest.mean, manifest.std))
    given = session.run(None, {session.get_inputs()[0].name: (tensor * std + mean) * 255})[0][0]
    cells = field.on_grid(manifest.grid)
    return given[0], cells, score_of(given, cells, manifest.pooling)
