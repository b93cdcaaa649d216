from __future__ import annotations

import inspect

import cv2
import numpy as np
import pytest

from edge.field.find import find_field
from edge.phantom.retina import Retina, make_retina, phantom_frame
from edge.phantom.vessels import FOVEA, grow

SEEDS = range(20)


@pytest.fixture(scope="module")
def eyes() -> list[Retina]:
    return [make_retina(seed, 384) for seed in SEEDS]


def green_contrast(eye: Retina) -> float:
    """How much darker vessels are than what lies beside them."""
    green = eye.image[:, :, 1].astype(float)
    vessel = eye.vessels > 0.7
    beside = (cv2.dilate(vessel.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & (eye.vessels == 0) & (eye.field > 0)
    return 1 - float(green[vessel].mean() / green[beside].mean())


def test_shapes_and_types(eyes: list[Retina]) -> None:
    eye = eyes[0]
    assert eye.image.shape == (384, 384, 3)
    assert eye.image.dtype == np.uint8
    assert eye.vessels.shape == (384, 384)
    assert eye.vessels.dtype == np.float32
    assert eye.vessels.min() == 0
    assert eye.vessels.max() == 1
    assert set(np.unique(eye.field)) == {0, 255}


def test_the_same_seed_is_the_same_eye() -> None:
    one, two, other = make_retina(3, 200), make_retina(3, 200), make_retina(4, 200)
    np.testing.assert_array_equal(one.image, two.image)
    np.testing.assert_array_equal(one.vessels, two.vessels)
    assert (one.image != other.image).mean() > 0.3


def test_the_same_seed_at_another_size_is_the_same_picture() -> None:
    large, small = make_retina(5, 450), make_retina(5, 150)
    shrunk = cv2.resize(large.image, (150, 150), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(shrunk - small.image).mean() < 3
    assert large.disc[0] / 450 == pytest.approx(small.disc[0] / 150, abs=0.005)


def test_vessels_cover_as_much_as_in_real_eyes(eyes: list[Retina]) -> None:
    """HRF, CHASE_DB1 and DRIVE: 9 to 13 % of the field."""
    shares = [float(eye.vessels[eye.field > 0].mean()) for eye in eyes]
    assert min(shares) > 0.08
    assert max(shares) < 0.125


def test_vessels_are_darker_in_green(eyes: list[Retina]) -> None:
    contrasts = [green_contrast(eye) for eye in eyes]
    assert min(contrasts) > 0.1
    assert max(contrasts) < 0.35
    assert 0.15 < np.mean(contrasts) < 0.3


def test_vessels_reach_everywhere_but_the_fovea(eyes: list[Retina]) -> None:
    for eye in eyes:
        x, y = np.meshgrid(np.arange(384), np.arange(384))
        from_macula = np.hypot(x - eye.macula[0], y - eye.macula[1])
        inside = eye.field > 0
        at_fovea = inside & (from_macula < 0.5 * eye.disc_radius)
        assert eye.vessels[at_fovea].sum() <= 0.02 * max(at_fovea.sum(), 1)
        # Beyond the fovea no place is farther than a disc radius from a vessel.
        away = cv2.distanceTransform((eye.vessels < 0.3).astype(np.uint8), cv2.DIST_L2, 5)
        on_disc = np.hypot(x - eye.disc[0], y - eye.disc[1]) < 1.3 * eye.disc_radius
        elsewhere = inside & (from_macula > 2 * eye.disc_radius) & ~on_disc
        assert away[elsewhere].max() < 1.3 * eye.disc_radius


def test_disc_is_bright_and_macula_is_dark(eyes: list[Retina]) -> None:
    for eye in eyes:
        x, y = np.meshgrid(np.arange(384), np.arange(384))
        green = eye.image[:, :, 1].astype(float)
        inside = eye.field > 0
        usual = np.median(green[inside])
        disc = inside & (np.hypot(x - eye.disc[0], y - eye.disc[1]) < 0.8 * eye.disc_radius)
        pit = inside & (np.hypot(x - eye.macula[0], y - eye.macula[1]) < 0.3 * eye.disc_radius)
        around = np.hypot(x - eye.macula[0], y - eye.macula[1])
        ring = inside & (around > 2 * eye.disc_radius) & (around < 3 * eye.disc_radius)
        assert np.median(green[disc]) > 1.2 * usual
        if pit.any():
            assert np.median(green[pit]) < 0.95 * np.median(green[ring])


def test_the_macula_lies_temporal_of_the_disc(eyes: list[Retina]) -> None:
    for eye in eyes:
        towards = eye.macula[0] - eye.disc[0]
        assert (towards < 0) == (eye.laterality == "right")
        assert abs(towards) / (2 * eye.disc_radius) == pytest.approx(-FOVEA[0], rel=0.01)
    assert {eye.laterality for eye in eyes} == {"left", "right"}


def test_the_field_finder_finds_the_field(eyes: list[Retina]) -> None:
    for seed, eye in zip(SEEDS, eyes, strict=True):
        found = find_field(eye.image)
        assert found is not None
        crop = found.crop
        mask = np.zeros((384 * 3, 384 * 3), np.uint8)
        top, left = 384 + crop.y, 384 + crop.x
        mask[top : top + crop.side, left : left + crop.side] = cv2.resize(found.mask, (crop.side, crop.side))
        seen, true = mask[384:768, 384:768] > 127, eye.field > 0
        overlap = (seen & true).sum() / (seen | true).sum()
        assert overlap >= 0.95, f"seed {seed}: {overlap:.3f}"


def test_looks_differ_between_seeds(eyes: list[Retina]) -> None:
    means = np.array([eye.image[eye.field > 0].mean(axis=0) for eye in eyes])
    assert np.ptp(means[:, 0]) > 50  # blue: pale cameras and deep red ones
    assert np.ptp([(eye.field > 0).mean() for eye in eyes]) > 0.05  # round and cut fields


def test_a_retina_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="64"):
        make_retina(0, 63)


def test_still_frames() -> None:
    frames = [phantom_frame(seed) for seed in range(4)]
    for frame in frames:
        assert frame.shape[1] == 800
        assert 560 <= frame.shape[0] <= 800
        assert frame.flags.c_contiguous
    assert len({frame.shape for frame in frames}) > 1  # squares, and windows that fill the frame
    np.testing.assert_array_equal(frames[1], inspect.unwrap(phantom_frame)(1))  # drawn anew


def test_vessels_taper_from_the_disc() -> None:
    tree = grow(np.random.default_rng(0), (-1.3, 0.0), 4.0)
    assert {vessel.artery for vessel in tree} == {True, False}
    for vessel in tree:
        assert (np.diff(vessel.calibres) <= 1e-12).all()
        assert len(vessel.points) == len(vessel.calibres)
    trunks = [vessel.calibres[0] for vessel in tree[:8]]
    twigs = [vessel.calibres[0] for vessel in tree[-50:]]
    assert min(trunks) > 2 * np.mean(twigs)
