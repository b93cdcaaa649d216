"""The file length that a video's headers promise: a truncated recording is shorter.

FFmpeg decodes a truncated file without complaint, and may even fill the missing part of its last picture with grey.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_HEADER = 32  # bytes that hold the fields read below
_MOST_BOXES = 100_000  # bounds the work on a corrupt file


def is_cut_off(path: Path) -> bool:
    """True where an AVI, MP4, MOV, MKV or WebM file ends before the end that its headers promise."""
    with path.open("rb") as file:
        length = path.stat().st_size
        promised = promised_length(file, length)
    return promised is not None and promised > length


def promised_length(file: BinaryIO, length: int) -> int | None:
    """Bytes that the headers account for.

    Args:
        file: open for reading, at any position.
        length: actual bytes.

    Returns:
        The promised length, or None if the format is unknown or leaves its length open.
    """
    head = _at(file, 0)
    if head[:4] == b"RIFF":
        return _riff(file, length)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _boxes(file, length)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _matroska(file, head)
    return None


def _at(file: BinaryIO, position: int) -> bytes:
    file.seek(position)
    return file.read(_HEADER)


def _riff(file: BinaryIO, length: int) -> int | None:
    """AVI: chunks called RIFF, one after the other, each at most 4 GiB."""
    end = 0
    for _ in range(_MOST_BOXES):
        head = _at(file, end)
        if head[:4] != b"RIFF" or len(head) < 8:
            return end
        size = int.from_bytes(head[4:8], "little")
        if size in (0, 0xFFFFFFFF):  # written to a pipe: the length is unknown
            return None
        end += 8 + size + size % 2
        if end >= length:
            # The padding byte of the last chunk is often missing.
            return end - size % 2
    return None


def _boxes(file: BinaryIO, length: int) -> int | None:
    """MP4, MOV: boxes one after the other."""
    end = 0
    for _ in range(_MOST_BOXES):
        if end >= length:
            return end
        head = _at(file, end)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size == 0 or not head[4:8].isalnum():  # to the end of the file; or something appended that is no box
            return None
        if size < 8:
            return None
        end += size
    return None


def _matroska(file: BinaryIO, head: bytes) -> int | None:
    """MKV, WebM: one header element and one segment."""
    header = _element_size(head[4:])
    if header is None:
        return None
    start = 4 + header[0] + header[1]
    segment = _at(file, start)
    size = _element_size(segment[4:]) if segment[:4] == b"\x18\x53\x80\x67" else None
    return None if size is None else start + 4 + size[0] + size[1]


def _element_size(data: bytes) -> tuple[int, int] | None:
    """An EBML length: its size in bytes, and its value; None if it is unknown or invalid."""
    if not data or not data[0]:
        return None
    width = 9 - data[0].bit_length()
    if len(data) < width:
        return None
    value = int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else (width, value)
