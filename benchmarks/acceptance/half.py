"""The FP16 form of a bundle's network, which its INT8 form has to beat on the board.

A bundle holds one form. A strongly typed network says itself what runs in which precision, so the other one is another
graph: the same one without its Q/DQ nodes, with weights and activations in float16, and float32 at its input and output
as engines want. It is made for measuring only and never written.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import ONNX, Bundle

_FLOAT, _HALF = 1, 10  # numbers of these types in ONNX
_IN_FLOAT = {"Resize": (1, 2)}  # inputs that stay float32, by the operator's definition: region and scales


def half_bundle(bundle: Bundle) -> Bundle:
    """The same bundle with its network in float16; its manifest still names the precision of the file."""
    data = half_network(bundle.onnx)
    members = {**bundle.manifest.members, ONNX: hashlib.sha256(data).hexdigest()}
    return dataclasses.replace(bundle, onnx=data, manifest=dataclasses.replace(bundle.manifest, members=members))


def half_network(data: bytes) -> bytes:
    """A network without Q/DQ nodes and in float16.

    Args:
        data: ONNX that ``edge.bundle`` has checked: static shapes, all weights in the file.

    Returns:
        ONNX, float32 at its input and output.
    """
    from onnx import helper, load_from_string

    model = load_from_string(data)
    graph = model.graph
    constants = _constants(graph)
    renamed: dict[str, str] = {}
    weights: dict[str, NDArray[Any]] = {}
    makers = {node.output[0]: node for node in graph.node}
    nodes = []
    for node in graph.node:
        if node.op_type in ("Constant", "QuantizeLinear"):
            continue
        if node.op_type == "DequantizeLinear":
            source = makers.get(node.input[0])
            if source is not None and source.op_type == "QuantizeLinear":
                renamed[node.output[0]] = renamed.get(source.input[0], source.input[0])
            else:
                weights[node.output[0]] = _dequantized(node, constants)
            continue
        node.input[:] = [renamed.get(name, name) for name in node.input]
        nodes.append(node)
    constants |= weights

    single = {node.input[at] for node in nodes for at in _IN_FLOAT.get(node.op_type, ()) if at < len(node.input)}
    used = {name for node in nodes for name in node.input} & set(constants)
    begin, end = graph.input[0].name, graph.output[0].name
    inside = {begin: f"{begin}_half", end: f"{end}_half"}
    for node in nodes:
        node.input[:] = [inside.get(name, name) for name in node.input]
        node.output[:] = [inside.get(name, name) for name in node.output]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.initializer.extend(_tensor(name, constants[name], name not in single) for name in sorted(used))
    graph.node.append(helper.make_node("Cast", [begin], [inside[begin]], to=_HALF))
    graph.node.extend(nodes)
    graph.node.append(helper.make_node("Cast", [inside[end]], [end], to=_FLOAT))
    return bytes(model.SerializeToString())


def _constants(graph: Any) -> dict[str, NDArray[Any]]:
    """Every constant of a graph, by the name of its value."""
    from onnx import numpy_helper

    found = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def _dequantized(node: Any, constants: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The weights that a DequantizeLinear gives, one scale for all or one a channel."""
    values, scale = constants[node.input[0]].astype(np.float32), constants[node.input[1]]
    zero = constants[node.input[2]].astype(np.float32) if len(node.input) > 2 else np.float32(0)
    axis = next((each.i for each in node.attribute if each.name == "axis"), 1)
    shape = [1] * values.ndim
    if scale.ndim:
        shape[axis] = -1
    else:
        shape = []
    return np.asarray((values - np.reshape(zero, shape or np.shape(zero))) * np.reshape(scale, shape), np.float32)


def _tensor(name: str, values: NDArray[Any], half: bool) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(values.astype(np.float16) if half and values.dtype == np.float32 else values, name)
