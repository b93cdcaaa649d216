from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.metrics.classification import spearman
from edge.phantom.retina import make_retina
from trainer.synthesis import augment, degrade
from trainer.synthesis.degrade import CAUSES, random_mask, spoil, store

PICTURE = make_retina(1, 128).image


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_takes_structure_away(
    cause: Callable[[NDArray[np.float32], np.random.Generator, float], NDArray[np.float32]],
) -> None:
    picture = PICTURE.astype(np.float32)
    weak, strong = (np.clip(cause(picture, np.random.default_rng(0), s), 0, 255) for s in (0.05, 0.95))
    assert np.abs(strong - picture).mean() > np.abs(weak - picture).mean() > 0


def test_masks_cover_something_and_stay_in_range() -> None:
    shares = []
    for seed in range(60):
        mask = random_mask(64, np.random.default_rng(seed))
        assert mask.shape == (64, 64)
        assert 0 <= mask.min() <= mask.max() <= 1
        shares.append(float(mask.mean()))
    assert 0.2 < np.mean(shares) < 0.8


def test_a_small_pupil_leaves_a_soft_wide_shadow_near_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(degrade, "CAUSES", (degrade._spot,))
    monkeypatch.setattr(degrade, "random_mask", None)  # it has a shape of its own
    grey, deepest = np.full((96, 96, 3), 200, np.uint8), []
    for seed in range(40):
        left = cv2.blur(spoil(grey, np.random.default_rng(seed)), (5, 5)).astype(np.float32)[:, :, 1] / 200
        rim = np.concatenate([left[0], left[-1], left[:, 0], left[:, -1]])
        assert np.median(rim) > 0.85, seed
        assert np.abs(np.diff(left, axis=0)).max() < 0.3, seed
        y, x = np.unravel_index(left.argmin(), left.shape)
        deepest.append(float(left.min()))
        assert left.min() > 0.9 or np.hypot(y - 47.5, x - 47.5) < 0.45 * 96, seed
    assert min(deepest) < 0.2 < 0.5 < max(deepest)


def test_some_frames_are_left_as_they_are_and_most_are_not() -> None:
    same = [np.array_equal(spoil(PICTURE, np.random.default_rng(seed)), PICTURE) for seed in range(80)]
    assert 2 <= sum(same) <= 24


def test_an_archive_compresses_most_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed, real = [], augment.compress

    def counted(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        compressed.append(picture.shape)
        return real(picture, rng)

    monkeypatch.setattr(augment, "compress", counted)
    for seed in range(60):
        store(PICTURE, np.random.default_rng(seed))
    assert 24 <= len(compressed) <= 48


def test_an_archive_changes_colours_and_keeps_what_can_be_seen() -> None:
    """Structure of the clean picture is still that of the stored one: the truth of a frame outlives its archive."""
    changed = 0
    for seed in range(20):
        stored = store(PICTURE, np.random.default_rng(seed))
        changed += not np.array_equal(stored, PICTURE)
        before, after = (p[24:104, 24:104, 1].ravel() for p in (PICTURE, stored))
        assert spearman(before, after) > 0.8, seed
    assert changed > 10
