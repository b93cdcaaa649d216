from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.field.find import Crop, Field, find_field
from edge.phantom.degradation import KINDS, Kind, degrade
from edge.phantom.retina import Retina, make_retina
from edge.phantom.transfer import (
    CLEAR,
    GRADABLE,
    Map,
    blur_transfer,
    clipping_transfer,
    light_transfer,
    motion_transfer,
    true_map,
    truth,
)

GRID = 16


@pytest.fixture(scope="module")
def eye() -> Retina:
    return make_retina(1, 320)


@pytest.fixture(scope="module")
def field(eye: Retina) -> Field:
    found = find_field(eye.image)
    assert found is not None
    return found


def true_quality(transfer: Map, field: Field) -> float:
    return truth(true_map(transfer, field.crop, GRID), field.on_grid(GRID))


def line_contrast(image: np.ndarray, eye: Retina) -> float:
    """Strength of the known vessels in green: their darkness against a blur of the surroundings."""
    green = image[:, :, 1].astype(np.float32)
    inside = eye.field > 0
    around = cv2.GaussianBlur(green, (0, 0), 5) / np.maximum(
        cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 5), 0.05
    )
    core = cv2.erode(eye.field, np.ones((25, 25), np.uint8)) > 0
    vessel, other = (eye.vessels > 0.8) & core, (eye.vessels == 0) & core
    relative = (around - green) / np.maximum(around, 1)
    return float(relative[vessel].mean() - relative[other].mean())


@pytest.mark.parametrize("kind", KINDS)
def test_truth_falls_with_severity(kind: Kind, field: Field, eye: Retina) -> None:
    for seed in range(3):
        qualities = []
        for severity in np.linspace(0, 1, 9):
            image, transfer = degrade(eye.image, kind, float(severity), rng=np.random.default_rng(seed), field=field)
            assert image.dtype == np.uint8
            assert image.shape == eye.image.shape
            assert transfer.dtype == np.float32
            assert transfer.shape == eye.image.shape[:2]
            assert transfer.min() >= 0
            assert transfer.max() <= 1
            qualities.append(true_quality(transfer, field))
        assert qualities[0] == 1
        assert (np.diff(qualities) <= 1e-6).all(), qualities
        assert qualities[-1] < GRADABLE - 0.2, qualities


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_spoils_the_same_way(kind: Kind, eye: Retina) -> None:
    one = degrade(eye.image, kind, 0.6, rng=np.random.default_rng(5))
    two = degrade(eye.image, kind, 0.6, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


@pytest.mark.parametrize("kind", KINDS)
def test_severity_means_the_same_at_every_size(kind: Kind) -> None:
    qualities = []
    for size in (256, 640):
        eye = make_retina(2, size)
        field = find_field(eye.image)
        assert field is not None
        _, transfer = degrade(eye.image, kind, 0.6, rng=np.random.default_rng(0), field=field)
        qualities.append(true_quality(transfer, field))
    assert qualities[0] == pytest.approx(qualities[1], abs=0.03)


@pytest.mark.parametrize("kind", ["blur", "motion", "haze", "reflex", "bright"])
def test_what_the_transfer_says_is_lost_is_lost_from_the_picture(kind: Kind, eye: Retina, field: Field) -> None:
    before = line_contrast(eye.image, eye)
    for severity in (0.3, 0.6, 1.0):
        image, transfer = degrade(eye.image, kind, severity, rng=np.random.default_rng(1), field=field)
        kept = line_contrast(image, eye) / before
        claimed = float(transfer[(eye.field > 0)].mean())
        assert kept == pytest.approx(claimed, abs=0.3), (severity, kept, claimed)
    assert kept < 0.45


def test_the_border_stays_black_and_the_rim_sharp(eye: Retina, field: Field) -> None:
    outside = cv2.dilate(eye.field, np.ones((9, 9), np.uint8)) == 0
    for kind in KINDS:
        image, _ = degrade(eye.image, kind, 0.7, field=field)
        np.testing.assert_array_equal(image[outside], eye.image[outside])


def test_a_region_spoils_itself_only(eye: Retina, field: Field) -> None:
    region = np.zeros((320, 320), np.float32)
    region[:, :160] = 1
    image, transfer = degrade(eye.image, "blur", 0.9, region, field=field)
    np.testing.assert_array_equal(image[:, 160:], eye.image[:, 160:])
    assert (transfer[:, 160:] == 1).all()
    assert transfer[:, :160].max() < 0.3
    degradation = true_map(transfer, field.crop, GRID)
    assert degradation[:, : GRID // 2 - 1].min() > 0.6
    assert degradation[2:-2, GRID // 2 + 1 : -2].max() == 0


def test_severity_zero_changes_nothing(eye: Retina) -> None:
    image, transfer = degrade(eye.image, "dark", 0.0)
    np.testing.assert_array_equal(image, eye.image)
    assert image is not eye.image
    assert (transfer == 1).all()


def test_a_frame_without_a_field_is_spoilt_whole() -> None:
    grey = np.full((80, 120, 3), 90, np.uint8)
    image, transfer = degrade(grey, "dark", 1.0)
    assert image.mean() < 15
    assert transfer.max() < 0.5


@pytest.mark.parametrize(("kind", "severity"), [("fog", 0.5), ("blur", -0.1), ("blur", 1.1), ("blur", float("nan"))])
def test_wrong_arguments_are_refused(kind: Kind, severity: float, eye: Retina) -> None:
    with pytest.raises(ValueError, match=r"severity in \[0, 1\]"):
        degrade(eye.image, kind, severity)


def test_the_formulas_at_points_known_by_hand() -> None:
    assert blur_transfer(0) == 1
    assert blur_transfer(0.004) == pytest.approx(1 / np.sqrt(2))
    assert motion_transfer(0) == 1
    assert blur_transfer(0.03) < motion_transfer(0.03 * np.sqrt(12)) < 1  # a vessel along the smear is spared
    assert light_transfer(np.float32([10.0]))[0] == pytest.approx(0.5)  # a fifth of 10 is as much as is just visible
    assert clipping_transfer(np.float32([200.0, 280.0, 330.0])) == pytest.approx([1, (255 - 224) / 56, 0])


def test_true_map_averages_areas_and_misses_what_lies_beyond_the_frame() -> None:
    transfer = np.full((40, 60), CLEAR, np.float32)
    transfer[:, :30] = 0
    degradation = true_map(transfer, Crop(0, -10, 60), 6)
    assert degradation.shape == (6, 6)
    np.testing.assert_allclose(degradation[1:5, :3], 1)
    np.testing.assert_allclose(degradation[1:5, 3:], 0)
    np.testing.assert_allclose(degradation[[0, 5]], 1)
    np.testing.assert_allclose(true_map(transfer, Crop(15, 5, 30), 1), 0.5)


def test_truth_of_nothing_is_zero(field: Field) -> None:
    empty = replace(field, mask=np.zeros_like(field.mask))
    assert truth(np.zeros((GRID, GRID), np.float32), empty.on_grid(GRID)) == 0
