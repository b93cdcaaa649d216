"""The strips and tiles of a TIFF: whether all are present and expand to the right size.

libtiff leaves rows blank where a strip is missing, accepts a strip that expands to too much, and drops the errors of
JPEG and Deflate. So each strip is expanded here a second time, only to measure it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

from edge.images.kinds import jpeg
from edge.images.kinds.lzw import unfolded_lzw
from edge.images.limits import INCOMPLETE, RefusedError, inflated

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_DAMAGED = "is damaged: a part of it does not unfold to what it should; copy it again from its source"


@dataclass(frozen=True)
class StripLayout:
    """How the pixels of a TIFF lie in the file.

    Attributes:
        width, height: in pixels, as stored.
        samples, bits: channels of a pixel, and bits of a channel.
        planar: one channel after the other.
        compression: the code of the standard.
        reversed_bits: the lowest bit of a byte comes first.
        subsampling: of the colours of a YCbCr file, across and down; None for others.
        tile: width and height of a tile; None where there are strips.
        rows: of a strip.
        offsets, counts: where each strip or tile begins, and its bytes.
    """

    width: int
    height: int
    samples: int
    bits: int
    planar: bool
    compression: int
    reversed_bits: bool
    subsampling: tuple[int, ...] | None
    tile: tuple[int, int] | None
    rows: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Width and height in pixels of each strip or tile, in the order of ``offsets``."""
        for _ in range(self.samples if self.planar else 1):
            if self.tile is not None:
                columns, rows = -(-self.width // self.tile[0]), -(-self.height // self.tile[1])
                for _ in range(columns * rows):
                    yield self.tile
            else:
                rows = max(1, self.rows)
                for top in range(0, self.height, rows):
                    yield self.width, min(rows, self.height - top)

    def unfolded(self, width: int, height: int) -> int:
        """Uncompressed bytes of a strip of this size."""
        if self.subsampling is not None and not self.planar and self.compression != 7:
            across, down = (max(1, step) for step in self.subsampling)
            return -(-width // across) * -(-height // down) * (across * down + 2) * self.bits // 8
        return -(-width * self.bits * (1 if self.planar else self.samples) // 8) * height


def check_strips(layout: StripLayout, data: mmap, tables: bytes) -> None:
    """Expand each strip or tile, and compare its size with the expected one.

    Args:
        layout: of the page.
        data: the file.
        tables: what JPEG strips share.

    Raises:
        RefusedError: a strip is missing, cut off or damaged.
    """
    sizes = list(layout.sizes())
    counts = layout.counts
    if not counts and layout.compression == 1:  # old writers leave them out
        counts = tuple(layout.unfolded(*size) for size in sizes)
    if len(layout.offsets) < len(sizes) or len(counts) < len(sizes):
        raise RefusedError(INCOMPLETE)
    for (width, height), start, count in zip(sizes, layout.offsets, counts, strict=False):
        if start + count > len(data) or not count:
            raise RefusedError(INCOMPLETE)
        expected = layout.unfolded(width, height)
        if layout.compression == 1:
            if count < expected:
                raise RefusedError(INCOMPLETE)
            continue
        strip = data[start : start + count]
        if layout.reversed_bits and layout.compression != 7:
            strip = strip.translate(_REVERSED)
        if layout.compression == 7:
            _check_jpeg(layout, strip, tables, (width, height))
        elif {5: unfolded_lzw, 32773: _packbits}.get(layout.compression, _inflated)(strip, expected) != expected:
            raise RefusedError(_DAMAGED)


def _check_jpeg(layout: StripLayout, strip: bytes, tables: bytes, size: tuple[int, int]) -> None:
    whole = tables[:-2] + strip[2:] if len(tables) > 4 else strip
    colours = {1: "GRAY", 3: "BGR", 4: "CMYK"}.get(1 if layout.planar else layout.samples)
    if colours is None:
        raise RefusedError("has an unusual number of channels: save it as grey or RGB")
    jpeg.decode(whole, colours, size)


def _inflated(strip: bytes, expected: int) -> int:
    """Bytes that Deflate expands to, with its checksum verified; -1 where it is wrong."""
    inflater = zlib.decompressobj()
    try:
        done = inflated(inflater, strip, expected)
    except zlib.error:
        return -1
    return done if inflater.eof else -1


def _packbits(strip: bytes, expected: int) -> int:
    """Bytes that PackBits expands to; -1 where it ends in the middle of a run."""
    at = done = 0
    while at < len(strip) and done < expected:
        head = strip[at]
        if head < 128:
            at += head + 2
            done += head + 1
        else:
            at += 1 if head == 128 else 2
            done += 0 if head == 128 else 257 - head
    return done if at <= len(strip) and len(strip) - at <= 2 else -1
