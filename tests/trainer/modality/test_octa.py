import cv2
import numpy as np
import pytest

from trainer.modality import modality_of
from trainer.modality.octa import another_device, elsewhere, invisible, spoil, upright_view

SIDE = 96


@pytest.fixture(scope="module")
def scan() -> np.ndarray:
    """Capillaries as fine noise, a bright vessel, a dark zone in the middle."""
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(110, 90, (SIDE, SIDE)), (0, 0), 0.8)
    cv2.line(grain, (5, 10), (90, 40), 240.0, 2)
    cv2.circle(grain, (SIDE // 2, SIDE // 2), 10, 12.0, -1)
    return np.repeat(np.clip(grain, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.mark.parametrize("change", [another_device, invisible, elsewhere])
def test_changes_give_pictures_of_the_same_size_and_the_same_ones_again(change, scan):
    for seed in range(12):
        first, again = (change(scan, np.random.default_rng(seed)) for _ in range(2))
        assert first.shape == scan.shape
        assert first.dtype == np.uint8
        assert np.array_equal(first, again)
        if change is not elsewhere:
            assert (first == first[:, :, :1]).all()


def test_another_device_shows_the_same_vessels(scan):
    for seed in range(8):
        other = another_device(scan, np.random.default_rng(seed))
        assert np.corrcoef(other[:, :, 0].ravel(), scan[:, :, 0].ravel())[0, 1] > 0.75


def test_no_vessel_is_left_where_nothing_is_to_be_seen(scan):
    for seed in range(8):
        other = invisible(scan, np.random.default_rng(seed))
        assert abs(np.corrcoef(other[:, :, 0].ravel(), scan[:, :, 0].ravel())[0, 1]) < 0.5


def test_what_was_taken_is_where_the_scan_changed(scan):
    covered = 0
    for seed in range(20):
        frame, cover = spoil(scan, np.random.default_rng(seed))
        assert cover.min() >= 0
        assert cover.max() <= 1
        changed = np.abs(frame[:, :, 0].astype(int) - scan[:, :, 0]) > 2
        assert not changed[cover == 0].any()
        covered += cover.any()
    assert 10 < covered < 20  # some are left as they are


def test_a_view_keeps_layers_together_and_the_square_full(scan):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        one, other = upright_view(rng, (SIDE, SIDE), [scan, scan[:, :, 0].astype(np.float32)], (0.9, 1.3))
        assert one.shape == scan.shape
        assert np.abs(one[:, :, 0] - other).max() <= 1
        assert upright_view(rng, (SIDE, SIDE), [np.ones((SIDE, SIDE), np.float32)], (0.9, 1.3))[0].min() > 0.99


def test_descriptions_are_found_by_name():
    assert [modality_of(name).name for name in ("fundus", "octa")] == ["fundus", "octa"]
