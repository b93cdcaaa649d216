"""PNG: its checksums, whether all rows are present, and samples of 16 bits."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.images.limits import CUT_OFF, TWO_SIZES, RefusedError, check_size, inflated
from edge.images.samples import Stored, picture_of, white_of

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_ROWS = 1 << 8  # of samples put together at a time
# Column and row of the first pixel of each pass, and the steps to the next.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
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
        """Uncompressed bytes of all rows, each with its filter byte."""
        bits = self.depth * _CHANNELS[self.colour]
        passes = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for left, top, right, down in passes:
            columns, rows = -(-(self.width - left) // right), -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                total += rows * (1 + -(-columns * bits // 8))
        return total


def load(image: Image.Image, data: bytes, bits: int | None) -> Stored:
    """Decode a PNG that Pillow has opened.

    Args:
        image: as opened.
        data: the whole file.
        bits: how many of 16 bits count, as the user says; None for what the file says.

    Raises:
        RefusedError: it is damaged or cut off.
    """
    header = _check(data)
    if header.depth != 16:
        image.load()
        return Stored(image)
    samples, alpha = _samples(image, data, header), header.colour in (4, 6)
    colours = samples[:, :, :-1] if alpha else samples
    white = white_of(colours, bits, _claimed(colours, header.significant))
    key = image.info.get("transparency")
    if key is not None and not alpha:  # this colour is transparent, and so black
        samples[samples == key if samples.ndim == 2 else (samples == np.asarray(key)).all(axis=2)] = 0
    return picture_of(samples, white, alpha)


def _samples(image: Image.Image, data: bytes, header: _Header) -> NDArray[np.uint16]:
    """16-bit samples, grey (H, W) or (H, W, channels). Pillow keeps one byte per colour, so it decodes them twice."""
    if header.colour == 0:
        return np.array(image).astype(np.uint16, copy=False)
    if header.colour == 4:  # a pixel has four bytes, as one of RGBA has
        return np.asarray(_again(data, "RGBA", "RGBA")).view(">u2").astype(np.uint16)
    mode = "RGB" if header.colour == 2 else "RGBA"
    samples = np.zeros((header.height, header.width, len(mode)), np.uint16)
    # The upper byte; and the lower, as if it were the upper one.
    for rawmode, shift in ((f"{mode};16B", 8), (f"{mode};16L", 0)):
        half = _again(data, mode, rawmode)
        for top in range(0, header.height, _ROWS):
            rows = samples[top : top + _ROWS]
            rows |= np.asarray(half.crop((0, top, header.width, top + len(rows)))).astype(np.uint16) << shift
    return samples


def _again(data: bytes, mode: str, rawmode: str) -> Image.Image:
    """The picture, with its bytes interpreted in another way."""
    image = Image.open(io.BytesIO(data), formats=("PNG",))
    image._mode = mode
    image.tile = [tile._replace(args=rawmode) for tile in image.tile]
    image.load()
    return image


def _claimed(samples: NDArray[np.uint16], significant: int | None) -> int | None:
    """The brightest sample of a file with fewer significant bits.

    By the standard its samples are scaled to 16 bits, but some programs store them in the lower bits. Those samples
    have other values in the bits that scaling leaves empty or fills with the upper ones.
    """
    if significant is None or not 8 < significant < 16:
        return None
    shift = 16 - significant
    upper = samples >> shift << shift
    scaled = (samples == upper) | (samples == (upper | samples >> significant))
    return 65535 if scaled.all() else (1 << significant) - 1


def _check(data: bytes) -> _Header:
    """Read all chunks to the last; Pillow ignores the checksums of the pixels, and leaves missing rows black."""
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
            if header is not None:  # a smaller one after the pixels would need fewer rows
                raise RefusedError(TWO_SIZES)
            width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", body)
            check_size(width, height, depth * _CHANNELS[colour] / 8)
            header = (width, height, depth, colour, bool(interlaced))
        elif name == b"sBIT":
            significant = max(body, default=None)
        elif name == b"IDAT" and not inflater.eof:
            try:
                done += inflated(inflater, body)
            except zlib.error:
                raise RefusedError(_DAMAGED) from None
        elif name == b"IEND" and header is not None:
            whole = _Header(*header, significant)
            if done < whole.unfolded:
                raise RefusedError(CUT_OFF)
            return whole
        at = end
    raise RefusedError(CUT_OFF)
