"""Sharpness in whole numbers: the variance that NumPy finds in the Laplacian."""

from __future__ import annotations

import numpy as np
import pytest

from edge.frame.sharpness import fine_structure, sharpness

NOISE = np.random.default_rng(0).integers(0, 256, (61, 47)).astype(np.uint8)
SOME = np.random.default_rng(1).random((61, 47)) < 0.3


@pytest.mark.parametrize("channel", [NOISE, NOISE[:, ::2], NOISE[:1], NOISE[:, :1], np.full((9, 9), 200, np.uint8)])
def test_it_is_the_variance_of_the_fine_structure(channel: np.ndarray) -> None:
    assert sharpness(channel) == pytest.approx(fine_structure(channel).astype(float).var(), rel=1e-9, abs=1e-9)


def test_pixels_are_left_out_and_of_none_it_is_nothing() -> None:
    assert sharpness(NOISE, SOME) == pytest.approx(fine_structure(NOISE)[SOME].astype(float).var(), rel=1e-9)
    assert sharpness(NOISE, np.zeros_like(SOME)) == sharpness(NOISE[:0]) == 0


def test_of_steps_all_alike_it_never_rounds_to_less_than_nothing() -> None:
    steps = np.zeros((7, 7), np.uint8)
    for grey in range(1, 256):  # three neighbours of one bright pixel, whose Laplacian is its grey value
        steps[3, 3] = grey
        where = np.zeros((7, 7), np.bool_)
        where[[2, 4, 3], [3, 3, 4]] = True
        assert sharpness(steps, where) >= 0
