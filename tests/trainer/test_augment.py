from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from edge.phantom.retina import make_retina
from trainer import augment
from trainer.degrade import CAUSES, random_mask, spoil

PICTURE = make_retina(1, 128).image
WAYS = [augment.another_camera, augment.without_anatomy, augment.recolour, augment.soften, augment.compress, spoil]


@pytest.mark.parametrize("way", WAYS)
def test_pictures_stay_pictures_and_the_seed_decides(
    way: Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]],
) -> None:
    for seed in range(25):
        before = PICTURE.copy()
        first, second = (way(PICTURE, np.random.default_rng(seed)) for _ in range(2))
        assert first.shape == PICTURE.shape
        assert first.dtype == np.uint8
        assert np.array_equal(first, second)
        assert np.array_equal(PICTURE, before)


def test_layers_stay_in_register() -> None:
    for seed in range(10):
        picture, layer = augment.random_view(np.random.default_rng(seed), (128, 96), [PICTURE, PICTURE[:, :, 1]])
        assert picture.shape == (96, 96, 3)
        assert np.array_equal(picture[:, :, 1], layer)


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
