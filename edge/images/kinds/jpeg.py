"""JPEG: decoded by the same library as Pillow's, through an interface that reports damage.

libjpeg fills in what is missing or invalid, and warns about it. Pillow drops these warnings; simplejpeg raises them.
Its pixels are the same, so they are used where Pillow has no conversion of its own.
"""

from __future__ import annotations

import itertools
import re

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from edge.images.limits import TWO_SIZES, RefusedError
from edge.images.samples import Stored

_ENDS = 8  # end markers that are tried
_FACTORS = (8, 4, 2)  # what the inverse transform yields of its blocks by itself, in few operations
_UNREAD = {  # frame headers that no decoder here knows
    **dict.fromkeys((0xC3, 0xCB), "lossless"),
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "in layers"),
    0xF7: "JPEG-LS",
}
_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_PADDED = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")


def strictly(
    data: bytes | bytearray | memoryview | NDArray[np.uint8], colours: str, least: tuple[int, int] = (0, 0)
) -> NDArray[np.uint8]:
    """Decode with warnings as errors, except for zeros before the end marker, with which cameras pad.

    Args:
        data: the file.
        colours: as for ``decode``.
        least: width and height that are enough; (0, 0) for all that there is.

    Raises:
        ValueError: it is no JPEG, damaged or cut off.
    """
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, colours, False, False, *least[::-1]), dtype=np.uint8)
    except ValueError as error:
        if not _PADDED.fullmatch(str(error).strip()) or not _is_padded(bytes(data), colours):
            raise
        plain = simplejpeg.decode_jpeg(data, colours, False, False, *least[::-1], strict=False)
        return np.asarray(plain, dtype=np.uint8)


def _is_padded(data: bytes, colours: str) -> bool:
    """Whether only zeros come before the end of the first picture: another may follow, as in a motion photo.

    Its end is the first end marker up to which the decoder misses nothing; a preview in the header has one too.
    """
    for end in itertools.islice(re.finditer(rb"\xff\xd9", data), _ENDS):
        try:
            simplejpeg.decode_jpeg(data[: end.end()], colours)
        except ValueError as error:
            padded = _PADDED.fullmatch(str(error).strip())
            if padded is not None:
                return not any(data[max(0, end.start() - int(padded[1])) : end.start()])
    return False


def load(image: Image.Image, data: bytes, least: int | None = None) -> Stored:
    """Decode a JPEG that Pillow has opened.

    Args:
        image: opened.
        data: the whole file.
        least: length of the shorter side that is enough; None for all that there is.

    Raises:
        RefusedError: it is damaged or cut off.
    """
    if image.mode in ("L", "RGB"):
        factor = _factor(min(image.size), least)
        size = -(-image.width // factor), -(-image.height // factor)
        full = image.size if factor > 1 else None
        return Stored(decode(data, "BGR", size, size if factor > 1 else (0, 0)), full=full)
    decode(data, "CMYK", image.size)
    image.load()
    return Stored(image)


def _factor(shortest: int, least: int | None) -> int:
    """By how much the decoder may reduce a picture: the transform leaves out what is finer."""
    return 1 if not least else next((factor for factor in _FACTORS if shortest >= factor * least), 1)


def decode(
    data: bytes | memoryview, colours: str, size: tuple[int, int] | None = None, least: tuple[int, int] = (0, 0)
) -> NDArray[np.uint8]:
    """Decode strictly: a warning is an error.

    Args:
        data: from the first marker on; anything after the last one is ignored.
        colours: ``BGR``, ``CMYK`` or ``GRAY``.
        size: expected width and height.
        least: as for ``strictly``.

    Raises:
        RefusedError: it is damaged, cut off, of another size, or of a kind that is not read.
    """
    try:
        pixels = strictly(data, colours, least)
    except ValueError as error:
        refuse_unread(data)
        if "Insufficient memory" in str(error):
            raise MemoryError from None
        said = " ".join(str(error).split())[:120]
        raise RefusedError(f"is damaged or cut off ({said}): copy it again from its source") from None
    if size is not None and pixels.shape[1::-1] != size:
        raise RefusedError(TWO_SIZES)
    return pixels


def refuse_unread(data: bytes | memoryview) -> None:
    """Refuse a valid JPEG of a kind that no decoder here knows, as distinct from a damaged one.

    Raises:
        RefusedError: it is lossless, say, or has 12 bits a sample.
    """
    at = 2
    while at + 5 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _HEADERS:
            bits = data[at + 4]
            kind = _UNREAD.get(marker) or (f"{bits} bits a sample" if 8 < bits <= 16 else "")
            if kind:
                raise RefusedError(f"is a JPEG of a kind that is not read ({kind}): convert it to PNG")
            return
        lone = marker in _ALONE or marker == 0xFF  # the last is only there to fill
        at += (1 if marker == 0xFF else 2) if lone else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
