"""A model as one graph, from the frame to the verdict, for programs that run ONNX and nothing of ours.

It follows ``QualityModel.assess``: each step has its namesake in the program, and the program's constants. A further
output is computed from ``Seen``, named in ``_name_outputs``, listed in ``outputs_of``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from edge.assessment import Verdict
from edge.bundle.bundle import LANDMARKS, Bundle
from edge.bundle.network.rules import parse_network
from edge.errors import EdgeError
from edge.export.arrays import clip, filled, maximum, minimum, stack, total, where
from edge.export.causes import tell_causes
from edge.export.field.find import SureField, find_given_circle, find_sure_field
from edge.export.fundus import shows_retina
from edge.export.onnx_file import OPSET, onnx_file
from edge.export.picture import averaged, cells_of, green_of, lost_to_light, normalised, prepare
from edge.export.tensor import Graph, Shape, Tensor
from edge.field.find import MASK_SIZE
from edge.field.known import Circle, field_setting
from edge.findings.cause import CAUSES
from edge.modality import check_fundus
from edge.model import ENOUGH_LIT, LEAST_LIT

if TYPE_CHECKING:
    import onnx

FRAME = "frame"
SCORE, VERDICT, COVERAGE, CROP, MAP, FIELD = "score", "verdict", "coverage", "crop", "map", "field"
CAUSE, CAUSES_PRESENT, CAUSE_SHARES = "cause", "causes_present", "cause_shares"
VERDICTS: tuple[Verdict, ...] = ("no_fundus", "reject", "usable", "good")  # what the numbers of VERDICT mean


class Seen(NamedTuple):
    """What everything that is said of a frame is drawn from.

    Attributes:
        maps: of the network, float32 (K, grid, grid).
        light: mean of each channel over each cell, grey values, float32 RGB (3, grid, grid).
        green: of what the network reads, grey values, float32 (S, S).
        field: the cells of the field, bool (grid, grid).
    """

    maps: Tensor
    light: Tensor
    green: Tensor
    field: Tensor


class Judged(NamedTuple):
    """Score and coverage, float64 scalars, the number of the verdict, int64, and the map, float32 (grid, grid)."""

    score: Tensor
    verdict: Tensor
    coverage: Tensor
    degradation: Tensor


def frame_graph(bundle: Bundle) -> bytes:
    """ONNX: uint8 RGB (H, W, 3) of any size -> the outputs of ``outputs_of``.

    The meaning of the verdict's numbers and the thresholds are in the metadata of the file too.

    Raises:
        EdgeError: the bundle is of another modality, the network is no ONNX, or of an opset older than 18, or the
            bundle's field cannot be put in.
    """
    check_fundus(bundle.manifest, "an exported graph")
    manifest, network = bundle.manifest, parse_network(bundle.onnx)
    if (opset := network.opset_import[0].version) < OPSET:
        raise EdgeError(
            f"the network in {bundle.path} is of ONNX opset {opset}, and what is written around it needs "
            f"{OPSET}: make the bundle again with edge-calibrate"
        )
    graph = Graph()
    frame = graph.input(FRAME, "uint8")
    found = _field(frame, manifest.field)
    tensor = prepare(frame, found.field, manifest)
    reads, gives = ends_of(network)
    maps = graph.network(network, reads.name, gives.name, tensor)[0]
    field = averaged(found.field.mask.astype("float32"), MASK_SIZE, manifest.grid) >= 0.5
    seen = Seen(maps, cells_of(tensor, manifest), green_of(tensor, manifest), field)
    _name_outputs(bundle, _judge(bundle, seen, found), seen, found)
    thresholds = manifest.thresholds
    metadata = {
        "model": manifest.name,
        "verdicts": ", ".join(f"{number} {name}" for number, name in enumerate(VERDICTS)),
        "causes": ", ".join(f"{number} {name}" for number, name in enumerate(CAUSES)),
        "thresholds": f"fundus {thresholds.fundus:g}, usable {thresholds.usable:g}, good {thresholds.good:g}",
        "bundle_sha256": bundle.sha256,
    }
    return onnx_file(graph, {FRAME: ("uint8", ("height", "width", 3))}, outputs_of(bundle), metadata, network)


def pixel_graph(bundle: Bundle) -> bytes:
    """ONNX: the network on RGB values of 0 to 255, float32 (1, 3, S, S), for pipelines that crop and scale."""
    manifest, network = bundle.manifest, parse_network(bundle.onnx)
    reads, gives = ends_of(network)
    graph, size = Graph(), manifest.input_size
    pixels = graph.input("pixels", "float32")
    maps = graph.network(network, reads.name, gives.name, normalised(pixels, manifest))
    shape = 1, len(manifest.maps), manifest.grid, manifest.grid
    return onnx_file(graph, {"pixels": ("float32", (1, 3, size, size))}, {maps.name: ("float32", shape)}, {}, network)


def outputs_of(bundle: Bundle) -> dict[str, tuple[str, Shape]]:
    """The outputs of ``frame_graph`` in their order: name -> kind and shape."""
    square = bundle.manifest.grid, bundle.manifest.grid
    maps = [MAP, FIELD, *bundle.manifest.maps[1:]]
    scalars: dict[str, tuple[str, Shape]] = {SCORE: ("float32", (1,)), VERDICT: ("int64", (1,))}
    more: dict[str, tuple[str, Shape]] = {COVERAGE: ("float32", (1,)), CROP: ("int64", (3,)), CAUSE: ("int64", (1,))}
    more |= dict.fromkeys((CAUSES_PRESENT, CAUSE_SHARES), ("float32", (len(CAUSES),)))
    return scalars | dict.fromkeys(maps, ("float32", square)) | more


def ends_of(model: onnx.ModelProto) -> tuple[onnx.ValueInfoProto, onnx.ValueInfoProto]:
    """What a network of a bundle reads, and what it gives."""
    constant = {tensor.name for tensor in model.graph.initializer}  # files of older versions list these as inputs too
    (reads,) = (value for value in model.graph.input if value.name not in constant)
    (gives,) = model.graph.output
    return reads, gives


def _field(frame: Tensor, setting: str) -> SureField:
    """The field that the bundle asks for; a graph cannot learn one, and takes each frame's own."""
    given = field_setting(setting)
    if isinstance(given, Circle):
        return find_given_circle(frame, given.x, given.y, given.radius)
    return find_sure_field(frame)


def _judge(bundle: Bundle, seen: Seen, found: SureField) -> Judged:
    """``QualityModel._within``."""
    manifest, thresholds = bundle.manifest, bundle.manifest.thresholds
    maps, field = seen.maps, seen.field
    lost = lost_to_light(seen.light, field)
    degradation = where(lost, filled(maps[0], 1.0), maps[0])
    on_spot = averaged(found.spot.astype("float32"), MASK_SIZE, manifest.grid) >= 127.5
    degradation = where(found.doubtful & ~on_spot, degradation / 2.0, degradation)
    score = _score(bundle, degradation, maps, field)
    coverage = 1.0 - total(lost) / maximum(total(field), 1)
    in_doubt = found.doubtful | (coverage < LEAST_LIT)
    score = where(in_doubt, minimum(score, math.nextafter(thresholds.usable, 0.0)), score)
    passes = score >= thresholds.usable
    sound = (coverage >= ENOUGH_LIT) & (_score(bundle, maps[0], maps, field & ~lost) >= thresholds.usable)
    told = len(manifest.maps) > 2  # without landmarks there is nothing to tell a retina by
    retina = shows_retina(*seen, (manifest.input_size, manifest.grid)) if told else filled(sound, True)
    good = score >= thresholds.good
    shown = found.found & (good | (sound & ~passes) | retina)
    number = 1 + passes.astype("int64") + good.astype("int64")
    nothing = filled(score, 0.0)
    return Judged(
        where(shown, score, nothing),
        where(shown, number, 0),
        where(found.found, coverage, nothing),
        where(found.found, degradation, 1.0),
    )


def _score(bundle: Bundle, degradation: Tensor, maps: Tensor, field: Tensor) -> Tensor:
    """``edge.score``: a float64 scalar."""
    pooling = bundle.manifest.pooling
    rest = pooling["periphery"]
    weights = filled(degradation, rest).astype("float64")
    for region, index in zip(LANDMARKS, range(1, len(bundle.manifest.maps)), strict=False):
        weights = weights + (pooling[region] - rest) * maps[index].astype("float64")
    weights = where(field & (weights > 1e-6 * max(pooling.values())), weights, 0.0)
    whole = total(weights)
    lost = total(weights * degradation.astype("float64")) / where(whole > 0.0, whole, 1.0)
    return where(whole > 0.0, clip(1.0 - lost, 0.0, 1.0), 0.0)


def _name_outputs(bundle: Bundle, judged: Judged, seen: Seen, found: SureField) -> None:
    """Give the outputs their names."""
    named: dict[str, Tensor] = {
        SCORE: judged.score.astype("float32")[None],
        VERDICT: judged.verdict[None],
        COVERAGE: judged.coverage.astype("float32")[None],
        CROP: where(found.found, stack([found.field.x, found.field.y, found.field.side]), 0),
        MAP: judged.degradation,
        FIELD: (seen.field & found.found).astype("float32"),
    }
    regions = [seen.maps[index] for index in range(1, len(bundle.manifest.maps))]
    sizes = bundle.manifest.input_size, bundle.manifest.grid
    causes = tell_causes(judged.degradation, regions, seen.light, seen.green, seen.field, sizes)
    shown = judged.verdict > 0
    named[CAUSE] = where(shown, causes.main, -1)[None]
    named[CAUSES_PRESENT] = where(shown, causes.present, 0.0)
    named[CAUSE_SHARES] = where(shown, causes.shares, 0.0)
    for index, region in enumerate(bundle.manifest.maps[1:], 1):
        named[region] = where(judged.verdict > 0, seen.maps[index], 0.0)
    for name, tensor in named.items():
        tensor.called(name)
