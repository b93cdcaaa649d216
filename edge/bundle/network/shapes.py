"""The cost of a network: every shape in it, its operations and its memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.bundle.network.operands import Shape, check_operands, check_scale
from edge.bundle.network.rules import LARGEST_NUMBER, MOST_RANK, parse_network, size_of
from edge.errors import EdgeError, brief

if TYPE_CHECKING:
    import onnx

MOST_OPERATIONS = 2 * 10**12  # of a frame: the largest foundation model; a student needs a ten-thousandth
MOST_MEMORY = 2 << 30  # bytes of tensors that exist at one time
_WEIGHT = 32  # products in the time of one element of other nodes: a power takes a hundred, a sum waits for memory
_OF_CONSTANTS = 64 << 20  # bytes that may be computed from constants alone, besides unpacked weights
_UNPACKED = 16  # bytes per byte of the file: INT8 to float32, and its transpose
MULTIPLIES = ("Conv", "ConvTranspose", "MatMul", "Gemm")
_MOST_KNOWN = 1 << 16  # bytes; larger tensors are weights, which no shape depends on


@dataclass(frozen=True)
class Cost:
    """Of one frame: multiply-adds, with other operations weighted by their time, and the peak of memory in bytes."""

    operations: int
    memory: int


def check_network(data: bytes) -> None:
    """Refuse the network of a bundle that a runtime should not see.

    Raises:
        EdgeError: it breaks the rules, has dynamic shapes, or needs too much time or memory.
    """
    cost = measure(parse_network(data), len(data))
    if cost.operations > MOST_OPERATIONS:
        raise EdgeError(f"the network needs {cost.operations:.1e} operations a frame, more than {MOST_OPERATIONS:.0e}")
    if cost.memory > MOST_MEMORY:
        raise EdgeError(f"the network needs {cost.memory >> 20} MiB at one time, more than {MOST_MEMORY >> 20}")


def measure(model: onnx.ModelProto, size: int) -> Cost:
    """The cost of a network with one input and one output.

    Args:
        model: from ``parse_network``.
        size: of its file, in bytes.

    Raises:
        EdgeError: it is not valid ONNX, has other inputs or outputs, or dynamic shapes.
    """
    try:
        return _measure(model.graph, _shapes(model), size)
    except (LookupError, ValueError) as error:  # a node without what its operator requires
        raise EdgeError(f"the network is not sound ONNX ({type(error).__name__})") from error


def _measure(graph: Any, shapes: dict[str, tuple[Shape, int]], size: int) -> Cost:
    constant = {tensor.name for tensor in graph.initializer}
    given = [value.name for value in graph.input if value.name not in constant]
    if len(given) != 1 or len(graph.output) != 1:
        raise EdgeError(f"the network has {len(given)} inputs and {len(graph.output)} outputs, not one and one")
    operations = made_of_constants = 0
    for node in graph.node:
        operations += _operations(node, shapes)
        if all(name in constant for name in node.input if name):
            constant |= set(node.output)
            made_of_constants += sum(_bytes(shapes, node.output))
    if made_of_constants > _OF_CONSTANTS + _UNPACKED * size:
        raise EdgeError(f"the network makes {made_of_constants >> 20} MiB of constants alone, more than it may")
    return Cost(operations, _most_at_once(graph, shapes))


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[Shape, int]]:
    """Shape and bytes per element of every tensor, by name; nothing that the file says about them is trusted.

    Node by node, so that an invalid shape is found before the next node: for some operators, the onnx package would
    otherwise end the program there.
    """
    import onnx

    graph, types, data = model.graph, {}, {}
    for tensor in graph.initializer:
        types[tensor.name] = onnx.helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        if _is_small(tensor):
            data[tensor.name] = tensor
    for value in graph.input:
        types.setdefault(value.name, value.type)
    found = {name: _static(name, each, name in data) for name, each in types.items()}
    try:
        onnx.checker.check_model(_without_weights(model))
        for node in graph.node:
            made = _made_by(node, model.opset_import[0].version, types, data)
            found |= {name: _static(name, made[name], node.op_type == "Constant") for name in node.output if name}
            types |= made
            if any(0 in found[name][0] for name in node.input if name) and node.op_type != "Resize":
                raise EdgeError(f"the network gives nothing to {node.op_type}")
            check_operands(node, [found[name][0] if name else None for name in node.input], found[node.output[0]][0])
            if node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[1] in data:
                check_scale(node.op_type, data[node.input[1]])
    except EdgeError:
        raise
    except Exception as error:  # of many kinds, without a common class
        raise EdgeError(f"the network is not sound ONNX ({brief(error)})") from error
    for value in graph.output:
        if found.get(value.name) != _static(value.name, value.type, False):
            raise EdgeError(f"the network does not make {value.name[:60]!r} as it says")
    return found


def _made_by(node: Any, opset: int, types: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Types of the outputs of one node; known values are added to ``data``."""
    import onnx

    schema = onnx.defs.get_schema(node.op_type, opset, "")
    named = [name for name in node.input if name]
    inputs, known = {name: types[name] for name in named}, {name: data[name] for name in named if name in data}
    made: dict[str, Any] = onnx.shape_inference.infer_node_outputs(schema, node, inputs, known)
    if node.op_type == "Constant" and node.attribute[0].name == "value" and _is_small(node.attribute[0].t):
        data[node.output[0]] = node.attribute[0].t
    elif node.op_type == "Shape" and not node.attribute:
        sides = [side.dim_value for side in types[node.input[0]].tensor_type.shape.dim]
        data[node.output[0]] = onnx.helper.make_tensor("", onnx.TensorProto.INT64, [len(sides)], sides)
    elif node.op_type == "Identity" and known:
        data[node.output[0]] = known[node.input[0]]
    return made


def _is_small(tensor: Any) -> bool:
    """Whether its values are passed to shape inference, which copies them for each node that reads them."""
    return bool(math.prod(tensor.dims) * size_of(tensor.data_type) <= _MOST_KNOWN)


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy for the checker, which copies everything; the weights have been checked before."""
    import onnx

    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    graph, listed = light.graph, {value.name for value in model.graph.input}
    graph.name = "network"
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    for tensor in model.graph.initializer:
        if _is_small(tensor):
            graph.initializer.append(tensor)
        elif tensor.name not in listed:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return light


def _static(name: str, kind: Any, empty: bool) -> tuple[Shape, int]:
    """Shape and bytes per element of one tensor; ``empty`` where it may hold nothing, as a constant may."""
    tensor = kind.tensor_type
    if kind.WhichOneof("value") != "tensor_type" or not tensor.HasField("shape"):
        raise EdgeError(f"the shape of {name[:60]!r} in the network is not known beforehand")
    sides = tuple(side.dim_value if side.HasField("dim_value") else -1 for side in tensor.shape.dim)
    least = 0 if empty else 1
    if len(sides) > MOST_RANK or not all(least <= side < LARGEST_NUMBER for side in sides):
        raise EdgeError(f"the shape of {name[:60]!r} in the network is {_listed(sides)}: all sides must be given")
    return sides, size_of(tensor.elem_type)


def _operations(node: Any, shapes: dict[str, tuple[Shape, int]]) -> int:
    """Products of convolutions and matrices, plus elements read and written; for other nodes only these, weighted."""
    inputs: list[Shape] = [shapes[name][0] if name else () for name in node.input]
    (out, *_) = [shapes[name][0] for name in node.output if name] or [()]
    elements = math.prod(out)
    least = elements + sum(math.prod(each) for each in inputs)
    if node.op_type in MULTIPLIES:
        return least + products(node, inputs, out)
    if node.op_type in ("MaxPool", "AveragePool"):
        window = next((each.ints for each in node.attribute if each.name == "kernel_shape"), ())
        return least + elements * math.prod(window)
    return _WEIGHT * least


def products(node: onnx.NodeProto, inputs: Sequence[Shape], out: Shape) -> int:
    """Multiplications of a node that is one of ``MULTIPLIES``, each with its addition."""
    if node.op_type == "Conv":
        return math.prod(out) * math.prod(inputs[1][1:])
    if node.op_type == "ConvTranspose":
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    turned = any(each.name == "transA" and each.i for each in node.attribute)
    return math.prod(out) * inputs[0][0 if turned else -1]  # the side that is summed over


def _most_at_once(graph: Any, shapes: dict[str, tuple[Shape, int]]) -> int:
    """Peak bytes of the tensors that exist at one time, each freed after its last use."""
    last = {name: step for step, node in enumerate(graph.node) for name in (*node.output, *node.input)}
    there = {value.name for value in graph.input} & last.keys()
    now = most = sum(_bytes(shapes, there))
    for step, node in enumerate(graph.node):
        made = {name for name in node.output if name}
        now += sum(_bytes(shapes, made))
        there |= made
        most = max(most, now)
        gone = {name for name in (*node.input, *made) if name in there and last[name] == step}
        now -= sum(_bytes(shapes, gone))
        there -= gone
    return most


def _bytes(shapes: dict[str, tuple[Shape, int]], names: Iterable[str]) -> list[int]:
    return [math.prod(shapes[name][0]) * shapes[name][1] for name in names if name]


def _listed(sides: Shape) -> str:
    return " x ".join("open" if side == -1 else str(side) for side in sides) or "none"
