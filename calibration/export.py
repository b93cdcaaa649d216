"""From a torch network to a small ONNX graph: opset 18, batch 1, static shapes."""

from __future__ import annotations

import io
import warnings
from typing import Any, cast

import numpy as np
import onnx
import onnxsim
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from edge.bundle.bundle import MAPS, MapName
from edge.bundle.network.rules import constants_of
from edge.errors import EdgeError
from trainer.networks.students import Student

OPSET = 18
INPUT, OUTPUT = "image", "maps"
_LARGEST = 2 << 30  # bytes, of a protobuf
_OF_SHAPES = (onnx.TensorProto.INT64, onnx.TensorProto.BOOL)
_OPEN = onnx.TensorShapeProto.Dimension()
_SETTLED = (
    "Cast", "Concat", "ConstantOfShape", "Equal", "Gather", "Mul", "Reshape", "Slice", "Transpose", "Unsqueeze",
    "Where",
)  # fmt: skip
_WIDE = ("LayerNormalization", "ReduceMean", "Pow", "Sqrt", "Softmax", "Resize", "Range")  # float32 in a float16 graph


class Deployed(nn.Module):
    """What the device runs: RGB (1, 3, S, S) -> maps (1, K, grid, grid) in [0, 1], of the student's number and size.

    The student without its vessel head, with batch norms folded into their convolutions, so that the quantizer
    sees the weights that will run.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student.cpu().eval()
        self.student.vessels = nn.Identity()  # type: ignore[assignment]
        for block in list(self.student.modules()):
            if not isinstance(block, nn.Sequential):
                continue
            convolution, norm = block[0], block[1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                block[0], block[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.student(image))


def maps_of(network: nn.Module, size: int) -> tuple[tuple[MapName, ...], int]:
    """What the maps of a network are, by their number: degradation alone, or with disc and macula.

    Args:
        network: float32 (1, 3, size, size) -> (1, K, grid, grid), on the CPU.
        size: side of the input.

    Returns:
        Names of the K maps, and grid.

    Raises:
        EdgeError: K is neither 1 nor 3.
    """
    with torch.no_grad():
        _, count, grid, _ = network(torch.zeros(1, 3, size, size)).shape
    if count not in (1, len(MAPS)):
        raise EdgeError(f"the student gives {count} maps, but a bundle holds 1 or {len(MAPS)} ({', '.join(MAPS)}).")
    return MAPS[:count], int(grid)


def to_onnx(network: nn.Module, size: int) -> bytes:
    """Export, simplify and check a network; fake-quantized ones come out as explicit Q/DQ.

    Args:
        network: float32 (1, 3, size, size) -> (1, K, grid, grid), on the CPU.
        size: side of the input.

    Raises:
        EdgeError: the exporter or the simplifier refuses the network.
    """
    # Constant folding would turn quantized weights back into floats.
    simple, sound = onnxsim.simplify(export_graph(network, size), skip_constant_folding=True)
    if not sound:
        raise EdgeError("onnxsim changed what the exported network computes: report this with the recipe.")
    graph = _store_int8_weights(simple)
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString())


def raw_onnx(network: nn.Module, size: int) -> onnx.ModelProto:
    """Export a network without the simplifier and the checker, which take too much memory for large ones.

    Args:
        network: float32 (1, 3, size, size) -> (1, K, grid, grid), on the CPU; fake-quantized or not.
        size: side of the input.

    Raises:
        EdgeError: its weights do not fit into one graph.
    """
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    if weights >= _LARGEST:
        raise EdgeError(
            f"the network has {weights / 2**30:.1f} GiB of weights, and a graph holds less than {_LARGEST >> 30}: take "
            "a smaller backbone."
        )
    return _settle_shapes(_store_int8_weights(export_graph(network, size)))


def half_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in float16, with float32 at its input and output; the given model is modified.

    Normalisation and softmax stay in float32: squares and exponents of a transformer's outliers leave float16's range.

    Raises:
        EdgeError: onnxruntime, which brings the converter, is missing.
    """
    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16
        from onnxruntime.transformers.onnx_model import OnnxModel
    except ImportError as error:
        raise EdgeError('float16 needs onnxruntime: pip install "efiqa-edge[train]".') from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of every weight that float16 rounds to its smallest number
        converted = convert_float_to_float16(model, keep_io_types=True, op_block_list=[*_WIDE])
    ordered = OnnxModel(converted)
    ordered.topological_sort()  # the converter puts the cast of the input last, which is invalid ONNX
    return cast(onnx.ModelProto, ordered.model)


def export_graph(network: nn.Module, size: int) -> onnx.ModelProto:
    """The graph as torch exports it: float32 (1, 3, size, size) in, static shapes.

    Args:
        network: on the CPU.
        size: side of the input.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The old exporter, which needs no onnxscript, warns that it is old, and of constant shapes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, size, size),),
            cast(Any, buffer),  # the exporter takes a file object; its types forget it
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
        )
    return onnx.load_from_string(buffer.getvalue())


def _settle_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store what is computed from shapes alone as constants: a bundle's reader checks every shape beforehand."""
    graph = model.graph
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    sides = {value.name: value.type.tensor_type.shape.dim for value in (*inferred.input, *inferred.value_info)}
    stored = constants_of(graph)
    known = {name: numpy_helper.to_array(each) for name, each in stored.items() if each.data_type in _OF_SHAPES}
    for node in list(graph.node):
        if node.op_type == "Shape" and all(side.dim_value for side in sides.get(node.input[0], [_OPEN])):
            found = np.array([side.dim_value for side in sides[node.input[0]]], np.int64)
        elif node.op_type in _SETTLED and all(name in known for name in node.input):
            found = _value_of(node, known)
        else:
            continue
        known[node.output[0]] = found
        _replace(graph, node, found)
    return model


def _value_of(node: onnx.NodeProto, known: dict[str, Any]) -> NDArray[Any]:
    (value,) = ReferenceEvaluator(node).run(None, {name: known[name] for name in node.input})
    return np.asarray(value)


def _replace(graph: onnx.GraphProto, node: onnx.NodeProto, value: NDArray[Any]) -> None:
    """Put a constant in the place of a node."""
    graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
    graph.node.remove(node)


def _store_int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights that are quantized in the graph become int8 constants: one byte a weight in the file as well."""
    graph = model.graph
    constants = {name: numpy_helper.to_array(each) for name, each in constants_of(graph).items()}
    for node in list(graph.node):
        if node.op_type == "QuantizeLinear" and node.input[0] in constants:
            _replace(graph, node, _value_of(node, constants))
    used = {name for node in graph.node for name in node.input}
    for kept in [c for c in graph.initializer if c.name not in used]:
        graph.initializer.remove(kept)
    for node in [n for n in graph.node if n.op_type == "Constant" and n.output[0] not in used]:
        graph.node.remove(node)
    return model
