"""How large a picture may be, and how much time and memory reading one may take; the same for every kind of file."""

from __future__ import annotations

import math
import zlib

SMALLEST = 32  # pixels on a side
MOST_PIXELS = 120_000_000
MOST_BYTES = 512 << 20  # of a file, and of its samples unfolded
BITS = (10, 12, 14, 16)  # how many of a 16-bit sample can be said to count

SECONDS = 8.0  # for one file
LAST_SECONDS = 10.0  # after which a decoder ends itself, if no other process does
START_SECONDS = 30.0  # for the decoder itself to start, which a slow disk may delay
MOST_MEMORY = 1100 << 20  # that a decoder may take besides its own code
LARGE_PIXELS = 30_000_000  # larger pictures are decoded one at a time
_PIECE = 1 << 20  # bytes inflated at a time

CUT_OFF = "is cut off: its last part is missing; copy it again from its source"
INCOMPLETE = "is damaged or cut off: a part of its pixels is missing; copy it again from its source"
TWO_SIZES = "is damaged: its header gives two sizes; copy it again from its source"


class RefusedError(Exception):
    """Why a file is not read: the rest of a sentence that starts with its name, without the full stop."""


def check_size(width: int, height: int, sample_bytes: float = 3) -> None:
    """Refuse a picture by what its header says, before a pixel is decoded.

    Args:
        width, height: in pixels.
        sample_bytes: bytes of one pixel unfolded.

    Raises:
        RefusedError: it is too small or too large.
    """
    size = f"has {width} x {height} pixels"
    if min(width, height) < SMALLEST:
        raise RefusedError(f"{size}, fewer than {SMALLEST} on a side: give the original photograph")
    if width * height > MOST_PIXELS:
        raise RefusedError(
            f"{size}, more than the {MOST_PIXELS // 1_000_000} megapixels that are read: save it smaller"
        )
    if width * height * sample_bytes > MOST_BYTES:
        raise RefusedError(f"{size} and unfolds to more than {MOST_BYTES >> 20} MiB: save it smaller or with 8 bits")


def inflated(inflater: zlib._Decompress, data: bytes | memoryview, most: float = math.inf) -> int:
    """Count the bytes that Deflate data expands to, without keeping them.

    Args:
        inflater: continues where it stopped.
        data: compressed.
        most: bytes after which counting stops.

    Raises:
        zlib.error: it is damaged.
    """
    done = 0
    while data and not inflater.eof and done <= most:
        done += len(inflater.decompress(data, _PIECE))
        data = inflater.unconsumed_tail
    return done
