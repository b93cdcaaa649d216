from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from edge.phantom.retina import make_retina
from trainer.synthesis.lesions import add_lesions
from trainer.synthesis.visibility import degradation

RETINA = make_retina(5, 320)


@pytest.mark.parametrize("seed", range(12))
def test_lesions_change_what_they_cover_and_nothing_else(seed: int) -> None:
    painted, cover = add_lesions(RETINA.image, np.random.default_rng(seed))
    apart = np.abs(painted.astype(int) - RETINA.image).max(axis=2)
    assert apart[cover < 0.001].max() <= 1
    assert 0 <= cover.min() <= cover.max() <= 1
    assert 0 < (cover > 0.1).mean() < 0.5
    assert apart.max() > 10


def test_a_photograph_with_lesions_is_not_degraded() -> None:
    painted, cover = add_lesions(RETINA.image, np.random.default_rng(1))
    field = (RETINA.field > 0).astype(np.float32)
    inside = cv2.erode(field, np.ones((25, 25))) > 0.5
    below = (RETINA.vessels * (1 - cover)).astype(np.float32)
    assert degradation(painted, painted, below, below, field)[inside].max() < 0.15


def test_a_frame_too_dark_to_be_read_is_degraded_though_its_contrast_is_whole() -> None:
    dark = (RETINA.image * 0.06).astype(np.uint8)
    field = (RETINA.field > 0).astype(np.float32)
    inside = cv2.erode(field, np.ones((25, 25))) > 0.5
    vessels = RETINA.vessels.astype(np.float32)
    lost = degradation(RETINA.image, dark, vessels, vessels, field)
    half = degradation(RETINA.image, (RETINA.image * 0.5).astype(np.uint8), vessels, vessels, field)
    assert lost[inside].mean() > 0.4
    assert half[inside].mean() < 0.2
