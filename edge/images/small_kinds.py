"""WebP, JPEG 2000, BMP, AVIF and HEIC: what has to be asked of them before Pillow decodes them."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.images.limits import RefusedError, check_size
from edge.images.samples import grey_to_bgr, table_of

_J2K_START = b"\xff\x4f\xff\x51"
_WEBP_SPARE = 8  # bytes; the coder may be done up to three before the end
_CUT_OFF = "is cut off: its last part is missing; copy it again from its source"


def check_header(head: bytes) -> None:
    """Refuse what Pillow would take memory for while it opens the file, or convert without a word.

    Args:
        head: the first bytes of the file.

    Raises:
        RefusedError: a WebP is too large, or the samples of a JPEG 2000 are signed or too wide.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and (size := _webp_size(head)) is not None:
        check_size(*size)
    if (at := head.find(_J2K_START)) >= 0 and (at == 0 or head[4:8] == b"jP  "):
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


def load(image: Image.Image, file: BinaryIO) -> Image.Image | NDArray[np.uint8]:
    """Decode what Pillow has opened.

    Raises:
        RefusedError: it is cut off.
    """
    if image.format == "WEBP":
        file.seek(0)
        _check_webp(file.read())
    image.load()
    if image.mode.startswith("I;16"):  # grey JPEG 2000, scaled up to 16 bits whatever it had
        return grey_to_bgr(table_of(65535)[np.asarray(image)])
    return image


def _check_webp(data: bytes) -> None:
    """Refuse a lossy WebP whose data goes on where the picture is complete, as it mostly does after damage.

    Its arithmetic coder takes any bytes for some picture. But of a whole file it needs every byte, to the last few.
    """
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise RefusedError(_CUT_OFF)
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
