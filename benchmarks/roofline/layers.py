"""What a network must compute and move at the least, layer by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.bundle.network.rules import constants_of
from edge.bundle.network.shapes import MULTIPLIES, products
from edge.errors import EdgeError, brief

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Layer:
    """A convolution or matrix product; everything else can be fused into one and is not counted.

    Attributes:
        name: in the ONNX graph.
        int8: inputs and weights are integers; else floats.
        macs: multiplications, each with its addition.
        weights, inputs, outputs: numbers that must be read or written at least once.
    """

    name: str
    int8: bool
    macs: int
    weights: int
    inputs: int
    outputs: int

    def least_bytes(self, float_bytes: int = 4) -> int:
        """Bytes to move where nothing stays in a cache from the layer before; 1 a number in INT8."""
        return (self.weights + self.inputs + self.outputs) * (1 if self.int8 else float_bytes)


def count_layers(data: bytes) -> tuple[Layer, ...]:
    """The layers of an ONNX model with static shapes, in the order in which they run.

    Raises:
        EdgeError: the model cannot be read, or its shapes are open.
    """
    import onnx

    try:
        graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(data), data_prop=True).graph
    except Exception as error:  # protobuf's, whose package has no types, and of the inference
        raise EdgeError(f"the ONNX model cannot be read ({brief(error)}): give one of opset 18 or older") from error
    shapes = {
        value.name: tuple(side.dim_value for side in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    } | {name: tuple(tensor.dims) for name, tensor in constants_of(graph).items()}
    made_by = {name: node for node in graph.node for name in node.output}
    layers = []
    for node in graph.node:
        if node.op_type not in MULTIPLIES:
            continue
        inputs, weights, outputs = (shapes.get(name, (0,)) for name in (*node.input[:2], node.output[0]))
        if not math.prod((*inputs, *weights, *outputs)):
            raise EdgeError("the ONNX model has shapes that are open: give one with static shapes")
        layers.append(
            Layer(
                name=node.name or node.output[0],
                int8=all(_is_int8(made_by, name) for name in node.input[:2]),
                macs=products(node, (inputs, weights), outputs),
                weights=math.prod(weights),
                inputs=math.prod(inputs),
                outputs=math.prod(outputs),
            )
        )
    return tuple(layers)


def _is_int8(made_by: dict[str, onnx.NodeProto], name: str) -> bool:
    """Whether a tensor was an 8-bit integer before the scaling that leads to it."""
    while name in made_by and made_by[name].op_type in ("Reshape", "Transpose"):
        name = made_by[name].input[0]
    return name in made_by and made_by[name].op_type == "DequantizeLinear"
