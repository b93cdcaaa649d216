"""An exported graph against our own path, where OpenVINO is at hand to run both."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle
from edge.engines.checks import UnavailableError
from edge.engines.openvino import OpenVinoEngine
from edge.engines.quiet import import_openvino
from edge.errors import EdgeError
from edge.export.frame_graph import FIELD, FRAME, MAP, SCORE
from edge.field.find import find_field
from edge.frame.prepare import prepare
from edge.metrics.parity import Parity, compare
from edge.model import QualityModel
from edge.phantom.golden import golden_frame
from edge.score import score_of

_SEEDS = range(4)  # clean and spoiled by turns


def check_export(onnx: bytes, bundle: Bundle) -> Parity | None:
    """How far an exported graph is from ``QualityModel`` on golden frames.

    Args:
        onnx: of ``frame_graph`` or ``pixel_graph``.
        bundle: what it was made from.

    Returns:
        None where OpenVINO is not installed.

    Raises:
        EdgeError: the bundle itself cannot be run.
    """
    try:
        model = QualityModel(bundle, OpenVinoEngine(bundle))
    except UnavailableError:
        return None
    core = import_openvino().Core()
    compiled = core.compile_model(core.read_model(onnx), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    maps, fields, scores = [], [], []
    with model:
        for seed in _SEEDS:
            frame = golden_frame(seed)
            ours = model.assess(frame)
            theirs, field, score = _run(compiled, frame, model)
            maps.append((ours.map, theirs))
            fields.append(ours.field & field)
            scores.append((ours.score, score))
    return compare(maps, fields, scores, bundle.manifest.thresholds)


def _run(
    compiled: Any, frame: NDArray[np.uint8], model: QualityModel
) -> tuple[NDArray[np.float32], NDArray[np.bool_], float]:
    """Map, field and score of a frame; a graph on pixels is given our crop, and its maps are pooled here."""
    manifest = model.manifest
    if compiled.inputs[0].get_any_name() == FRAME:
        found = compiled({FRAME: np.ascontiguousarray(frame[:, :, ::-1])})
        return np.array(found[MAP]), np.array(found[FIELD]) > 0, float(found[SCORE][0])
    field = find_field(frame)
    if field is None:  # no golden frame is without one
        raise EdgeError("a golden frame shows no field of view: report this")
    tensor = prepare(frame, field.crop, manifest.input_size, manifest.mean, manifest.std)
    mean, std = (np.array(each, np.float32).reshape(1, 3, 1, 1) for each in (manifest.mean, manifest.std))
    given = np.array(compiled({0: (tensor * std + mean) * 255})[0])[0]
    cells = field.on_grid(manifest.grid)
    return given[0], cells, score_of(given, cells, manifest.pooling)
