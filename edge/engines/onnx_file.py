"""Reading an ONNX file without the onnx package, which a camera does not install: as much as our networks hold.

An ONNX file is a protocol buffer: fields of a number and a value, one after the other, some of which are messages of
fields themselves. The numbers below are those of onnx.proto.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError

_TYPES: dict[int, type[np.generic]] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64,
}  # fmt: skip
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DAMAGED = (
    AttributeError,
    ValueError,
    KeyError,
    IndexError,
    struct.error,
    OverflowError,
    UnicodeDecodeError,
    TypeError,
)
Value = tuple[str, tuple[int, ...]]  # name and shape, -1 where a dimension is open


@dataclass(frozen=True)
class Node:
    """One operation: ``kind`` such as Conv, names of what it reads and makes, and its settings."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
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
        EdgeError: it is no ONNX, is cut off, or keeps its weights in another file.
    """
    try:
        model = list(fields(data))
        opsets = [dict(fields(bytes(value))) for number, value in model if number == 8]
        opset = max((int(each.get(2, 0)) for each in opsets if not each.get(1)), default=0)
        (graph,) = [value for number, value in model if number == 7]
        return _graph(bytes(graph), opset)
    except EdgeError:
        raise
    except _DAMAGED as error:
        raise EdgeError(f"the network is not an ONNX file or is cut off ({type(error).__name__})") from error


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: number, and an int or the bytes of its value."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire == _BYTES:
            size, place = _varint(data, place)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"a field of type {wire}")
        if place + size > len(data):
            raise ValueError("cut off")
        yield number, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("a number without an end")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _graph(data: bytes, opset: int) -> Graph:
    nodes: list[Node] = []
    constants: dict[str, NDArray[Any]] = {}
    inputs: list[Value] = []
    outputs: list[Value] = []
    for number, value in fields(data):
        if number == 1:
            nodes.append(_node(value))
        elif number == 5:
            name, array = _tensor(value)
            constants[name] = array
        elif number in (11, 12):
            (inputs if number == 11 else outputs).append(_value(value))
    for node in nodes:
        if node.kind == "Constant" and "value" in node.attributes:
            constants[node.outputs[0]] = node.attributes["value"]
    working = tuple(node for node in nodes if node.kind != "Constant" or "value" not in node.attributes)
    return Graph(working, constants, tuple(v for v in inputs if v[0] not in constants), tuple(outputs), opset)


def _node(data: bytes) -> Node:
    inputs: list[str] = []
    outputs: list[str] = []
    name = kind = ""
    attributes: dict[str, Any] = {}
    for number, value in fields(data):
        if number == 1:
            inputs.append(value.decode())
        elif number == 2:
            outputs.append(value.decode())
        elif number == 3:
            name = value.decode()
        elif number == 4:
            kind = value.decode()
        elif number == 5:
            key, setting = _attribute(value)
            attributes[key] = setting
    return Node(kind, name, tuple(inputs), tuple(outputs), attributes)


def _attribute(data: bytes) -> tuple[str, Any]:
    name, one, many = "", None, []
    for number, value in fields(data):
        if number == 1:
            name = value.decode()
        elif number == 2:
            one = struct.unpack("<f", value)[0]
        elif number == 3:
            one = _signed(value)
        elif number == 4:
            one = value.decode(errors="replace")
        elif number == 5:
            one = _tensor(value)[1]
        elif number == 7:
            many += _packed(value, "f")
        elif number == 8:
            many += [_signed(each) for each in _integers(value)]
    return name, one if one is not None else tuple(many)


def _packed(value: Any, kind: str) -> list[Any]:
    """Floats, packed or alone."""
    return [each for (each,) in struct.iter_unpack("<" + kind, value)]


def _integers(value: Any) -> list[int]:
    """Varints, packed or alone."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        each, place = _varint(value, place)
        found.append(each)
    return found


def _tensor(data: bytes) -> tuple[str, NDArray[Any]]:
    name, kind, raw = "", 0, None
    shape: list[int] = []
    plain: list[Any] = []
    for number, value in fields(data):
        if number == 1:
            shape += _integers(value)
        elif number == 2:
            kind = value
        elif number in (4, 10):
            plain += _packed(value, "f" if number == 4 else "d")
        elif number in (5, 7):
            plain += [_signed(each) for each in _integers(value)]
        elif number == 8:
            name = value.decode()
        elif number == 9:
            raw = value
        elif number == 14 and value:
            raise EdgeError(f"the weights {name} are not in the ONNX file itself: make the bundle with edge-calibrate")
    if kind not in _TYPES:
        raise EdgeError(f"the tensor {name} has a type ({kind}) that is not read here")
    dtype = np.dtype(_TYPES[kind])
    array = np.array(plain, dtype) if raw is None else np.frombuffer(raw, dtype.newbyteorder("<"))
    if array.size != math.prod(shape):
        raise ValueError("cut off")
    return name, array.reshape(shape)


def _value(data: bytes) -> Value:
    name, shape = "", []
    for number, value in fields(data):
        if number == 1:
            name = value.decode()
        elif number == 2:
            tensor = dict(fields(value)).get(1, b"")
            dims = dict(fields(tensor)).get(2, b"")
            shape = [dict(fields(each)).get(1, -1) for _, each in fields(dims)]
    return name, tuple(int(each) for each in shape)
