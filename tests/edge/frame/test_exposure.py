"""Cells that light alone has taken are lost, whatever the network says of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.frame.exposure import cells_of, green_of, lost_to_light
from edge.frame.prepare import normalise
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

GRID = 16
FIELD = np.ones((GRID, GRID), np.bool_)
RETINA = (170.0, 80.0, 35.0)  # R, G, B


def cells(*patches: tuple[slice, tuple[float, float, float]]) -> NDArray[np.float32]:
    found = np.empty((3, GRID, GRID), np.float32)
    found[:] = np.array(RETINA)[:, None, None]
    for rows, colour in patches:
        found[:, rows] = np.array(colour)[:, None, None]
    return found


@pytest.mark.parametrize("colour", [(255, 255, 255), (255, 200, 90), (254, 160, 60), (252, 250, 120), (8, 5, 2)])
def test_burnt_and_drowned_cells_are_lost(colour: tuple[float, float, float]) -> None:
    lost = lost_to_light(cells((slice(0, 6), colour)), FIELD)
    assert lost[:6].all()
    assert not lost[6:].any()


@pytest.mark.parametrize("colour", [(255, 110, 40), (60, 40, 20), (195, 140, 90)])
def test_a_red_end_alone_or_half_the_light_is_the_networks_to_judge(colour: tuple[float, float, float]) -> None:
    assert not lost_to_light(cells((slice(0, 6), colour)), FIELD).any()


def test_white_is_where_the_camera_has_it() -> None:
    """Video often ends at 235, and a picture may have been made darker after it was burnt."""
    assert lost_to_light(cells((slice(0, 6), (235, 235, 235))), FIELD)[:6].all()
    with QualityModel.load(threads=1) as model:
        for seed, ends in ((3, (0, 229)), (4, (16, 235)), (7, (0, 229))):
            burnt = np.clip(phantom_frame(seed) * 2.6, 0, 255) / 255 * (ends[1] - ends[0]) + ends[0]
            assert model.assess(np.asarray(burnt, np.uint8)).verdict not in ("good", "usable")


def test_a_sliver_of_light_in_the_dark_covers_next_to_nothing() -> None:
    found = np.zeros((3, GRID, GRID), np.float32)
    found[:, :, 0:1] = np.array(RETINA)[:, None, None]
    assert lost_to_light(found, FIELD)[:, 1:].all()


def test_a_bright_disc_and_a_dark_macula_are_anatomy() -> None:
    found = cells()
    found[:, 6:9, 3:6] = 255
    found[:, 7:9, 10:13] = 6
    assert not lost_to_light(found, FIELD).any()


def test_only_the_field_counts() -> None:
    found, field = cells((slice(0, 6), (0, 0, 0))), FIELD.copy()
    field[:6] = False
    assert not lost_to_light(found, field).any()
    assert not lost_to_light(found, np.zeros_like(FIELD)).any()


def test_cells_are_the_means_of_what_the_network_reads() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    found = cells_of(normalise(picture, mean, std), GRID, mean, std)
    expected = picture.reshape(GRID, 4, GRID, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(found, expected.transpose(2, 0, 1)[::-1], atol=0.01)
    np.testing.assert_allclose(green_of(normalise(picture, mean, std), mean, std), picture[:, :, 1], atol=0.01)


@pytest.mark.parametrize("gain", [2.6, 3.5])
def test_an_eye_in_far_too_much_light_is_never_good(gain: float) -> None:
    with QualityModel.load(threads=1) as model:
        for seed in (3, 4, 7):
            eye = phantom_frame(seed)
            assert model.assess(eye).verdict == "good"
            assert model.assess(np.asarray(np.clip(eye * gain, 0, 255), np.uint8)).verdict not in ("good", "usable")
