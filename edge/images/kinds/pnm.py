"""PNM whose white is not 255: there Pillow takes minutes, which numpy does not, and keeps 8 bits of a 16-bit colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.images.limits import CUT_OFF, RefusedError
from edge.images.samples import Stored, White, picture_of, white_of


def load(image: Image.Image, data: bytes, bits: int | None) -> Stored:
    """Decode a PNM that Pillow has opened.

    Args:
        image: as opened.
        data: the whole file.
        bits: how many of 16 bits count, where the file only says that its white is 65535.

    Raises:
        RefusedError: it is cut off, or of a kind with other than whole numbers.
    """
    white, raw = _white(image)
    if image.mode == "F":
        raise RefusedError("holds floating-point samples: save it with 8 or 16 bits")
    if white <= 255 and raw:
        image.load()
        return Stored(image)
    if data[:2] in (b"P5", b"P6"):
        samples = _samples(image, data, white)
        full = white_of(samples, bits, None) if white == 65535 else White(white)
    else:  # plain text: Pillow scales to 8 or 16 bits
        image.load()
        if image.mode != "I":
            return Stored(image)
        samples, full = np.asarray(image).astype(np.uint16), White(65535)
    return picture_of(samples, full)


def _white(image: Image.Image) -> tuple[int, bool]:
    """The sample that means white, and whether Pillow decodes it in C."""
    tile = image.tile[0]  # type: ignore[attr-defined]
    if tile.codec_name != "raw":
        return int(tile.args[-1]) if isinstance(tile.args, tuple) else 1, False
    mode = tile.args if isinstance(tile.args, str) else tile.args[0]
    return (65535, False) if mode.startswith("I;16") else (255, True)


def _samples(image: Image.Image, data: bytes, white: int) -> NDArray[np.unsignedinteger]:
    """(H, W) or RGB (H, W, 3)."""
    shape = (image.height, image.width, 3) if data[:2] == b"P6" else (image.height, image.width)
    kind = np.dtype(">u2" if white > 255 else "u1")
    start, count = image.tile[0].offset, int(np.prod(shape))  # type: ignore[attr-defined]
    if start + count * kind.itemsize > len(data):
        raise RefusedError(CUT_OFF)
    return np.frombuffer(data, kind, count, start).reshape(shape)
