"""What a network computes by its ONNX file alone, in numpy: the truth that every engine is held against.

Slow (a fraction of a second a frame) and with nothing of a runtime in it. It knows the operations of our students; a
network with others is an ``UnknownOperationError``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.network.rules import parse_network
from edge.bundle.network.shapes import measure
from edge.engines.onnx_file import Graph, Node, graph_of
from edge.errors import EdgeError

Array = NDArray[Any]
_MOST_OPERATIONS = 10**11  # of a frame: a minute here; a student needs a hundredth
_LARGEST = 1 << 28  # elements


class UnknownOperationError(EdgeError):
    """The network holds an operation that is not computed here."""


def run_onnx(onnx: bytes, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """The output of a network with one input and one output.

    Args:
        onnx: bytes of the file.
        tensor: float32, of the shape of the input.

    Raises:
        UnknownOperationError: names the operation, or says what of one is not known here.
        EdgeError: it is no ONNX.
    """
    return Reference(onnx).run(tensor)


class Reference:
    """A network, parsed once for several frames."""

    def __init__(self, onnx: bytes) -> None:
        model = parse_network(onnx)
        self._graph: Graph = graph_of(model)
        for node in self._graph.nodes:
            if node.kind not in _OPERATIONS:
                raise UnknownOperationError(f"the operation {node.kind} of node {node.name} is not computed here")
        if len(self._graph.inputs) != 1 or len(self._graph.outputs) != 1:
            raise EdgeError("the network does not have one input and one output")
        cost = measure(model, len(onnx))
        if cost.operations > _MOST_OPERATIONS:
            raise UnknownOperationError(f"{cost.operations:.1e} operations are too many to be computed here")
        self._kept = {self._graph.outputs[0][0]}
        self._last = {name: step for step, node in enumerate(self._graph.nodes) for name in node.inputs}

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Output for a float32 input."""
        values: dict[str, Array] = {**self._graph.constants, self._graph.inputs[0][0]: tensor}
        try:
            with np.errstate(all="ignore"):  # infinity and what is no number pass through, as they do in a runtime
                return self._computed(values)
        except (ValueError, KeyError, IndexError, TypeError) as error:  # a form of a known operation that is not known
            raise UnknownOperationError(f"the network cannot be computed: {type(error).__name__}: {error}") from error

    def _computed(self, values: dict[str, Array]) -> NDArray[np.float32]:
        for step, node in enumerate(self._graph.nodes):
            values[node.outputs[0]] = _OPERATIONS[node.kind](node, [values[name] for name in node.inputs if name])
            for name in node.inputs:
                if self._last[name] == step and name not in self._kept:
                    values.pop(name, None)
        return np.asarray(values[self._graph.outputs[0][0]], dtype=np.float32)


def _scale(node: Node, x: Array, given: list[Array]) -> tuple[Array, Array]:
    """Scale and zero point of a Q or DQ, along their axis."""
    scale, zero = given[1].astype(np.float32), given[2] if len(given) > 2 else np.zeros((), np.uint8)
    if scale.ndim == 1 and scale.size > 1:
        shape = [1] * x.ndim
        shape[node.attributes.get("axis", 1)] = -1
        return scale.reshape(shape), zero.reshape(shape)
    return scale.reshape(()), zero.reshape(())


def _quantize(node: Node, given: list[Array]) -> Array:
    scale, zero = _scale(node, given[0], given)
    limits = np.iinfo(zero.dtype)
    return np.asarray(np.clip(np.rint(given[0] / scale) + zero, limits.min, limits.max), zero.dtype)


def _dequantize(node: Node, given: list[Array]) -> Array:
    scale, zero = _scale(node, given[0], given)
    return np.asarray((given[0].astype(np.float32) - zero.astype(np.float32)) * scale)


def _conv(node: Node, given: list[Array]) -> Array:
    """A convolution as one product of matrices for each group."""
    x, weights = given[0], given[1]
    settings = node.attributes
    if settings.get("auto_pad", "NOTSET") != "NOTSET":
        raise UnknownOperationError(f"the padding of node {node.name} is not computed here")
    groups, (down, across) = settings.get("group", 1), settings.get("strides", (1, 1))
    (spread_y, spread_x), pads = settings.get("dilations", (1, 1)), settings.get("pads", (0, 0, 0, 0))
    rows, columns = weights.shape[2:]
    padded = np.pad(x[0], ((0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    height = (padded.shape[1] - spread_y * (rows - 1) - 1) // down + 1
    width = (padded.shape[2] - spread_x * (columns - 1) - 1) // across + 1
    if x.shape[1] * rows * columns * height * width > _LARGEST:
        raise UnknownOperationError(f"node {node.name} is too large to be computed here")
    seen = np.empty((x.shape[1], rows, columns, height, width), np.float32)
    for row, column in itertools.product(range(rows), range(columns)):
        top, left = row * spread_y, column * spread_x
        seen[:, row, column] = padded[:, top : top + height * down : down, left : left + width * across : across][
            :, :height, :width
        ]
    seen = seen.reshape(groups, -1, height * width)
    sums = weights.reshape(groups, -1, seen.shape[1]).astype(np.float32) @ seen
    out = sums.reshape(1, -1, height, width)
    return out if len(given) < 3 else out + given[2].reshape(1, -1, 1, 1)


def _resize(node: Node, given: list[Array]) -> Array:
    """Nearest, by whole factors: each pixel becomes a block."""
    x, sizes = given[0], given[-1]
    factors = sizes if sizes.dtype.kind == "f" else sizes / np.array(x.shape)
    whole = np.rint(factors).astype(int)
    settings = node.attributes
    how = (
        settings.get("coordinate_transformation_mode", "half_pixel"),
        settings.get("nearest_mode", "round_prefer_floor"),
    )
    plain = how in (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil"))
    if settings.get("mode", "nearest") != "nearest" or not plain or not np.array_equal(whole, factors):
        raise UnknownOperationError(f"the resampling of node {node.name} is not computed here")
    for axis, factor in enumerate(whole):
        x = np.repeat(x, factor, axis)
    return x


def _reshape(node: Node, given: list[Array]) -> Array:
    kept = [given[0].shape[i] if side == 0 else int(side) for i, side in enumerate(given[1])]
    return given[0].reshape(kept)


def _sigmoid(node: Node, given: list[Array]) -> Array:
    return np.asarray(1 / (1 + np.exp(-given[0])), np.float32)  # of a very negative x: 1 / (1 + infinity)


_OPERATIONS: dict[str, Callable[[Node, list[Array]], Array]] = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "Conv": _conv,
    "Resize": _resize,
    "Reshape": _reshape,
    "Sigmoid": _sigmoid,
    "Transpose": lambda node, given: given[0].transpose(node.attributes["perm"]),
    "Relu": lambda node, given: np.maximum(given[0], 0),
    "GlobalAveragePool": lambda node, given: given[0].mean(axis=(2, 3), keepdims=True, dtype=np.float32),
    "Concat": lambda node, given: np.concatenate(given, node.attributes["axis"]),
    "Identity": lambda node, given: given[0],
    "Add": lambda node, given: given[0] + given[1],
    "Sub": lambda node, given: given[0] - given[1],
    "Mul": lambda node, given: given[0] * given[1],
    "Div": lambda node, given: given[0] / given[1],
}
