"""A check before an engine is used: does it compute the network that it was built from?

A builder can be wrong without saying so, and an engine built ahead of time meets its GPU for the first time when it is
loaded. So every engine runs once on the golden frames of its bundle, and its maps are compared with those that a
reference computed from the ONNX file on the workstation; only one that agrees is used. The result is stored beside it
in the cache, with the name of the device.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from edge.bundle.bundle import Bundle, Manifest
from edge.bundle.golden import unpack_golden
from edge.engines.cache import Built, read_note, write_note
from edge.engines.protocol import Engine
from edge.errors import EdgeError
from edge.field.find import Crop, find_field
from edge.frame.prepare import prepare
from edge.phantom.golden import golden_frame
from edge.score import score_of_numpy

Facts = dict[str, Any]
MOST_MAP, MOST_SCORE = 0.01, 0.02  # mean difference, and of the score; rounding alone stays far below
_MOST_GOLDEN = 0.05  # of a score: the golden ones are those of the float network
_SCORED = 3  # golden scores that are looked at
log = logging.getLogger(__name__)


def verify(engine: Engine, bundle: Bundle, built: Built) -> Facts:
    """Compare an engine with the golden maps of its bundle, unless that was done on this device before.

    Args:
        engine: loaded.
        bundle: what it was built from.
        built: the engine in the cache, beside which the result is stored.

    Returns:
        ``against`` (``onnx``, ``golden scores`` or ``nothing``), ``frames`` and the differences.

    Raises:
        EdgeError: the engine computes something else.
    """
    about = engine.describe()
    kept = "runtime", "version", "device", "driver"
    device = {name: value for name, value in about.items() if name in kept}
    known = read_note(built, device)
    if known is not None and (known["against"] == "onnx" or not bundle.golden):
        return known
    facts = _against_maps(engine, bundle) if bundle.golden else _against_scores(engine, bundle)
    write_note(built, device, facts)
    return facts


def _against_maps(engine: Engine, bundle: Bundle) -> Facts:
    manifest, golden = bundle.manifest, unpack_golden(bundle.golden, bundle.manifest)
    cells = np.ones((manifest.grid, manifest.grid), np.bool_)  # an engine computes the corners outside the field too
    maps, scores = [], []
    for frame, wanted in zip(golden.frames, golden.maps, strict=True):
        tensor = prepare(frame, Crop(0, 0, len(frame)), manifest.input_size, manifest.mean, manifest.std)
        # A network that gives NaN is refused when it is used; here both only have to be the same.
        both = [np.nan_to_num(found.astype(np.float32), nan=-1) for found in (engine.infer(tensor), wanted)]
        if both[0].shape != both[1].shape:
            raise EdgeError(f"{engine.name} gives maps of shape {both[0].shape}, the network {both[1].shape}")
        maps.append(np.abs(np.subtract(*both, dtype=np.float64)))
        ours, theirs = (score_of_numpy(each, cells, manifest.pooling) for each in both)
        scores.append(abs(ours - theirs))
    apart, most, score = float(np.mean(maps)), float(np.max(maps)), max(scores)
    if apart > MOST_MAP or score > MOST_SCORE:
        raise EdgeError(
            f"{engine.name} does not compute the network of {bundle.path}: maps differ by {apart:.4f} on average, "
            f"scores by up to {score:.4f}; update {engine.name}, or choose another --engine"
        )
    figures = {"map_mae": round(apart, 6), "map_max": round(most, 6), "score_max": round(score, 6)}
    return {"against": "onnx", "frames": len(scores)} | figures


def _against_scores(engine: Engine, bundle: Bundle) -> Facts:
    """For a bundle of an older version: scores of the float network on frames drawn from a seed."""
    adds = f"edge-calibrate golden {bundle.path} -o FILE adds the maps that are missing in it"
    manifest, golden = bundle.manifest, bundle.manifest.golden[:_SCORED]
    if not golden:
        log.warning("%s cannot be verified on this engine: %s", bundle.path, adds)
        return {"against": "nothing", "frames": 0}
    log.warning("%s is verified by its golden scores alone: %s", bundle.path, adds)
    apart = [abs(golden_score(engine, manifest, each.seed) - each.score) for each in golden]
    if not max(apart) <= _MOST_GOLDEN:
        raise EdgeError(
            f"{engine.name} does not compute the network of {bundle.path}: golden scores differ by up to "
            f"{max(apart):.3f}; update {engine.name}, or choose another --engine"
        )
    return {"against": "golden scores", "frames": len(golden), "score_max": round(max(apart), 6)}


def golden_score(engine: Engine, manifest: Manifest, seed: int) -> float:
    """The score of ``golden_frame(seed)`` by the network alone: nothing is lost to light, and any frame is a retina.

    Raises:
        EdgeError: the engine failed.
    """
    frame = golden_frame(seed)
    field = find_field(frame)
    if field is None:  # no golden frame is without one
        raise EdgeError("a golden frame shows no field of view: report this")
    tensor = prepare(frame, field.crop, manifest.input_size, manifest.mean, manifest.std)
    return score_of_numpy(engine.infer(tensor), field.on_grid(manifest.grid), manifest.pooling)
