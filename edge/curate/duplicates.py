"""Photographs that are in an archive several times: the same bytes, or the same picture saved again."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BANDS = 16  # of a hash of 256 bits: two that differ in fewer bits than this have a band alike
NEAR = BANDS - 1
_BYTES = 32
_CROWD = 2000  # photographs with a band alike, beyond which it says little: all black, or empty
_ONES = np.array([bin(value).count("1") for value in range(1 << 16)], np.uint8)


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Groups of photographs, each of two or more.

    Attributes:
        exact: int64 (rows,), the first row with the same bytes; -1 where there is no other.
        near: int64 (rows,), the first row of the same picture, by bytes or by look; -1 where there is no other.
        crowded: photographs so like many others that they were compared only with those most like them.
    """

    exact: NDArray[np.int64]
    near: NDArray[np.int64]
    crowded: int = 0


def find_duplicates(sha256: Any, looks: Any, distance: int = NEAR) -> Duplicates:
    """Find them.

    Args:
        sha256: column of the table, a ``pyarrow.ChunkedArray`` of hexadecimal text; empty where unknown.
        looks: column ``hash``, likewise.
        distance: bits of 256 in which two hashes of one picture may differ, at most ``NEAR``.
    """
    exact = _first_of(sha256)
    groups = _Groups(len(exact))
    for row in np.flatnonzero(exact >= 0):
        groups.join(int(exact[row]), int(row))
    own = (exact < 0) | (exact == np.arange(len(exact)))
    pattern = f"^[0-9a-f]{{{2 * _BYTES}}}$"
    known = importlib.import_module("pyarrow.compute").match_substring_regex(looks, pattern).to_numpy()
    rows = np.flatnonzero(own & known.astype(bool))
    bits = np.frombuffer(bytes.fromhex("".join(looks.take(rows).to_pylist())), np.uint8).reshape(-1, _BYTES)
    order = np.lexsort(bits.T[::-1])
    rows, bits = rows[order], bits[order]
    alike = (bits[1:] == bits[:-1]).all(axis=1)
    for place in np.flatnonzero(alike):
        groups.join(int(rows[place]), int(rows[place + 1]))
    once = np.r_[True, ~alike][: len(rows)]
    rows, crowded = rows[once], np.zeros(int(once.sum()), bool)
    for one, other in _near_pairs(bits[once], distance, crowded):
        groups.join(int(rows[one]), int(rows[other]))
    return Duplicates(exact, groups.first(), int(crowded.sum()))


def _near_pairs(bits: NDArray[np.uint8], distance: int, crowded: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Pairs of hashes that differ in few bits.

    Those that do have one of the bands alike: sorted by each band in turn they lie in one stretch, in which every hash
    is compared with the one behind it, with the second one behind it, and so on.

    Args:
        bits: uint8 (hashes, 32), sorted, each once.
        distance: bits.
        crowded: receives True for hashes in a stretch longer than ``_CROWD``.
    """
    shuffled = _shuffled(bits).view(np.uint16)
    for band in range(BANDS):
        order = np.argsort(shuffled[:, band], kind="stable")
        keys, ordered = shuffled[order, band], shuffled[order]
        places = np.arange(len(order))
        for step in range(1, _CROWD + 1):
            places = places[places < len(order) - step]
            places = places[keys[places] == keys[places + step]]
            if not len(places):
                break
            apart = _ONES[ordered[places] ^ ordered[places + step]].sum(axis=1)
            for place in places[apart <= distance]:
                yield int(order[place]), int(order[place + step])
        crowded[order[places]] = True


def _shuffled(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Hashes with their bits in another order, always the same: neighbours in a hash are alike."""
    order = np.random.default_rng(0).permutation(8 * _BYTES)
    made = np.empty_like(bits)
    for top in range(0, len(bits), 1 << 16):
        part = np.unpackbits(bits[top : top + (1 << 16)], axis=1)[:, order]
        made[top : top + (1 << 16)] = np.packbits(part, axis=1)
    return made


def _first_of(column: Any) -> NDArray[np.int64]:
    """For each row the first one with the same text; -1 where it is alone, or has none."""
    codes = column.combine_chunks().dictionary_encode()
    numbers, names = codes.indices.to_numpy(), codes.dictionary.to_pylist()
    first = np.full(len(names), len(numbers))
    np.minimum.at(first, numbers, np.arange(len(numbers)))
    several = np.bincount(numbers, minlength=len(names)) > 1
    several &= np.array([name != "" for name in names], bool)
    return np.where(several[numbers], first[numbers], -1)


class _Groups:
    """Groups that grow by pairs."""

    def __init__(self, rows: int) -> None:
        self._above = np.arange(rows)

    def join(self, one: int, other: int) -> None:
        """Two rows are in one group."""
        low, high = sorted((self._top(one), self._top(other)))
        self._above[high] = low

    def _top(self, row: int) -> int:
        above = self._above
        while above[row] != row:
            above[row] = above[above[row]]
            row = int(above[row])
        return row

    def first(self) -> NDArray[np.int64]:
        """For each row the first one of its group; -1 where it is alone."""
        top = self._above
        while not np.array_equal(top[top], top):
            top = top[top]
        return np.where(np.bincount(top, minlength=len(top))[top] > 1, top, -1)
