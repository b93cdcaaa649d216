"""The size of an ONNX file without its weights, checked before parsing, which can turn two bytes into two hundred.

This follows only the nesting of the protocol buffer, down to fields that may hold weights; the onnx package interprets
them later. The numbers are those of onnx.proto.
"""

from __future__ import annotations

from edge.errors import EdgeError

MOST_BESIDE = 4 << 20  # bytes of names, nodes and settings; the largest foundation model has under 3 MiB
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Message -> field -> the message in it, down to the tensors of weights.
_INSIDE = {
    "model": {7: "graph"}, "graph": {1: "node", 5: "tensor"}, "node": {5: "attribute"}, "attribute": {5: "tensor"},
}  # fmt: skip
_WEIGHTS = (4, 9, 10)  # fields of a tensor that do not grow when parsed: floats, raw bytes, doubles


class _Count:
    """Bytes beside the weights, so far."""

    def __init__(self, data: bytes) -> None:
        self.data, self.beside = data, 0

    def walk(self, place: int, end: int, message: str) -> None:
        """Count the fields of a message between two offsets."""
        inside = _INSIDE.get(message, {})
        while place < end:
            start = place
            tag, place = self.varint(place, end)
            number, wire = tag >> 3, tag & 7
            if wire == _VARINT:
                size, place = 0, self.varint(place, end)[1]
            elif wire == _BYTES:
                size, place = self.varint(place, end)
            elif wire in (_FIXED32, _FIXED64):
                size = 4 if wire == _FIXED32 else 8
            else:
                raise EdgeError("the network is not an ONNX file")
            if place + size > end:
                raise EdgeError("the network is cut off")
            self.beside += place - start
            if wire == _BYTES and number in inside:
                self.walk(place, place + size, inside[number])
            elif not (wire == _BYTES and message == "tensor" and number in _WEIGHTS):
                self.beside += size
            if self.beside > MOST_BESIDE:
                raise EdgeError(
                    f"the network has more than {MOST_BESIDE >> 20} MiB besides its weights, which may be kept as raw "
                    "data or floats alone"
                )
            place += size

    def varint(self, place: int, end: int) -> tuple[int, int]:
        """A number of up to ten bytes, and the offset after it."""
        value = 0
        for shift in range(0, 70, 7):
            if place >= end:
                raise EdgeError("the network is cut off")
            byte = self.data[place]
            value |= (byte & 127) << shift
            place += 1
            if byte < 128:
                return value, place
        raise EdgeError("the network is not an ONNX file")


def check_parts(data: bytes) -> None:
    """Refuse data that could grow to many times its size when parsed.

    Raises:
        EdgeError: it could, or is not a protocol buffer.
    """
    _Count(data).walk(0, len(data), "model")
