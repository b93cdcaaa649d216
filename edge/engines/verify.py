"""Before an engine may be used: does it compute the network that it was built from?

A builder can be wrong without saying so, and an engine built ahead of time meets its GPU for the first time when it is
loaded. So every engine is run once on golden frames beside the ONNX file itself, computed in numpy, and only one that
agrees is used. That it agreed is kept beside it in the cache, with the device it agreed on.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle
from edge.engines.cache import Built, read_note, write_note
from edge.engines.protocol import Engine
from edge.engines.reference import Reference, UnknownOperationError
from edge.errors import EdgeError
from edge.field.find import find_field
from edge.frame.prepare import prepare
from edge.metrics.parity import Parity, compare
from edge.phantom.degradation import Kind, degrade
from edge.phantom.golden import golden_frame
from edge.phantom.retina import make_retina
from edge.score import score_of

Facts = dict[str, Any]
MOST_MAP, MOST_SCORE = 0.01, 0.02  # mean difference inside the field, and of the score; rounding alone stays far below
_MOST_GOLDEN = 0.05  # of a score: the golden ones are those of the float network
_SIDE = 320  # pixels; large frames take longer to draw than to compute
_SPOILED: tuple[Kind | None, ...] = (None, "blur", "shadow")
log = logging.getLogger(__name__)


def verify(engine: Engine, bundle: Bundle, built: Built) -> Facts:
    """Hold an engine against the network of its bundle, unless that was done on this device before.

    Args:
        engine: loaded.
        bundle: what it was built from.
        built: the engine as it lies in the cache, beside which the outcome is kept.

    Returns:
        ``against`` (``onnx``, ``golden scores`` or ``nothing``), ``frames`` and the differences.

    Raises:
        EdgeError: the engine computes something else.
    """
    about = engine.describe()
    kept = "runtime", "version", "device", "driver"
    device = {name: value for name, value in about.items() if name in kept}
    if (known := read_note(built, device)) is not None:
        return known
    try:
        facts = _against_onnx(engine, bundle)
    except UnknownOperationError as unknown:
        facts = _against_scores(engine, bundle, unknown)
    write_note(built, device, facts)
    return facts


@functools.lru_cache(maxsize=1)
def _frames() -> tuple[NDArray[np.uint8], ...]:
    """A synthetic eye, clean and spoiled in two ways."""
    eye = make_retina(0, _SIDE).image
    return tuple(eye if kind is None else degrade(eye, kind, 0.7)[0] for kind in _SPOILED)


def _prepared(frame: NDArray[np.uint8], bundle: Bundle) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Tensor and field of a frame, as QualityModel makes them."""
    manifest, field = bundle.manifest, find_field(frame)
    if field is None:  # no golden frame is without one
        raise EdgeError("a golden frame shows no field of view: report this")
    tensor = prepare(frame, field.crop, manifest.input_size, manifest.mean, manifest.std)
    return tensor, field.on_grid(manifest.grid)


def _against_onnx(engine: Engine, bundle: Bundle) -> Facts:
    parity = parity_with_onnx(engine, bundle)
    if parity.map_mae > MOST_MAP or parity.score_max > MOST_SCORE:
        raise EdgeError(
            f"{engine.name} does not compute the network of {bundle.path}: maps differ by {parity.map_mae:.4f} on "
            f"average, scores by up to {parity.score_max:.4f}; update {engine.name}, or choose another --engine"
        )
    return {
        "against": "onnx",
        "frames": parity.frames,
        "map_mae": round(parity.map_mae, 6),
        "map_max": round(parity.map_max, 6),
        "score_max": round(parity.score_max, 6),
    }


def parity_with_onnx(engine: Engine, bundle: Bundle) -> Parity:
    """How far an engine is from its ONNX file on golden frames, over all maps of the network.

    Raises:
        UnknownOperationError: the network holds an operation that numpy does not compute here.
    """
    reference = Reference(bundle.onnx)
    maps, fields, scores = [], [], []
    for frame in _frames():
        tensor, cells = _prepared(frame, bundle)
        # A network that gives no numbers is refused when it is used; here it only has to be the same.
        both = [np.nan_to_num(found, nan=-1) for found in (engine.infer(tensor), reference.run(tensor)[0])]
        if both[0].shape != both[1].shape:
            raise EdgeError(f"{engine.name} gives maps of shape {both[0].shape}, the network {both[1].shape}")
        maps.append((both[0].reshape(-1, cells.shape[1]), both[1].reshape(-1, cells.shape[1])))
        fields.append(np.tile(cells, (len(both[0]), 1)))
        pooling = bundle.manifest.pooling
        scores.append((score_of(both[0], cells, pooling), score_of(both[1], cells, pooling)))
    return compare(maps, fields, scores, bundle.manifest.thresholds)


def _against_scores(engine: Engine, bundle: Bundle, unknown: UnknownOperationError) -> Facts:
    """The second best: scores of the float network on golden frames, where the bundle has some."""
    golden = bundle.manifest.golden[: len(_SPOILED)]
    if not golden:
        log.warning("%s cannot be verified: %s, and it has no golden scores", bundle.path, unknown)
        return {"against": "nothing", "frames": 0}
    apart = []
    for each in golden:
        tensor, cells = _prepared(golden_frame(each.seed), bundle)
        apart.append(abs(score_of(engine.infer(tensor), cells, bundle.manifest.pooling) - each.score))
    if not max(apart) <= _MOST_GOLDEN:
        raise EdgeError(
            f"{engine.name} does not compute the network of {bundle.path}: golden scores differ by up to "
            f"{max(apart):.3f}; update {engine.name}, or choose another --engine"
        )
    return {"against": "golden scores", "frames": len(golden), "score_max": round(max(apart), 6)}
