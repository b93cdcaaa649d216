"""Paired frames: whole photographs, spoiled on purpose, with the map of what was lost.

What should be there is known, because we took it away: a vessel that the segmenter saw in the clean photograph and no
longer sees in the spoiled one is lost. Where no vessel is expected, the correlation of fine structure decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from torch import nn

from trainer import augment
from trainer.datasets import in_threads
from trainer.degrade import spoil
from trainer.recipe import Recipe
from trainer.segmented import Segmented
from trainer.vessels import segment

_REACH = 14 / 320  # width of the neighbourhood over which loss is judged, share of the side
_TELLING = 0.04  # local mean of squared vessel probability from which vessels alone decide


@dataclass(frozen=True)
class Pairs:
    """Spoiled frames and their truth.

    Attributes:
        pictures: uint8 BGR (N, size, size, 3).
        maps: float32 (N, size / 8, size / 8) degradation map.
        fields: bool, same shape as maps.
        vessels: uint8 (N, size / 2, size / 2), 255 where a vessel is there and can be seen.
    """

    pictures: NDArray[np.uint8]
    maps: NDArray[np.float32]
    fields: NDArray[np.bool_]
    vessels: NDArray[np.uint8]


def make_pairs(photographs: Segmented, segmenter: nn.Module, recipe: Recipe) -> Pairs:
    """Spoil photographs.

    Args:
        photographs: of which the most complete are taken.
        segmenter: of the run.
        recipe: its ``distill`` says how many and how large.
    """
    size, number = recipe.distill.size, recipe.distill.pairs
    whole = photographs.most_complete(recipe.distill.whole_share)
    pairs = Pairs(
        np.empty((number, size, size, 3), np.uint8),
        np.empty((number, size // 8, size // 8), np.float32),
        np.empty((number, size // 8, size // 8), np.bool_),
        np.empty((number, size // 2, size // 2), np.uint8),
    )

    def one(start: int) -> None:
        some = [
            _spoiled_view(photographs, whole, np.random.default_rng((recipe.seed, 7, n)))
            for n in range(start, min(start + 8, number))
        ]
        seen = segment(segmenter, [s[1] for s in some], recipe)
        for n, (original, spoiled, vessels, field), found in zip(range(start, number), some, seen, strict=False):
            lost = degradation(original, spoiled, vessels, found, field)
            pairs.pictures[n] = cv2.resize(spoiled, (size, size), interpolation=cv2.INTER_AREA)
            pairs.maps[n] = cv2.resize(lost, (size // 8, size // 8), interpolation=cv2.INTER_AREA)
            pairs.fields[n] = cv2.resize(field, (size // 8, size // 8), interpolation=cv2.INTER_AREA) >= 0.5
            visible = visible_vessels(vessels, found) * (field > 0.5)
            pairs.vessels[n] = cv2.resize(visible, (size // 2, size // 2), interpolation=cv2.INTER_AREA) * 255

    for _ in in_threads(one, range(0, number, 8), "distill: spoiling photographs", threads=2):
        pass
    return pairs


def _spoiled_view(
    photographs: Segmented, whole: Sequence[int], rng: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Clean view, spoiled view, vessel probability, field of a random photograph."""
    n = whole[int(rng.integers(len(whole)))]
    square, known = photographs.squares[n], photographs.vessels[n] / np.float32(255)
    side = square.picture.shape[0]
    layers: list[NDArray[Any]] = [square.picture, known, square.field.astype(np.float32)]
    picture, vessels, field = augment.random_view(rng, (side, side), layers, (0.92, 1.35))
    view = np.asarray(picture, dtype=np.uint8)
    return view, spoil(view, rng), np.asarray(vessels, dtype=np.float32), np.asarray(field, dtype=np.float32)


def visible_vessels(clean: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vessels of the clean photograph that are still found; those that a spoiled frame invents earn nothing."""
    kept = np.clip(found / np.maximum(clean, 0.25), 0, 1)
    return np.asarray(clean * kept, dtype=np.float32)


def degradation(
    original: NDArray[np.uint8],
    spoiled: NDArray[np.uint8],
    clean: NDArray[np.float32],
    found: NDArray[np.float32],
    field: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Degradation map of a spoiled frame at full size, float32 (S, S) in [0, 1].

    Args:
        original: uint8 BGR (S, S, 3).
        spoiled: the same view, degraded.
        clean: vessel probability of the original (S, S).
        found: vessel probability of the spoiled view.
        field: (S, S) in [0, 1].
    """
    sigma = _REACH * clean.shape[0]

    def around(layer: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur((layer * field).astype(np.float32), (0, 0), sigma), dtype=np.float32)

    inside = np.maximum(around(np.ones_like(field)), 0.05)
    expected = around(clean**2)
    kept = around(clean * visible_vessels(clean, found)) / np.maximum(expected, 1e-4)
    by_vessels = 1 - np.clip(kept / 0.85, 0, 1)
    by_structure = 1 - np.clip(_correlation(original, spoiled, around) / 0.7, 0, 1)
    telling = np.clip(expected / inside / _TELLING, 0, 1)
    return np.asarray(telling * by_vessels + (1 - telling) * by_structure, dtype=np.float32)


def _correlation(original: NDArray[np.uint8], spoiled: NDArray[np.uint8], around: object) -> NDArray[np.float32]:
    """Local correlation of the band-passed green channels; structure below one grey level counts as none."""
    assert callable(around)
    a, b = (_band(p) for p in (original, spoiled))
    both, of_a, of_b = around(a * b), around(a * a), around(b * b)
    return np.asarray(both / np.sqrt((of_a + 0.5) * (of_b + 0.5)), dtype=np.float32)


def _band(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Structure of the width of vessels: difference of two Gaussians of the green channel."""
    green = picture[:, :, 1].astype(np.float32)
    return np.asarray(cv2.GaussianBlur(green, (0, 0), 1.5) - cv2.GaussianBlur(green, (0, 0), 6.0), dtype=np.float32)
