"""What an image file says of itself before it is decoded: kind, size, orientation, and whether it is all there.

Decoders are forgiving: half a JPEG comes out as a picture whose lower half is grey, and a header of a few bytes can
ask for gigabytes. So the structure of a file is walked first, to its end, without decoding a pixel.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

import numpy as np

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)  # stuffed bytes, restarts and fill are data
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_CUT_OFF = "is damaged or cut off: its last part is missing"
_DAMAGED = "is damaged: its inner structure makes no sense"
_DEFLATE = (8, 32946)  # the TIFF compressions whose strips carry a checksum
_PIECE = 1 << 20  # bytes inflated at a time
_TIFF_TYPES = {1: "u1", 3: "u2", 4: "u4"}  # bytes, shorts and longs: all that is asked for


class HeaderError(Exception):
    """Why a file cannot be read, as the rest of a sentence that starts with its name."""


@dataclass(frozen=True)
class Header:
    """What is known of an image without decoding it.

    Attributes:
        kind: ``JPEG``, ``PNG``, ``TIFF``, ``BMP``, ``WebP`` or ``PNM``.
        width, height: in pixels, as stored.
        orientation: EXIF orientation still to be applied, 1 to 8; 1 = upright.
        buffered: a JPEG that has to be held in memory as a whole even when it is decoded reduced.
        alpha_applied: the decoder hands the colours over already multiplied by the alpha channel.
        brightest: the sample that means white, where the file says so; 0 where it is the largest of its type.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    buffered: bool = False
    alpha_applied: bool = False
    brightest: int = 0


def read_header(data: bytes) -> Header:
    """Walk the structure of an image file.

    Args:
        data: the whole file.

    Raises:
        HeaderError: the file is of no known kind, cut off, damaged, or of a form that is not read.
    """
    for found, read in (
        (data[:3] == b"\xff\xd8\xff", _jpeg),
        (data[:8] == PNG_SIGNATURE, _png),
        (data[:4] in (b"II*\0", b"MM\0*"), _tiff),
        (data[:2] == b"BM", _bmp),
        (data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
        (data[:2] in (b"P5", b"P6"), _pnm),
    ):
        if found:
            try:
                return read(data)
            except (struct.error, ValueError, IndexError, KeyError):
                raise HeaderError(_DAMAGED) from None
    if data[:4] in (b"II+\0", b"MM\0+"):
        raise HeaderError("is a BigTIFF, which is not read: save it as an ordinary TIFF or PNG")
    if data[128:132] == b"DICM":
        raise HeaderError("is a DICOM file, which is not read: export the picture in it as PNG")
    raise HeaderError("is not an image that is read (JPEG, PNG, TIFF, BMP, WebP, binary PNM): convert it to PNG")


def _jpeg(data: bytes) -> Header:
    at, size, orientation, buffered, scanned = 2, (0, 0), 1, False, False
    components = 0
    while match := _JPEG_MARKER.search(data, at):
        marker, at = match[1][0], match.end()
        if marker == 0xD9:
            if not scanned or not all(size):
                raise HeaderError(_DAMAGED)
            return Header("JPEG", *size, orientation=orientation, buffered=buffered)
        if marker in (0x01, 0xD8):  # these two stand alone
            continue
        if at + 2 > len(data):
            break
        body = data[at + 2 : at + int.from_bytes(data[at : at + 2], "big")]
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
        if marker in _JPEG_FRAMES:
            height, width, components = struct.unpack_from(">xHHB", body)
            size, buffered = (width, height), marker not in (0xC0, 0xC1)
        elif marker == 0xE1 and body[:6] == b"Exif\0\0" and orientation == 1:
            orientation = _exif_orientation(body[6:])
        elif marker == 0xDA:
            buffered |= body[0] < components  # one colour after the other
            scanned = True
    raise HeaderError(_CUT_OFF)


def _png(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    at, orientation = len(PNG_SIGNATURE), 1
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        body = memoryview(data)[at + 4 : end - 4]
        if zlib.crc32(body) != int.from_bytes(data[end - 4 : end], "big"):
            raise HeaderError(_DAMAGED)
        if name == b"eXIf":
            orientation = _exif_orientation(bytes(body[4:]))
        if name == b"IEND":
            return Header("PNG", width, height, orientation=orientation)
        at = end
    raise HeaderError(_CUT_OFF)


def _tiff(data: bytes) -> Header:
    """The first page; OpenCV turns TIFFs upright itself, so no orientation is left to apply."""
    tags = _tiff_tags(data)
    if any(code != 1 for code in tags.get(339, [1])) or max(tags.get(258, [1])) > 16:
        raise HeaderError("holds signed, floating-point or 32-bit samples: save it with 8 or 16 bits per channel")
    for offsets, counts in ((273, 279), (324, 325)):  # strips, tiles
        ends = [start + size for start, size in zip(tags.get(offsets, []), tags.get(counts, []), strict=False)]
        if max(ends, default=0) > len(data):
            raise HeaderError(_CUT_OFF)
        if tags.get(259, [1])[0] in _DEFLATE:
            for start, end in zip(tags.get(offsets, []), ends, strict=False):
                _inflate(data[start:end])
    # libtiff multiplies 8-bit colours by alpha; 16-bit ones are as stored (extra sample 2: not multiplied).
    applied = max(tags.get(258, [1])) <= 8 or tags.get(338, [0])[0] != 2
    return Header("TIFF", tags[256][0], tags[257][0], alpha_applied=applied)


def _inflate(strip: bytes) -> None:
    """Refuse a damaged strip: libtiff leaves its pixels blank and OpenCV passes that off as a picture."""
    inflater = zlib.decompressobj()
    try:
        while strip and not inflater.eof:
            inflater.decompress(strip, _PIECE)
            strip = inflater.unconsumed_tail
    except zlib.error:
        raise HeaderError(_DAMAGED) from None
    if not inflater.eof:
        raise HeaderError(_DAMAGED)


_TIFF_TAGS = {256, 257, 258, 259, 273, 274, 279, 324, 325, 338, 339}  # those that are asked for


def _tiff_tags(data: bytes) -> dict[int, list[int]]:
    """The whole-numbered tags of the first directory of a TIFF structure."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    if at + 2 > len(data):  # most writers put the directory last
        raise HeaderError(_CUT_OFF)
    (entries,) = struct.unpack_from(f"{order}H", data, at)
    if at + 2 + 12 * entries > len(data):
        raise HeaderError(_CUT_OFF)
    tags: dict[int, list[int]] = {}
    # No others: a file may hold thousands, each as large as the file.
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, entry)
        if tag not in _TIFF_TAGS or kind not in _TIFF_TYPES or not count:
            continue
        number = np.dtype(order + _TIFF_TYPES[kind])
        inline = count * number.itemsize <= 4
        where = entry + 8 if inline else struct.unpack_from(f"{order}I", data, entry + 8)[0]
        if where + count * number.itemsize > len(data):
            raise HeaderError(_CUT_OFF)
        tags[tag] = np.frombuffer(data, number, count, where).tolist()
    return tags


def _exif_orientation(exif: bytes) -> int:
    """Orientation in an EXIF block; 1 where the block is broken, as viewers do."""
    try:
        orientation = _tiff_tags(exif).get(274, [1])[0]
    except (struct.error, ValueError, HeaderError):
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _bmp(data: bytes) -> Header:
    pixels, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        packing = 0
    else:
        width, height, _, bits, packing = struct.unpack_from("<iiHHI", data, 18)
    if packing in (0, 3) and pixels + (abs(width) * bits + 31) // 32 * 4 * abs(height) > len(data):
        raise HeaderError(_CUT_OFF)
    return Header("BMP", abs(width), abs(height))


def _webp(data: bytes) -> Header:
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise HeaderError(_CUT_OFF)
    if data[12:16] == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
        return Header("WebP", width, height)
    if data[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if data[12:16] != b"VP8X":
        raise HeaderError(_DAMAGED)
    if data[20] & 2:
        raise HeaderError("is an animated WebP, which is not read: save one picture of it as PNG")
    width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    at, orientation = 12, 1
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            orientation = _exif_orientation(data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    return Header("WebP", width, height, orientation=orientation)


def _pnm(data: bytes) -> Header:
    match = re.match(rb"P([56])(?:\s|#[^\n]*\n)+(\d+)\s+(\d+)\s+(\d+)\s", data[:1024])
    if match is None:
        raise HeaderError(_DAMAGED)
    width, height, brightest = int(match[2]), int(match[3]), int(match[4])
    samples = width * height * (3 if match[1] == b"6" else 1)
    if match.end() + samples * (2 if brightest > 255 else 1) > len(data):
        raise HeaderError(_CUT_OFF)
    return Header("PNM", width, height, brightest=brightest)
