"""PNG: its checksums, that its rows are all there, and samples of 16 bits."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.images.limits import RefusedError
from edge.images.samples import full_scale, grey_to_bgr, table_of

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_PIECE = 1 << 20  # bytes inflated at a time
# Column and row of the first pixel of each pass, and the steps to the next.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CUT_OFF = "is cut off: its last part is missing; copy it again from its source"
_DAMAGED = "is damaged: a checksum is wrong; copy it again from its source"


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    significant: int | None  # bits of a sample, where the file says so

    @property
    def unfolded(self) -> int:
        """Bytes of all rows, each with its filter in front."""
        bits = self.depth * _CHANNELS[self.colour]
        passes = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for left, top, right, down in passes:
            columns, rows = -(-(self.width - left) // right), -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                total += rows * (1 + -(-columns * bits // 8))
        return total


def load(image: Image.Image, data: bytes, bits: int | None) -> Image.Image | NDArray[np.uint8]:
    """Decode a PNG that Pillow has opened.

    Args:
        image: as opened.
        data: the whole file.
        bits: how many of 16 bits count, as the user says; None for what the file says.

    Returns:
        Pillow's image, or uint8 BGR (H, W, 3) of samples that Pillow would cut to 8 bits, or not convert.

    Raises:
        RefusedError: it is damaged or cut off.
    """
    header = _check(data)
    key = image.info.get("transparency")
    if (
        header.depth != 16
        or header.colour in (4, 6)
        or (header.colour == 2 and bits is None and header.significant is None and key is None)
    ):
        if header.depth == 16 and bits not in (None, 16):
            raise RefusedError("has alpha and 16 bits, which --bits does not cover: save it without alpha")
        image.load()
        return image
    samples = _samples(image, data, header)
    full = full_scale(samples, bits, _claimed(samples, header.significant))
    eight = table_of(full)[samples]
    if key is not None:  # this colour is transparent
        clear = samples == key if samples.ndim == 2 else (samples == np.asarray(key)).all(axis=2)
        eight[clear] = 0
    return grey_to_bgr(eight) if eight.ndim == 2 else eight[:, :, ::-1]


def _samples(image: Image.Image, data: bytes, header: _Header) -> NDArray[np.uint16]:
    """16-bit samples, (H, W) or RGB (H, W, 3): Pillow keeps one byte of a colour, so it is asked for either."""
    if header.colour == 0:
        return np.asarray(image).astype(np.uint16, copy=False)
    halves = []
    for rawmode in ("RGB;16B", "RGB;16L"):  # the upper byte; and the lower, as if it were the upper one
        again = Image.open(io.BytesIO(data), formats=("PNG",))
        again.tile = [tile._replace(args=rawmode) for tile in again.tile]
        halves.append(np.asarray(again, np.uint8).astype(np.uint16))
    return np.asarray(halves[0] << 8 | halves[1], np.uint16)


def _claimed(samples: NDArray[np.uint16], significant: int | None) -> int | None:
    """The brightest sample of a file with fewer significant bits.

    By the standard its samples are scaled up to 16 bits; but there are writers who leave them at the lower end. These
    have something in the bits that scaling leaves empty, or fills with the upper ones.
    """
    if significant is None or not 8 < significant < 16:
        return None
    shift = 16 - significant
    upper = samples >> shift << shift
    scaled = (samples == upper) | (samples == (upper | samples >> significant))
    return None if scaled.all() else (1 << significant) - 1


def _check(data: bytes) -> _Header:
    """Walk all chunks to the last; Pillow reads no checksum of the pixels, and takes missing rows for black."""
    at, header, significant, done = 8, None, None, 0
    inflater = zlib.decompressobj()
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        body = memoryview(data)[at + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(data[end - 4 : end], "big"):
            raise RefusedError(_DAMAGED)
        if name == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", body)
            header = (width, height, depth, colour, bool(interlaced))
        elif name == b"sBIT":
            significant = max(body, default=None)
        elif name == b"IDAT" and not inflater.eof:
            done += _inflated(inflater, body)
        elif name == b"IEND" and header is not None:
            whole = _Header(*header, significant)
            if done < whole.unfolded:
                raise RefusedError(_CUT_OFF)
            return whole
        at = end
    raise RefusedError(_CUT_OFF)


def _inflated(inflater: zlib._Decompress, body: bytes | memoryview) -> int:
    """How many bytes come out, without keeping them."""
    done = 0
    try:
        while body and not inflater.eof:
            done += len(inflater.decompress(body, _PIECE))
            body = inflater.unconsumed_tail
    except zlib.error:
        raise RefusedError(_DAMAGED) from None
    return done
