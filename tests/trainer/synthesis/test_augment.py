from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from edge.phantom.retina import make_retina
from trainer.synthesis import augment
from trainer.synthesis.degrade import spoil, store

PICTURE = make_retina(1, 128).image
WAYS = [
    augment.another_camera,
    augment.without_anatomy,
    augment.recolour,
    augment.soften,
    augment.compress,
    spoil,
    store,
]


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
