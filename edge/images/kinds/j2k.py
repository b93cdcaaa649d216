"""The tiles of a JPEG 2000: whether all are present. OpenJPEG silently leaves missing ones black."""

from __future__ import annotations

import struct
from collections import Counter

from edge.images.limits import INCOMPLETE, RefusedError

START = b"\xff\x4f\xff\x51"  # of the picture in the file
_TILE, _END = 0xFF90, 0xFFD9


def depth_of(data: bytes) -> int:
    """Bits per sample of the first channel; 16 where no header is found."""
    at = data.find(START)
    return (data[at + 42] & 0x7F) + 1 if 0 <= at < len(data) - 42 else 16


def check_tiles(data: bytes) -> None:
    """Walk from one part of a tile to the next, and count.

    Args:
        data: a file, or the picture alone.

    Raises:
        RefusedError: a tile, or a part of one, is missing.
    """
    at = data.find(START)
    if at < 0 or at + 40 > len(data):
        raise RefusedError(INCOMPLETE)
    right, bottom, _, _, width, height, left, top = struct.unpack_from(">8I", data, at + 8)
    if not width or not height:
        raise RefusedError("is damaged: its tiles have no size; copy it again from its source")
    tiles = -(-(right - left) // width) * -(-(bottom - top) // height)
    parts, claimed = Counter[int](), dict[int, int]()
    at += 2
    while at + 12 <= len(data):
        mark, length = struct.unpack_from(">HH", data, at)
        if mark != _TILE:
            if mark == _END or parts:
                break
            at += 2 + length  # still in front of the first tile
            continue
        tile, size, _, number = struct.unpack_from(">HIBB", data, at + 4)
        parts[tile] += 1
        claimed[tile] = max(number, claimed.get(tile, 0))  # 0 where a part does not say
        if not size:  # the last one, up to the end
            break
        at += max(size, 12)
    if len(parts) < tiles or any(parts[tile] < number for tile, number in claimed.items()):
        raise RefusedError(INCOMPLETE)
