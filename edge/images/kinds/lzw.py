"""How many bytes an LZW strip of a TIFF expands to, without expanding it.

LZW has no checksum. But a damaged code is another string of another length, which changes all strings after it, so that
the total length is almost never right. A table runs from one Clear to the next: within it, the position of every code
is known, and the length of every string follows from that of the string it continues.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CLEAR, _END, _FIRST = 256, 257, 258
_MOST_CODES = 4096  # of one table; a writer has to clear it before
# Codes after a Clear grow by a bit when the next entry would not fit; TIFF does so one entry early.
_ENTRIES = _FIRST + np.maximum(np.arange(_MOST_CODES) - 1, 0)
_WIDTHS = np.select([_ENTRIES <= 510, _ENTRIES <= 1022, _ENTRIES <= 2046], [9, 10, 11], 12)
_PLACES = np.concatenate([[0], np.cumsum(_WIDTHS)[:-1]])  # in bits, from the first code


def unfolded_lzw(strip: bytes, expected: int) -> int:
    """The length of a strip.

    Args:
        strip: LZW of TIFF 6.0, the highest bit first.
        expected: the right number of bytes; counting stops far above it.

    Returns:
        Bytes, or -1 where a code is invalid or the end is missing.
    """
    data = np.frombuffer(strip + bytes(4), np.uint8)
    end, at, done = 8 * len(strip), 0, 0
    while at + 9 <= end:
        if at == 0 and int(data[0]) << 1 | int(data[1]) >> 7 != _CLEAR:
            return -1  # the old kind, or none
        codes, at, ended = _table(data, at, end)
        length = _length(codes)
        if length < 0:
            return -1
        done += length
        if ended or done > expected:
            return done
    return done


def _table(data: NDArray[np.uint8], at: int, end: int) -> tuple[NDArray[np.int64], int, bool]:
    """The codes from a bit up to the next Clear or the end, the bit after it, and whether it was the end."""
    places = _PLACES + at
    fit = int(np.searchsorted(places + _WIDTHS, end, side="right"))
    places, widths = places[:fit], _WIDTHS[:fit]
    byte = places >> 3
    window = data[byte].astype(np.int64) << 16 | data[byte + 1].astype(np.int64) << 8 | data[byte + 2]
    codes = window >> (24 - (places & 7) - widths) & ((1 << widths) - 1)
    stops = np.flatnonzero((codes == _CLEAR) | (codes == _END))
    if not len(stops):  # writers may leave the end out
        return codes, end, True
    stop = int(stops[0])
    return codes[:stop], int(places[stop] + widths[stop]), bool(codes[stop] == _END)


def _length(codes: NDArray[np.int64]) -> int:
    """The bytes of all strings of one table, or -1."""
    number = np.arange(len(codes))
    literal = codes < _CLEAR
    # Code ``i`` makes entry ``i - 1``: the string of code ``i - 1`` and one byte.
    if ((codes - _FIRST >= number) & ~literal).any():
        return -1
    parent = np.where(literal, number, codes - _FIRST)
    length = (~literal).astype(np.int64)
    while (parent != parent[parent]).any():
        length = length + length[parent] * (parent != number)
        parent = parent[parent]
    return int(length.sum()) + len(codes)
