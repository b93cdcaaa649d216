"""A field that a resize made an ellipse is found as an ellipse."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.field.find import Field, find_field
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame


def masked(field: Field | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    assert field is not None
    scale = field.crop.side / field.mask.shape[0]
    onto = np.array([[scale, 0, field.crop.x], [0, scale, field.crop.y]])
    return np.asarray(cv2.warpAffine(field.mask, onto, (shape[1], shape[0]), flags=cv2.INTER_NEAREST) > 0)


@pytest.mark.parametrize("seed", [3, 4, 7])
@pytest.mark.parametrize(("wide", "high"), [(0.75, 1), (1, 0.75), (0.6, 1), (1, 0.6), (0.85, 1), (1.4, 1)])
def test_the_black_outside_of_a_squeezed_field_is_not_field(seed: int, wide: float, high: float) -> None:
    eye = phantom_frame(seed)
    size = round(eye.shape[1] * wide), round(eye.shape[0] * high)
    squeezed = np.asarray(cv2.resize(eye, size, interpolation=cv2.INTER_AREA), np.uint8)
    truth = cv2.resize(masked(find_field(eye), eye.shape).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    found = masked(find_field(squeezed), squeezed.shape)
    assert (found & truth).sum() / (found | truth).sum() >= 0.95


def test_a_squeezed_eye_keeps_a_verdict_that_is_worth_something() -> None:
    eye = phantom_frame(3)
    squeezed = np.asarray(cv2.resize(eye, None, fx=0.8, fy=1, interpolation=cv2.INTER_AREA), np.uint8)
    with QualityModel.load(threads=1) as model:
        assert model.assess(squeezed).verdict in ("good", "usable")


def test_a_field_a_little_off_the_middle_is_found_when_it_is_stretched() -> None:
    eye = phantom_frame(3)
    shift = round(0.06 * min(eye.shape[:2]))
    moved = np.roll(eye, shift, axis=1)
    moved[:, :shift] = 0
    size = round(eye.shape[1] * 1.333), eye.shape[0]
    stretched = np.asarray(cv2.resize(moved, size, interpolation=cv2.INTER_AREA), np.uint8)
    truth = cv2.resize(masked(find_field(moved), eye.shape).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    found = masked(find_field(stretched), stretched.shape)
    assert (found & truth).sum() / (found | truth).sum() >= 0.95
