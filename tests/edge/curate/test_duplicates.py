from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.curate import duplicates
from edge.curate.duplicates import NEAR, find_duplicates

pa = pytest.importorskip("pyarrow")


def column(*texts: str) -> object:
    return pa.chunked_array([list(texts)], pa.string())


def hashes(bits: NDArray[np.uint8]) -> list[str]:
    return [row.tobytes().hex() for row in np.packbits(bits, axis=1)]


def brute_force(bits: NDArray[np.uint8], distance: int) -> list[int]:
    """The first of each group, pair by pair."""
    first = list(range(len(bits)))
    for one in range(len(bits)):
        for other in range(one):
            if np.count_nonzero(bits[one] != bits[other]) <= distance:
                low, high = sorted((first[one], first[other]))
                first = [low if each == high else each for each in first]
    return [each if first.count(each) > 1 else -1 for each in first]


def test_the_same_bytes_are_one_group_and_none_are_none() -> None:
    found = find_duplicates(column("a", "b", "", "a", "", "a"), column(*[""] * 6))
    assert found.exact.tolist() == [0, -1, -1, 0, -1, 0]
    assert found.near.tolist() == found.exact.tolist()


@pytest.mark.parametrize("distance", [0, 5, NEAR])
def test_near_ones_are_those_of_a_comparison_of_all_pairs(distance: int) -> None:
    generator = np.random.default_rng(distance)
    base = generator.integers(0, 2, (40, 256)).astype(np.uint8)
    rows = base[generator.integers(0, 40, 300)]
    for row in rows:
        row[generator.choice(256, generator.integers(0, 24), replace=False)] ^= 1
    found = find_duplicates(column(*map(str, range(300))), column(*hashes(rows)), distance)
    assert (found.exact == -1).all()
    assert found.near.tolist() == brute_force(rows, distance)
    assert found.crowded == 0


def test_bytes_and_looks_join_into_one_group() -> None:
    bits = np.random.default_rng(0).integers(0, 2, (3, 256)).astype(np.uint8)
    bits[1] = bits[0]
    bits[1, :3] ^= 1
    found = find_duplicates(column("a", "b", "b"), column(*hashes(bits)))
    assert found.exact.tolist() == [-1, 1, 1]
    assert found.near.tolist() == [0, 0, 0]


def test_what_looks_like_very_many_others_is_told_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_CROWD", 20)
    bits = np.zeros((200, 256), np.uint8)
    bits[:, 200:] = np.random.default_rng(0).integers(0, 2, (200, 56))
    found = find_duplicates(column(*map(str, range(200))), column(*hashes(bits)), 0)
    assert found.crowded > 100
    assert (found.near == -1).all()


def test_an_empty_table_and_a_hash_that_is_none() -> None:
    assert find_duplicates(column(), column()).near.tolist() == []
    assert find_duplicates(column("a", "b"), column("zz" * 32, "zz" * 32)).near.tolist() == [-1, -1]
