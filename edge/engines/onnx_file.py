"""A network as the engines' checks want it: nodes and constants, from what the onnx package reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.network.rules import parse_network
from edge.errors import EdgeError

if TYPE_CHECKING:
    import onnx

Value = tuple[str, tuple[int, ...]]  # name and shape, -1 where a dimension is open


@dataclass(frozen=True)
class Node:
    """One operation: ``kind`` such as Conv, names of what it reads and makes, and its settings."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: nodes in the order they run, constants by name, inputs and outputs."""

    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[Any]]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    opset: int


def read_graph(data: bytes) -> Graph:
    """Parse the bytes of an ``.onnx`` file.

    Raises:
        EdgeError: it is no ONNX, or holds what a bundle's network may not.
    """
    return graph_of(parse_network(data))


def graph_of(model: onnx.ModelProto) -> Graph:
    """The same of a network that was parsed.

    Raises:
        EdgeError: a tensor in it is damaged.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    try:
        constants = {each.name: np.asarray(numpy_helper.to_array(each)) for each in graph.initializer}
        nodes = []
        for node in graph.node:
            attributes = {each.name: _setting(helper.get_attribute_value(each)) for each in node.attribute}
            if node.op_type == "Constant" and "value" in attributes:
                constants[node.output[0]] = numpy_helper.to_array(attributes["value"])
            else:
                nodes.append(Node(node.op_type, node.name, tuple(node.input), tuple(node.output), attributes))
    except (ValueError, LookupError, TypeError) as error:
        raise EdgeError(f"the network is damaged ({type(error).__name__})") from error
    inputs = tuple(_value(each) for each in graph.input if each.name not in constants)
    return Graph(
        tuple(nodes), constants, inputs, tuple(_value(each) for each in graph.output), model.opset_import[0].version
    )


def _setting(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return tuple(value) if isinstance(value, list) else value


def _value(value: onnx.ValueInfoProto) -> Value:
    sides = value.type.tensor_type.shape.dim
    return value.name, tuple(side.dim_value if side.HasField("dim_value") else -1 for side in sides)
