"""What a network must compute and move at the least, layer by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from edge.engines.quiet import import_openvino
from edge.errors import EdgeError


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


def openvino_or_error() -> Any:
    """OpenVINO, which reads ONNX and knows every shape in it, also on ARM.

    Raises:
        EdgeError: it is not installed.
    """
    try:
        return import_openvino()
    except ImportError as error:
        raise EdgeError('counting a network\'s operations needs OpenVINO: pip install "efiqa-edge[cpu]"') from error


def count_layers(onnx: bytes) -> tuple[Layer, ...]:
    """The layers of an ONNX model with static shapes, in the order in which they run.

    Raises:
        EdgeError: OpenVINO is not installed or cannot read the model.
    """
    try:
        model = openvino_or_error().Core().read_model(onnx)
    except RuntimeError as error:
        first = (str(error).strip().splitlines() or ["no message"])[0]
        raise EdgeError(f"the ONNX model cannot be read ({first}): give one of opset 18 or older") from error
    layers = []
    for node in model.get_ordered_ops():
        try:
            macs = _macs(node)
        except RuntimeError as error:
            raise EdgeError("the ONNX model has shapes that are open: give one with static shapes") from error
        if not macs:
            continue
        data, weights = node.input(0), node.input(1)
        layers.append(
            Layer(
                name=node.get_friendly_name().removesuffix("/WithoutBiases"),
                int8=all(_is_int8(each.get_source_output().get_node()) for each in (data, weights)),
                macs=macs,
                weights=math.prod(weights.get_shape()),
                inputs=math.prod(data.get_shape()),
                outputs=math.prod(node.output(0).get_shape()),
            )
        )
    return tuple(layers)


def _macs(node: Any) -> int:
    """0 for everything but convolutions and matrix products."""
    kind = node.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul"):
        return 0
    shapes = [[int(side) for side in each.get_shape()] for each in (node.input(0), node.input(1), node.output(0))]
    data, weights, outputs = shapes
    if kind == "Convolution":  # weights (outputs, inputs, height, width)
        return math.prod(outputs) * math.prod(weights[1:])
    if kind == "GroupConvolution":  # weights (groups, outputs, inputs, height, width)
        return math.prod(outputs) * math.prod(weights[2:])
    if kind == "ConvolutionBackpropData":  # weights (inputs, outputs, height, width)
        return math.prod(data) * math.prod(weights[1:])
    return math.prod(outputs) * (data[-2] if node.get_attributes()["transpose_a"] else data[-1])


def _is_int8(node: Any) -> bool:
    """Whether a tensor was an 8-bit integer before the scaling that leads to it."""
    while node.get_type_name() in ("Multiply", "Subtract", "Convert", "Reshape"):
        node = node.input(0).get_source_output().get_node()
        if str(node.output(0).get_element_type()) in ("<Type: 'int8_t'>", "<Type: 'uint8_t'>"):
            return True
    return False
