"""What an engine consists of: layers, the precision each runs in, what was fused, and where INT8 was lost.

Three sources: OpenVINO's runtime graph, TensorRT's engine inspector, and, where an engine cannot be loaded (built
ahead of time, without its GPU), the ONNX file and the builder's log.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.bundle.bundle import Bundle
from edge.bundle.network.rules import constants_of, parse_network
from edge.errors import EdgeError

if TYPE_CHECKING:
    import onnx

_INT8 = ("int8", "uint8")
_HEAVY = ("Conv", "MatMul", "Gemm")  # where the time goes, in ONNX
_SCALED = ("QuantizeLinear", "DequantizeLinear")
_LOST = 1.5  # bytes per weight of an INT8 network, above which the weights are not stored as INT8


@dataclass(frozen=True)
class EngineLayer:
    """One step of an engine.

    Attributes:
        name: as the runtime gives it.
        kind: such as ``convolution``; ``reformat`` where nothing but type or order of the data changes.
        precision: what it computes in: ``int8``, ``float16``, ``float32``, or the runtime's own name.
        heavy: a convolution or a product of matrices.
        fused: nodes of the network that it stands for.
    """

    name: str
    kind: str
    precision: str
    heavy: bool
    fused: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """What an engine consists of.

    Attributes:
        source: where the layers come from.
        layers: in the order they run.
        notes: figures about the whole.
        warnings: where INT8 was lost, and what the builder warned of.
    """

    source: str
    layers: tuple[EngineLayer, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def explain_layers(source: str, layers: Sequence[EngineLayer], bundle: Bundle) -> Explanation:
    """Judge the layers of an engine that was loaded."""
    reformats = sum(layer.kind == "reformat" for layer in layers)
    fused = sum(len(layer.fused) for layer in layers if len(layer.fused) > 1)
    note = f"{len(layers)} layers, {reformats} of them reformats; {fused} nodes in fused regions"
    return Explanation(source, tuple(layers), (note,), tuple(_lost(layers, bundle)))


def explain_onnx(bundle: Bundle, lines: Sequence[str] = ()) -> Explanation:
    """Judge a network that was built but cannot be loaded.

    Args:
        bundle: the model.
        lines: the builder's log, see ``builder.build_engine``.
    """
    graph = parse_network(bundle.onnx).graph
    layers = from_onnx(graph)
    weights = sum(_weights(graph, node.input[1]) for node in graph.node if node.op_type in _HEAVY)
    notes = [f"{len(layers)} operations besides Q and DQ, {weights} weights"]
    warnings = [*_lost(layers, bundle), *(line for line in lines if line.startswith("warning: "))]
    match = re.search(r"Total Weights Memory: (\d+) bytes", "\n".join(lines))
    if match and weights:
        each = int(match[1]) / weights
        notes.append(f"the builder holds {match[1]} bytes of weights: {each:.2f} bytes a weight")
        if bundle.manifest.precision == "int8" and each > _LOST:
            warnings.append(f"INT8 was lost: {each:.2f} bytes a weight")
    return Explanation("the ONNX file and the builder's log", tuple(layers), tuple(notes), tuple(warnings))


def _lost(layers: Sequence[EngineLayer], bundle: Bundle) -> list[str]:
    if bundle.manifest.precision != "int8":
        return []
    return [
        f"INT8 was lost: {layer.name} runs in {layer.precision}"
        for layer in layers
        if layer.heavy and layer.precision not in _INT8
    ]


def from_onnx(graph: onnx.GraphProto) -> list[EngineLayer]:
    """The operations of a network, Q and DQ folded into what they surround."""
    constants = constants_of(graph)
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    layers = []
    for node in graph.node:
        if node.op_type in ("Constant", *_SCALED):
            continue
        heavy = node.op_type in _HEAVY
        eight = heavy and all(made_by.get(name) == "DequantizeLinear" for name in node.input[:2])
        constant = next((constants[name] for name in node.input if name in constants), None)
        half = constant is not None and constant.data_type == constant.FLOAT16
        precision = "int8" if eight else "float16" if half else "float32"
        layers.append(EngineLayer(node.name or node.output[0], node.op_type.lower(), precision, heavy, (node.name,)))
    return layers


def _weights(graph: onnx.GraphProto, name: str) -> int:
    """How many weights a tensor holds: a constant, or one behind Q and DQ."""
    constants = constants_of(graph)
    made_by = {each: node for node in graph.node for each in node.output}
    while name not in constants:
        node = made_by.get(name)
        if node is None or node.op_type not in (*_SCALED, "Cast"):
            return 0
        name = node.input[0]
    return math.prod(constants[name].dims)


_OPENVINO_TYPES = {"i8": "int8", "u8": "uint8", "f32": "float32", "f16": "float16", "bf16": "bfloat16"}


def from_openvino(compiled: Any) -> list[EngineLayer]:
    """The layers of OpenVINO's own graph, without its constants.

    Args:
        compiled: an ``openvino.CompiledModel``.
    """
    layers = []
    for op in compiled.get_runtime_model().get_ordered_ops():
        info = {name: str(getattr(value, "value", value)) for name, value in op.get_rt_info().items()}
        kind = info.get("layerType", "")
        if kind in ("Const", "Input", "Output", "Result", ""):
            continue
        precision = info.get("runtimePrecision", "")
        heavy = kind in ("Convolution", "FullyConnected", "MatMul")
        names = tuple(each for each in info.get("originalLayersNames", "").split(",") if each)
        if kind == "Reorder":
            kind = "reformat"
        precision = _OPENVINO_TYPES.get(precision, precision)
        layers.append(EngineLayer(op.get_friendly_name(), kind.lower(), precision, heavy, names))
    return layers


_TENSORRT_TYPES = {"int8": "int8", "fp16": "float16", "half": "float16", "fp32": "float32", "float": "float32"}


def from_inspector(text: str) -> list[EngineLayer]:
    """The layers that TensorRT's engine inspector gives as JSON, for an engine built with detailed verbosity.

    Raises:
        EdgeError: it is not such JSON.
    """
    try:
        tree = json.loads(text)["Layers"]
        return [_inspected(each) for each in tree]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise EdgeError(f"the engine inspector's answer cannot be read ({type(error).__name__})") from error


def _inspected(each: Any) -> EngineLayer:
    if isinstance(each, str):  # an engine built without details gives only names
        return EngineLayer(each, "unknown", "unknown", False, ())
    kind = str(each.get("LayerType", each.get("ParameterType", "")))
    parameters = f"{kind} {each.get('ParameterType', '')} {each.get('TacticName', '')}".lower()
    first: Any = next(iter(each.get("Inputs", [])), {})
    data_type = str(first.get("Format/Datatype", first.get("Format", ""))).lower() if isinstance(first, dict) else ""
    known = (ours for theirs, ours in _TENSORRT_TYPES.items() if theirs in data_type)
    precision = next(known, data_type or "unknown")
    names = tuple(re.findall(r"\[ONNX Layer: ([^\]]+)\]", str(each.get("Metadata", ""))))
    heavy = any(word in parameters for word in ("conv", "correlation", "gemm", "matrixmultiply", "matrix_multiply"))
    return EngineLayer(
        str(each.get("Name", "")), "reformat" if kind == "Reformat" else kind.lower(), precision, heavy, names
    )
