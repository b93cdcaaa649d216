from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from edge.phantom.retina import make_retina
from trainer.synthesis.visibility import degradation, visible_vessels

RETINA = make_retina(5, 320)
FIELD = (RETINA.field > 0).astype(np.float32)
VESSELS = RETINA.vessels.astype(np.float32)
INSIDE = cv2.erode(FIELD, np.ones((25, 25))) > 0.5


def test_an_untouched_frame_is_not_degraded() -> None:
    assert degradation(RETINA.image, RETINA.image, VESSELS, VESSELS, FIELD)[INSIDE].max() < 0.15


def test_a_frame_without_anatomy_is_degraded_everywhere() -> None:
    grey = np.full_like(RETINA.image, 90)
    assert degradation(RETINA.image, grey, VESSELS, np.zeros_like(VESSELS), FIELD)[INSIDE].min() > 0.9


def test_the_spoiled_half_is_marked_and_the_other_is_not() -> None:
    spoiled, found = RETINA.image.copy(), VESSELS.copy()
    spoiled[:, :160] = cv2.GaussianBlur(spoiled, (0, 0), 12)[:, :160]
    found[:, :160] = 0
    lost = degradation(RETINA.image, spoiled, VESSELS, found, FIELD)
    left, right = INSIDE.copy(), INSIDE.copy()
    left[:, 120:], right[:, :200] = False, False
    assert lost[left].mean() > 0.8
    assert lost[right].mean() < 0.1


def test_vessels_that_a_frame_invents_earn_nothing() -> None:
    invented = np.ones_like(VESSELS)
    assert visible_vessels(np.zeros_like(VESSELS), invented).max() == 0
    assert np.array_equal(visible_vessels(VESSELS, invented), VESSELS)
