"""Writing ONNX without the onnx package: new nodes in front of a network and behind it. See ``engines.onnx_file``."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.engines.onnx_file import fields

FLOAT, UINT8 = 1, 2
_TYPES = {"float32": FLOAT, "uint8": UINT8, "int64": 7, "bool": 9}
_INT, _INTS, _STRING, _FLOAT = 2, 7, 3, 1  # of attributes


class Writer:
    """Nodes and constants, gathered one after the other; every method gives the name of what it made.

    Example:
        >>> w = Writer("plus")
        >>> w.op("Add", "x", w.constant(np.float32(1)))
        'plus/1_Add'
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.nodes: list[bytes] = []
        self.tensors: list[bytes] = []
        self._count = 0

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self._prefix}/{self._count - 1}_{kind}"

    def constant(self, value: Any) -> str:
        """A tensor of float32, int64, uint8 or bool."""
        array = np.asarray(value)
        name = self._name("constant")
        self.tensors.append(_tensor(name, array))
        return name

    def op(self, kind: str, *inputs: str, name: str = "", spare: int = 0, **attributes: Any) -> str:
        """A node; its first output is called ``name`` where that is given, and ``spare`` more are not used."""
        made = name or self._name(kind)
        parts = [_bytes(1, each.encode()) for each in inputs]
        parts += [_bytes(2, each.encode()) for each in (made, *(f"{made}_{index}" for index in range(spare)))]
        parts += [_bytes(3, f"make_{made}".encode()), _bytes(4, kind.encode())]
        parts += [_bytes(5, _attribute(key, value)) for key, value in attributes.items()]
        self.nodes.append(b"".join(parts))
        return made


def wrap(
    onnx: bytes,
    before: Writer,
    after: Writer,
    inputs: Mapping[str, tuple[int, Sequence[int | str]]],
    outputs: Mapping[str, tuple[int, Sequence[int | str]]],
    told: Mapping[str, str],
) -> bytes:
    """A network with nodes in front of it and behind it.

    Args:
        onnx: the network; what it reads and gives stays called so, but is no input or output any more.
        before, after: nodes, the former making what the network reads.
        inputs, outputs: of the whole: name -> type and shape, a word for a side that is open.
        told: metadata, key -> value.
    """
    whole = b""
    for number, value in fields(onnx):
        if number == 7:
            whole += _bytes(7, _graph(bytes(value), before, after, inputs, outputs))
        elif number != 14:
            whole += _int(number, value) if isinstance(value, int) else _bytes(number, value)
    pairs = (_bytes(1, key.encode()) + _bytes(2, value.encode()) for key, value in told.items())
    return whole + b"".join(_bytes(14, pair) for pair in pairs)


def _graph(
    graph: bytes,
    before: Writer,
    after: Writer,
    inputs: Mapping[str, tuple[int, Sequence[int | str]]],
    outputs: Mapping[str, tuple[int, Sequence[int | str]]],
) -> bytes:
    parts = list(fields(graph))
    nodes = [*before.nodes, *(value for number, value in parts if number == 1), *after.nodes]
    tensors = [*before.tensors, *(value for number, value in parts if number == 5), *after.tensors]
    made = b"".join(_bytes(1, node) for node in nodes) + _bytes(2, b"efiqa")
    made += b"".join(_bytes(5, tensor) for tensor in tensors)
    made += b"".join(_bytes(11, _value(name, *about)) for name, about in inputs.items())
    made += b"".join(_bytes(12, _value(name, *about)) for name, about in outputs.items())
    return made + b"".join(_bytes(13, value) for number, value in parts if number == 13)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # a negative number is written as if it were that large
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _attribute(name: str, value: Any) -> bytes:
    head = _bytes(1, name.encode())
    if isinstance(value, float):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + _int(20, _FLOAT)
    if isinstance(value, int):
        return head + _int(3, value) + _int(20, _INT)
    if isinstance(value, str):
        return head + _bytes(4, value.encode()) + _int(20, _STRING)
    return head + b"".join(_int(8, each) for each in value) + _int(20, _INTS)


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    dims = b"".join(_int(1, side) for side in array.shape)
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return dims + _int(2, _TYPES[array.dtype.name]) + _bytes(8, name.encode()) + _bytes(9, little.tobytes())


def _value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    sides = (_int(1, side) if isinstance(side, int) else _bytes(2, side.encode()) for side in shape)
    dims = b"".join(_bytes(1, side) for side in sides)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, kind) + _bytes(2, dims)))
