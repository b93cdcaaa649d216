"""A model as one graph, from the frame to the score, for programs that run ONNX and nothing of ours.

The field of view is found by a simpler rule than ``edge.field.find``: what is brighter than a share of the bright end
of the frame, and what lies between such pixels. It holds for a disc or a rectangle on a dark border; a field whose rim
lies in shadow is cut smaller than ``edge.field.find`` would cut it. Crop, resampling by area and normalisation are one
product of matrices on each side of the frame: the averages of ``edge.frame.prepare`` where the crop is larger than the
tensor.
"""

from __future__ import annotations

import numpy as np

from edge.bundle.bundle import LANDMARKS, Bundle
from edge.bundle.network.rules import parse_network
from edge.errors import EdgeError
from edge.export.onnx_write import FLOAT, UINT8, Writer, ends_of, wrap

FRAME, SCORE, MAP, FIELD = "frame", "score", "map", "field"
_OPSET = 18  # the first whose ReduceMax takes its axes as an input
_GRID = 256  # cells to a side on which the field is looked for
_SHARE = 0.14  # of the bright end, above which a cell is field
_LEAST = 0.01  # share of a row or column that must be field for it to count
_DARKEST, _FLATTEST = 7.0, 6.0  # as in edge.field.find: below these a frame shows no retina


def frame_graph(bundle: Bundle) -> bytes:
    """ONNX: uint8 RGB (H, W, 3) of any size -> score float32 (1,), map and field float32 (grid, grid).

    A frame that shows no retina has score 0, map 1 and field 0 everywhere. The thresholds of the verdict are in the
    metadata of the file.

    Raises:
        EdgeError: the network is no ONNX, or of an opset older than 18.
    """
    manifest, model = bundle.manifest, parse_network(bundle.onnx)
    reads, gives = ends_of(model)
    if (opset := model.opset_import[0].version) < _OPSET:
        raise EdgeError(
            f"the network in {bundle.path} is of ONNX opset {opset}, and what is written around it needs "
            f"{_OPSET}: make the bundle again with edge-calibrate"
        )
    before, after = Writer("before"), Writer("after")
    frame = before.op("Cast", FRAME, to=FLOAT)
    planes = before.op("Transpose", frame, perm=[2, 0, 1])
    height, width = (_side(before, index) for index in (0, 1))
    cells = _cells(before, planes, height, width)
    seen, crop = _field(before, cells, height, width)
    top, left, side = crop
    _prepare(before, bundle, planes, (top, left, side), (height, width), reads.name)
    grid = manifest.grid
    zero = before.constant(np.float32(0))
    whole = before.constant(np.float32(_GRID))
    row, column = before.op("Div", height, whole), before.op("Div", width, whole)
    rows = _shares(before, before.op("Div", top, row), before.op("Div", side, row), whole, grid)
    columns = _shares(before, before.op("Div", left, column), before.op("Div", side, column), whole, grid)
    share = before.op("MatMul", before.op("MatMul", rows, seen), before.op("Transpose", columns, perm=[1, 0]))
    half = before.op("GreaterOrEqual", share, before.constant(np.float32(0.5)))
    shows = _shows(before, cells)
    kept = before.op("Where", shows, before.op("Cast", half, to=FLOAT), zero)
    _score(after, bundle, gives.name, kept, shows)
    thresholds = manifest.thresholds
    metadata = {
        "model": manifest.name,
        "thresholds": f"fundus {thresholds.fundus:g}, usable {thresholds.usable:g}, good {thresholds.good:g}",
        "bundle_sha256": bundle.sha256,
    }
    outputs = {SCORE: (FLOAT, (1,)), MAP: (FLOAT, (grid, grid)), FIELD: (FLOAT, (grid, grid))}
    return wrap(model, before, after, {FRAME: (UINT8, ("height", "width", 3))}, outputs, metadata)


def pixel_graph(bundle: Bundle) -> bytes:
    """ONNX: the network on RGB values of 0 to 255, float32 (1, 3, S, S), for pipelines that crop and scale."""
    manifest, model = bundle.manifest, parse_network(bundle.onnx)
    reads, gives = ends_of(model)
    before, size = Writer("before"), manifest.input_size
    _normalise(before, bundle, "pixels", reads.name)
    outputs = {gives.name: (FLOAT, (1, len(manifest.maps), manifest.grid, manifest.grid))}
    return wrap(model, before, Writer("after"), {"pixels": (FLOAT, (1, 3, size, size))}, outputs, {})


def _side(w: Writer, axis: int) -> str:
    """Height or width of the frame, a float32 scalar."""
    shape = w.op("Shape", FRAME, start=axis, end=axis + 1)
    return w.op("Cast", w.op("Squeeze", shape), to=FLOAT)


def _shares(w: Writer, start: str, length: str, source: str, cells: int) -> str:
    """(cells, source): how much of each source pixel falls into each cell of a stretch of the source.

    Args:
        w: where to write.
        start, length: of the stretch, in source pixels; what lies beyond the source counts as black.
        source: number of source pixels.
        cells: into which the stretch is cut.
    """
    one, zero = w.constant(np.float32(1)), w.constant(np.float32(0))
    each = w.op("Div", length, w.constant(np.float32(cells)))
    first = w.op("Add", w.op("Mul", w.constant(np.arange(cells, dtype=np.float32)[:, None]), each), start)
    pixels = w.op("Unsqueeze", w.op("Range", zero, source, one), w.constant(np.array([0], np.int64)))
    ends = w.op("Min", w.op("Add", pixels, one), w.op("Add", first, each))
    starts = w.op("Max", pixels, first)
    return w.op("Div", w.op("Max", w.op("Sub", ends, starts), zero), each)


def _cells(w: Writer, planes: str, height: str, width: str) -> str:
    """(3, 256, 256): the whole frame, reduced."""
    zero = w.constant(np.float32(0))
    rows, columns = _shares(w, zero, height, height, _GRID), _shares(w, zero, width, width, _GRID)
    return w.op("MatMul", w.op("MatMul", rows, planes), w.op("Transpose", columns, perm=[1, 0]))


def _bright_end(w: Writer, plane: str, share: float) -> str:
    """The value that only ``share`` of a (256, 256) plane exceeds, a scalar."""
    count = max(1, int(_GRID * _GRID * share))
    flat = w.op("Reshape", plane, w.constant(np.array([-1], np.int64)))
    # TopK gives two outputs, of which the first is wanted: the largest ones, in order.
    top = w.op("TopK", flat, w.constant(np.array([count], np.int64)), axis=0, spare=1)
    return w.op("Squeeze", w.op("Gather", top, w.constant(np.array([count - 1], np.int64)), axis=0))


def _shows(w: Writer, cells: str) -> str:
    """Whether the frame shows anything: bright enough, and not of one colour."""
    axes = w.constant(np.array([0], np.int64))
    brightest = _bright_end(w, w.op("ReduceMax", cells, axes, keepdims=0), 0.02)
    bright = w.op("GreaterOrEqual", brightest, w.constant(np.float32(_DARKEST)))
    varied = []
    for channel in range(3):
        plane = w.op("Gather", cells, w.constant(np.int64(channel)), axis=0)
        low = w.op("Neg", _bright_end(w, w.op("Neg", plane), 0.02))
        varied.append(w.op("Sub", _bright_end(w, plane, 0.02), low))
    spread = w.op("Max", *varied)
    return w.op("And", bright, w.op("GreaterOrEqual", spread, w.constant(np.float32(_FLATTEST))))


def _field(w: Writer, cells: str, height: str, width: str) -> tuple[str, tuple[str, str, str]]:
    """The field as float32 (256, 256) over the frame, and the square around it: top, left, side in frame pixels."""
    brightest = w.op("ReduceMax", cells, w.constant(np.array([0], np.int64)), keepdims=0)
    cut = w.op("Mul", _bright_end(w, brightest, 0.02), w.constant(np.float32(_SHARE)))
    lit = w.op("Cast", w.op("Greater", brightest, cut), to=FLOAT)
    spans = []
    seen = []
    for axis, whole in ((1, height), (0, width)):
        along = w.constant(np.array([axis], np.int64))
        counts = w.op("ReduceMean", lit, along, keepdims=0)
        enough = w.op("Cast", w.op("Greater", counts, w.constant(np.float32(_LEAST))), to=FLOAT)
        step = w.op("Div", whole, w.constant(np.float32(_GRID)))
        first = w.op("Cast", w.op("ArgMax", enough, axis=0, keepdims=0), to=FLOAT)
        last = w.op("Cast", w.op("ArgMax", enough, axis=0, keepdims=0, select_last_index=1), to=FLOAT)
        end = w.op("Add", last, w.constant(np.float32(1)))
        spans.append((w.op("Mul", first, step), w.op("Mul", end, step)))
        # Between the first and the last lit cell of a line everything is field: a dark macula, a shadow.
        place = w.constant(np.int64(axis))
        from_start = w.op("CumSum", lit, place)
        from_end = w.op("CumSum", lit, place, reverse=1)
        seen.append(w.op("Min", from_start, from_end, w.constant(np.float32(1))))
    (top, bottom), (left, right) = spans
    side = w.op("Max", w.op("Sub", bottom, top), w.op("Sub", right, left))
    half = w.constant(np.float32(0.5))
    middle = w.op("Mul", w.op("Add", top, bottom), half), w.op("Mul", w.op("Add", left, right), half)
    reach = w.op("Mul", side, half)
    return w.op("Max", *seen), (w.op("Sub", middle[0], reach), w.op("Sub", middle[1], reach), side)


def _prepare(
    w: Writer, bundle: Bundle, planes: str, crop: tuple[str, str, str], frame: tuple[str, str], name: str
) -> None:
    """The crop as the network reads it, called ``name``."""
    (top, left, side), (height, width), size = crop, frame, bundle.manifest.input_size
    rows = _shares(w, top, side, height, size)
    columns = w.op("Transpose", _shares(w, left, side, width, size), perm=[1, 0])
    pixels = w.op("Round", w.op("MatMul", w.op("MatMul", rows, planes), columns))
    _normalise(w, bundle, w.op("Unsqueeze", pixels, w.constant(np.array([0], np.int64))), name)


def _normalise(w: Writer, bundle: Bundle, pixels: str, name: str) -> None:
    """(value / 255 - mean) / std, channel by channel."""
    mean, std = (np.array(each, np.float64).reshape(1, 3, 1, 1) for each in (bundle.manifest.mean, bundle.manifest.std))
    scaled = w.op("Mul", pixels, w.constant((1 / (255 * std)).astype(np.float32)))
    w.op("Sub", scaled, w.constant((mean / std).astype(np.float32)), name=name)


def _score(w: Writer, bundle: Bundle, maps: str, kept: str, shows: str) -> None:
    """``edge.score`` as a graph."""
    pooling, zero, one = bundle.manifest.pooling, w.constant(np.float32(0)), w.constant(np.float32(1))
    plane = [
        w.op("Squeeze", w.op("Gather", maps, w.constant(np.int64(index)), axis=1), w.constant(np.array([0], np.int64)))
        for index in range(len(bundle.manifest.maps))
    ]
    weights = w.op("Mul", w.constant(np.full((bundle.manifest.grid,) * 2, pooling["periphery"], np.float32)), one)
    for region, where in zip(LANDMARKS, plane[1:], strict=False):
        more = w.constant(np.float32(pooling[region] - pooling["periphery"]))
        weights = w.op("Add", weights, w.op("Mul", where, more))
    weights = w.op("Mul", w.op("Max", weights, zero), kept)
    axes = w.constant(np.array([0, 1], np.int64))
    total = w.op("ReduceSum", weights, axes, keepdims=0)
    lost = w.op("ReduceSum", w.op("Mul", weights, plane[0]), axes, keepdims=0)
    share = w.op("Div", lost, w.op("Max", total, w.constant(np.float32(1e-12))))
    score = w.op("Clip", w.op("Sub", one, share), zero, one)
    sound = w.op("And", shows, w.op("Greater", total, zero))
    w.op("Reshape", w.op("Where", sound, score, zero), w.constant(np.array([1], np.int64)), name=SCORE)
    w.op("Where", shows, plane[0], one, name=MAP)
    w.op("Identity", kept, name=FIELD)
