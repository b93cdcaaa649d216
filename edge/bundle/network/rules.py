"""What the network of a bundle may hold: listed operators on tensors in the file itself, and nothing else.

No loops or branches, as a loop need not end; no weights in other files, as these are not hashed; no custom operators;
no field that the onnx package does not know, as a runtime may know it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edge.bundle.network.gate import check_parts
from edge.errors import EdgeError

if TYPE_CHECKING:
    import onnx

# What our students hold, in every form (float, float16, INT8 as Q/DQ), and our foundation models. No Gather:
# an index may lie beyond what it reads.
OPERATORS = frozenset({
    "Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv",
    "ConvTranspose", "DepthToSpace", "DequantizeLinear", "Div", "Equal", "Erf", "Exp", "Expand", "Flatten",
    "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "HardSwish", "Identity", "LayerNormalization",
    "LeakyRelu", "MatMul", "Max", "MaxPool", "Min", "Mul", "Neg", "Pad", "Pow", "PRelu", "QuantizeLinear", "ReduceMax",
    "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize", "Shape", "Sigmoid", "Slice", "Softmax", "Softplus",
    "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
MOST_NODES = 2500  # a runtime compiles these in a minute, and twice as many in ten; a ViT-L in INT8 has 2200
_MOST_CONSTANTS, _MOST_INPUTS = 10_000, 256
MOST_RANK, LARGEST_NUMBER = 8, 1 << 31
_OPSETS = 11, 25
_DOMAINS = "", "ai.onnx"
_COUNTS = {"kernel_shape": 1, "strides": 1, "dilations": 1, "group": 1, "blocksize": 1, "pads": 0, "output_padding": 0}
_FURTHEST = 8192  # pixels, for each of these
_SIZES = {"FLOAT": 4, "UINT8": 1, "INT8": 1, "INT32": 4, "INT64": 8, "BOOL": 1, "FLOAT16": 2, "DOUBLE": 8}
_DATA = "raw_data", "float_data", "int32_data", "int64_data", "double_data"
_SETTINGS = {"FLOAT": "f", "INT": "i", "STRING": "s", "TENSOR": "t", "FLOATS": "floats", "INTS": "ints"}
# An unknown word leaves OpenVINO with half a graph, and some nodes after it then end the program.
_WORDS = {
    "approximate": {"none", "tanh"},
    "auto_pad": {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"},
    "coordinate_transformation_mode": {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                       "asymmetric", "tf_crop_and_resize"},
    "keep_aspect_ratio_policy": {"stretch", "not_larger", "not_smaller"},
    "nearest_mode": {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"},
    "round_mode": {"up", "down", "nearest"},
    "DepthToSpace mode": {"DCR", "CRD"},
    "Pad mode": {"constant", "reflect", "edge", "wrap"},
    "Resize mode": {"nearest", "linear", "cubic"},
}  # fmt: skip
_LONGEST_NAME = 1000  # characters; exporters write the path through all modules
_TEXTS = {"name", "doc_string", "metadata_props"}
_KNOWN = {
    "ModelProto": {"ir_version", "opset_import", "producer_name", "producer_version", "domain", "model_version",
                   "doc_string", "graph", "metadata_props"},
    "GraphProto": {"node", "initializer", "input", "output", "value_info", *_TEXTS},
    "NodeProto": {"input", "output", "op_type", "domain", "attribute", *_TEXTS},
    "AttributeProto": {"name", "type", "doc_string", *_SETTINGS.values()},
    "ValueInfoProto": {"type", *_TEXTS},
    "TensorProto": {"dims", "data_type", "data_location", *_DATA, *_TEXTS},
}  # fmt: skip


def parse_network(data: bytes) -> onnx.ModelProto:
    """Parse an ONNX file and check it against the rules; ``shapes.measure`` checks its shapes.

    Raises:
        EdgeError: it is not ONNX, or holds something that is not allowed.
    """
    check_parts(data)
    import onnx  # late: a command that needs no model starts sooner

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf's DecodeError, whose package has no types
        raise EdgeError("the network is not an ONNX file, or cut off") from error
    size = model.ByteSize()
    model.DiscardUnknownFields()
    if model.ByteSize() != size or size == 0:
        raise EdgeError("the network holds fields that are not ONNX's: it is damaged, or of a newer kind")
    _only_known(model)
    graph = model.graph
    _check_opset(model)
    working = sum(node.op_type != "Constant" for node in graph.node)
    if working > MOST_NODES or len(graph.node) - working + len(graph.initializer) > _MOST_CONSTANTS:
        raise EdgeError(f"the network has more than {MOST_NODES} nodes, or more than {_MOST_CONSTANTS} constants")
    _only_known(graph)
    for value in (*graph.input, *graph.output, *graph.value_info):
        _only_known(value)
    for tensor in graph.initializer:
        _check_tensor(onnx, tensor)
    for node in graph.node:
        _check_node(onnx, node)
    return model


def constants_of(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """The constants of a network by name, from wherever a graph may hold them."""
    nodes = [node for node in graph.node if node.op_type == "Constant" and node.attribute[0].name == "value"]
    return {each.name: each for each in graph.initializer} | {node.output[0]: node.attribute[0].t for node in nodes}


def size_of(kind: int) -> int:
    """Bytes of one element of a tensor type.

    Raises:
        EdgeError: a type that no network of ours has.
    """
    import onnx

    name = onnx.TensorProto.DataType.Name(kind) if kind in onnx.TensorProto.DataType.values() else str(kind)
    if name not in _SIZES:
        raise EdgeError(f"the network has a tensor of type {name}, which a bundle may not hold")
    return _SIZES[name]


def _only_known(message: Any) -> None:
    kind = type(message).__name__
    for field, value in message.ListFields():
        if field.name not in _KNOWN[kind]:
            raise EdgeError(f"the network has {field.name} in it, which a bundle may not hold")
        if field.type == field.TYPE_STRING:  # protobuf gives bytes where it is no UTF-8
            values = [value] if isinstance(value, (str, bytes)) else value
            # Names go into the settings of other programs, one per line; only doc_string may have several lines.
            if not all(isinstance(each, str) and (field.name == "doc_string" or _is_name(each)) for each in values):
                raise EdgeError("the network has a name in it that is no plain text: it is damaged")


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and text.isprintable()


def _check_opset(model: onnx.ModelProto) -> None:
    opsets = [(each.domain, each.version) for each in model.opset_import]
    low, high = _OPSETS
    if len(opsets) != 1 or opsets[0][0] not in _DOMAINS or not low <= opsets[0][1] <= high:
        found = ", ".join(f"{domain[:40] or 'ai.onnx'} {version}" for domain, version in opsets[:4])
        raise EdgeError(f"the network uses the operators of {found or 'no opset'}, not ai.onnx {low} to {high} alone")


def _check_node(onnx: Any, node: Any) -> None:
    _only_known(node)
    kind = node.op_type
    if kind not in OPERATORS or node.domain not in _DOMAINS:
        whose = f"{node.domain[:40]}." if node.domain not in _DOMAINS else ""
        raise EdgeError(f"the network has the operator {whose}{_plain(kind)}, which a bundle may not hold")
    if len(node.input) > _MOST_INPUTS or len(node.output) > _MOST_INPUTS:
        raise EdgeError(f"the network has a node of type {kind} with more than {_MOST_INPUTS} inputs or outputs")
    settings = {attribute.name: attribute for attribute in node.attribute}
    # The onnx package writes one shape per part into a list with one entry per output.
    if kind == "Split" and "num_outputs" in settings and settings["num_outputs"].i != len(node.output):
        raise EdgeError("the network has a Split into another number of parts than it has names for")
    if len(settings) != len(node.attribute):
        raise EdgeError(f"the network has a node of type {kind} with a setting twice")
    for attribute in node.attribute:
        _only_known(attribute)
        types = onnx.AttributeProto.AttributeType
        name = types.Name(attribute.type) if attribute.type in types.values() else ""
        wanted = _SETTINGS.get(name, "")
        held = {field.name for field, _ in attribute.ListFields()} - {"name", "type", "doc_string"}
        if not wanted or not held <= {wanted}:
            raise EdgeError(
                f"the network has a setting {_plain(attribute.name)} of {kind} that is neither number, text nor "
                "tensor, which a bundle may not hold"
            )
        if wanted == "t":
            _check_tensor(onnx, attribute.t)
        if wanted == "s" and attribute.s.decode(errors="replace") not in _words_of(kind, attribute.name):
            raise EdgeError(f"the network has a setting {_plain(attribute.name)} of {kind} that says nothing known")
        if kind != "Constant" and not all(map(math.isfinite, (attribute.f, *attribute.floats))):
            raise EdgeError(f"the network has a setting {_plain(attribute.name)} of {kind} that is no number")
        _check_numbers(kind, attribute.name, [attribute.i, *attribute.ints])


def _words_of(kind: str, name: str) -> set[str]:
    return _WORDS.get(name) or _WORDS.get(f"{kind} {name}", set())


def _check_numbers(kind: str, name: str, numbers: list[int]) -> None:
    """Settings that runtimes divide by, or allocate memory for, without a check."""
    least, most = -LARGEST_NUMBER, LARGEST_NUMBER
    if name in _COUNTS:
        least, most = _COUNTS[name], _FURTHEST
        numbers = numbers[0:1] if name in ("group", "blocksize") else numbers[1:]
    if len(numbers) > 4 * MOST_RANK or not all(least <= number <= most for number in numbers):
        raise EdgeError(f"the network has a setting {_plain(name)} of {kind} beyond {least} to {most}")


def _check_tensor(onnx: Any, tensor: Any) -> None:
    """A constant: complete, and in the file itself."""
    if tensor.data_location != onnx.TensorProto.DEFAULT or tensor.external_data:
        raise EdgeError(f"the weights {_plain(tensor.name)} of the network are not in the bundle itself")
    _only_known(tensor)
    if len(tensor.dims) > MOST_RANK or not all(0 <= side < LARGEST_NUMBER for side in tensor.dims):
        raise EdgeError(f"the tensor {_plain(tensor.name)} of the network has a shape that cannot be")
    each, count = size_of(tensor.data_type), math.prod(tensor.dims)
    held = [len(getattr(tensor, name)) / (each if name == "raw_data" else 1) for name in _DATA]
    if [length for length in held if length] != [count] * bool(count):  # in one field alone, and all of it
        raise EdgeError(f"the tensor {_plain(tensor.name)} of the network is not of the size that it says")


def _plain(name: str) -> str:
    """An untrusted name, safe to quote in a sentence."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:60] or "without a name"
