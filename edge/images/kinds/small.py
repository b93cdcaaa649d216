"""WebP, JPEG 2000, BMP, AVIF and HEIC: checks before Pillow decodes them."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import BinaryIO

import numpy as np
from PIL import Image

from edge.images.kinds.j2k import START, check_tiles, depth_of
from edge.images.limits import CUT_OFF, RefusedError, check_size
from edge.images.samples import Stored, White, picture_of, white_of

_WEBP_SPARE = 8  # bytes; the coder may be done up to three before the end


def check_header(head: bytes) -> None:
    """Refuse what Pillow would allocate too much memory for when opening it, or would convert silently.

    Args:
        head: the first bytes of the file.

    Raises:
        RefusedError: a WebP is too large, or the samples of a JPEG 2000 are signed or too wide.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and (size := _webp_size(head)) is not None:
        check_size(*size)
    if (at := head.find(START)) >= 0 and (at == 0 or head[4:8] == b"jP  "):
        number = int.from_bytes(head[at + 40 : at + 42], "big")
        if any(each & 0x80 or each >= 16 for each in head[at + 42 : at + 42 + 3 * number : 3]):
            raise RefusedError("holds signed samples or more than 16 bits: save it as PNG with 8 or 16 bits")


def _webp_size(head: bytes) -> tuple[int, int] | None:
    if head[12:16] == b"VP8X" and len(head) >= 30:
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L" and len(head) >= 25:
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if head[12:16] == b"VP8 " and len(head) >= 30:
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def load(image: Image.Image, file: BinaryIO, bits: int | None) -> Stored:
    """Decode what Pillow has opened.

    Args:
        image: as opened.
        file: the same file.
        bits: how many of 16 bits count, as the user says; None for what the file says.

    Raises:
        RefusedError: it is cut off.
    """
    if image.format == "WEBP":
        file.seek(0)
        _check_webp(file.read())
    if image.format == "HEIF" and image.info.get("bit_depth", 8) > 8:
        return _deep_heif(image.info["bit_depth"], file)
    data = b""
    if image.format == "JPEG2000":
        file.seek(0)
        data = file.read()
        check_tiles(data)
    image.load()
    if not image.mode.startswith("I;16"):  # grey JPEG 2000
        return Stored(image)
    samples, depth = np.asarray(image).astype(np.uint16, copy=False), depth_of(data)
    return picture_of(samples, _scaled_up(depth) if depth < 16 else white_of(samples, bits, None))


def _scaled_up(depth: int) -> White:
    """White for samples of ``depth`` bits, stored in the upper bits of 16."""
    return White(((1 << depth) - 1) << (16 - depth))


def _deep_heif(depth: int, file: BinaryIO) -> Stored:
    """HEIC of 10 or 12 bits."""
    import pillow_heif

    file.seek(0)
    heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
    return picture_of(np.asarray(heif), _scaled_up(depth), heif.mode.startswith(("RGBA", "LA")))


def _check_webp(data: bytes) -> None:
    """Refuse a lossy WebP whose picture is complete before its data ends, as is usual after damage.

    Its arithmetic decoder accepts any bytes. But in an intact file it needs every byte, up to the last few.
    """
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise RefusedError(CUT_OFF)
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"VP8 ":
            cut = data[at + 8 : at + 8 + max(0, length - _WEBP_SPARE)]
            body = b"WEBPVP8 " + len(cut).to_bytes(4, "little") + cut + bytes(len(cut) % 2)
            with contextlib.suppress(OSError, ValueError, EOFError):
                Image.open(io.BytesIO(b"RIFF" + len(body).to_bytes(4, "little") + body), formats=("WEBP",)).load()
                raise RefusedError("is damaged: its data goes on behind the picture; copy it again from its source")
        at += 8 + length + length % 2
