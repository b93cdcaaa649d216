"""Whether a source was compressed with loss, as DICOM records it: the method and the ratio."""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

JPEG = "ISO_10918_1"
_JPEG2000, _JPEG_LS, _MPEG2, _H264, _HEVC = "ISO_15444_1", "ISO_14495_1", "ISO_13818_2", "ISO_14496_10", "ISO_23008_2"
# DICOM's defined terms; others are allowed.
_OF_CODECS = {
    "mjpeg": JPEG,
    "jpeg": JPEG,
    "jpeg2000": _JPEG2000,
    "jpegls": _JPEG_LS,
    "mpeg1video": "ISO_11172_2",
    "mpeg2video": _MPEG2,
    "mpeg4": "ISO_14496_2",
    "h264": _H264,
    "hevc": _HEVC,
}
_OF_SYNTAXES = {b"50": JPEG, b"51": JPEG, b"81": _JPEG_LS, b"91": _JPEG2000, b"93": _JPEG2000}
_OF_TIFF = {6: JPEG, 7: JPEG, 34892: JPEG, 33003: _JPEG2000, 33005: _JPEG2000, 34712: _JPEG2000, 50001: "VP8"}
_HEAD = 1 << 16


@dataclass(frozen=True)
class Lossy:
    """How a picture was compressed with loss.

    Attributes:
        method: a term of DICOM (0028,2114); empty if unknown.
        ratio: bytes before compression by bytes after it.
    """

    method: str
    ratio: float


class Counter:
    """The mean compression of a source: a decoder does not say which packet a frame came from."""

    def __init__(self, method: str | None) -> None:
        """Set up.

        Args:
            method: a term of DICOM; None for a lossless source.
        """
        self.method = method
        self._bytes = self._frames = 0

    def came(self, size: int) -> None:
        """Count a compressed frame of so many bytes."""
        self._bytes, self._frames = self._bytes + size, self._frames + 1

    def lossy(self, picture_bytes: int) -> Lossy | None:
        """The compression of a picture of so many bytes, uncompressed."""
        if self.method is None:
            return None
        return Lossy(self.method, picture_bytes * self._frames / self._bytes if self._bytes else 1.0)


def method_of_codec(name: str, lossy: bool) -> str | None:
    """The method of an FFmpeg codec; one that can do both counts as lossy, which is the safe side."""
    return _OF_CODECS.get(name, re.sub(r"[^A-Z0-9_]", "_", name.upper())[:16]) if lossy else None


def lossy_file(path: Path, picture_bytes: int) -> Lossy | None:
    """The compression of an image file, by its content; None if it is lossless or cannot be read any more.

    Args:
        path: of the file.
        picture_bytes: of its picture, uncompressed.
    """
    try:
        with path.open("rb") as file:
            method = _method_of_file(file.read(_HEAD))
            size = os.fstat(file.fileno()).st_size
    except OSError:
        return None
    return None if method is None else Lossy(method, picture_bytes / max(1, size))


def _method_of_file(head: bytes) -> str | None:
    if head[:2] == b"\xff\xd8":
        return JPEG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return None if b"VP8L" in head else "VP8"
    if head[4:8] == b"ftyp":
        return "AV1" if b"avi" in head[8:64] else _HEVC
    if head[:4] == b"\xff\x4f\xff\x51" or head[4:8] == b"jP  ":
        at = head.find(b"\xff\x52")  # its last but one field is the wavelet: 1 is lossless
        return None if at >= 0 and head[at + 13 : at + 14] == b"\x01" else _JPEG2000
    if head[128:132] == b"DICM":
        return _method_of_dicom(head)
    return _method_of_tiff(head)


def _method_of_dicom(head: bytes) -> str | None:
    if syntax := re.search(rb"1\.2\.840\.10008\.1\.2\.4\.(50|51|81|91|93)\b", head[:1024]):
        return _OF_SYNTAXES[syntax[1]]
    if not re.search(rb"\x28\x00\x10\x21(CS\x02\x00|\x02\x00\x00\x00)01", head):
        return None
    found = re.search(rb"\x28\x00\x14\x21(?:CS..|....)([A-Z0-9_]{1,16})", head, re.DOTALL)
    return found[1].decode() if found else ""


def _method_of_tiff(head: bytes) -> str | None:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None:
        return None
    try:
        (at,) = struct.unpack_from(f"{order}I", head, 4)
        (entries,) = struct.unpack_from(f"{order}H", head, at)
        for entry in range(entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", head, at + 2 + 12 * entry)
            if tag == 259:
                return _OF_TIFF.get(value)
    except struct.error:  # the directory lies further on
        pass
    return None
