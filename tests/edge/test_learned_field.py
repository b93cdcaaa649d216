"""When a session's field gets smaller: after a zoom, and never behind a shadow."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.wrong_good import SHAPES, shadowed
from edge.field import Field, find_field
from edge.images import read_image
from edge.learned_field import LearnedField, share_within
from edge.phantom.retina import phantom_frame

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
CAMERAS = ("hrf/images", "chasedb1/images", "drive/test/images", "srahim")
STEADY = 300  # frames: ten seconds of video
Picture = NDArray[np.uint8]


def resized(picture: Picture, side: int = 480) -> Picture:
    factor = side / max(picture.shape)
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def zoomed(picture: Picture, factor: float, aside: float = 0.0) -> Picture:
    """The same eye through a lens that shows it smaller, and off the middle by a share of the width."""
    height, width = picture.shape[:2]
    onto = np.array([[factor, 0, ((1 - factor) / 2 + aside) * width], [0, factor, (1 - factor) / 2 * height]])
    return np.asarray(cv2.warpAffine(picture, onto, (width, height), flags=cv2.INTER_AREA), np.uint8)


def spot(picture: Picture, share: float) -> Picture:
    """The middle of the field alone, behind a sharp round edge."""
    field = find_field(picture)
    assert field is not None
    half = field.crop.side / 2
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    inside = np.hypot(x - field.crop.x - half, y - field.crop.y - half) < share * half
    return np.asarray(picture * inside[:, :, None], np.uint8)


def moved(picture: Picture, by: int) -> Picture:
    """The eye looks elsewhere behind the same rim."""
    field = find_field(picture)
    assert field is not None
    shifted = np.asarray(np.roll(picture, by, axis=1), np.uint8)
    return spot(np.where(shifted > 20, shifted, picture), 1.0)


def known_after(picture: Picture, shown: Picture, frames: int) -> tuple[Field, Field | None]:
    """The whole field that a session learned, and what it says after so many frames of something else."""
    known, rng = LearnedField(), np.random.default_rng(0)
    whole = known.of(picture)
    assert whole is not None
    known.learn(picture, whole, 1.0)
    said = None
    for _ in range(frames):
        grainy = np.asarray(np.clip(shown + rng.normal(0, 0.7, shown.shape), 0, 255), np.uint8)
        said = known.of(grainy)
        if said is not None and said is not whole:  # as far as the network is concerned, all is well
            known.learn(grainy, said, 1.0)
    return whole, said


@pytest.fixture(scope="module", params=[3, 5, 9])
def eye(request: pytest.FixtureRequest) -> Picture:
    return resized(phantom_frame(request.param))


@pytest.fixture(scope="module")
def photographs() -> list[Picture]:
    if not DATA.is_dir():
        pytest.skip(f"NO REAL IMAGES: {DATA} is missing; set EFIQA_DATA to the data folder")
    found = [sorted(p for p in (DATA / each).glob("*.*") if p.suffix != ".md")[1:8:3] for each in CAMERAS]
    return [resized(read_image(path)) for paths in found for path in paths]


@pytest.mark.parametrize("factor", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("aside", [0.0, 0.05])
def test_a_zoom_is_followed(eye: Picture, factor: float, aside: float) -> None:
    shown = zoomed(eye, factor, aside)
    whole, said = known_after(eye, shown, 30)
    own = find_field(shown)
    assert said is not None
    assert own is not None
    assert said is not whole
    assert share_within(said, own, eye.shape[:2]) > 0.95
    assert share_within(own, said, eye.shape[:2]) > 0.95


@pytest.mark.parametrize("share", [0.55, 0.75])
def test_a_steady_shadow_that_looks_like_a_smaller_field_is_none(eye: Picture, share: float) -> None:
    whole, said = known_after(eye, spot(eye, share), STEADY)
    assert said is whole


@pytest.mark.parametrize("share", [0.6, 0.75])
def test_nor_is_it_one_when_the_eye_has_moved_behind_it(eye: Picture, share: float) -> None:
    whole, said = known_after(eye, spot(moved(eye, 40), share), 60)
    assert said is whole


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("soft", [0.0, 0.1])
@pytest.mark.parametrize("share", [0.35, 0.5])
def test_a_steady_shadow_never_makes_the_field_smaller(shape: str, soft: float, share: float) -> None:
    eye = resized(phantom_frame(5))
    for angle in (0.5, 2.8):
        whole, said = known_after(eye, shadowed(eye, shape, angle, share, soft, 0.0), 30)
        assert said is not None
        assert share_within(whole, said, eye.shape[:2]) > 0.95


def test_a_few_frames_or_ones_that_do_not_agree_are_not_enough() -> None:
    eye = resized(phantom_frame(3))
    whole, said = known_after(eye, zoomed(eye, 0.7), 6)
    assert said is whole
    known = LearnedField()
    first = known.of(eye)
    assert first is not None
    known.learn(eye, first, 1.0)
    assert all(known.of(zoomed(eye, factor)) is first for factor in np.tile([0.8, 0.65, 0.5], 10))


def test_after_an_absence_it_learns_anew() -> None:
    eye = resized(phantom_frame(3))
    known = LearnedField()
    whole = known.of(eye)
    assert whole is not None
    known.learn(eye, whole, 1.0)
    other = zoomed(np.asarray(eye[:, ::-1], np.uint8), 0.7)  # the other eye, through another lens
    assert known.of(other) is whole
    known.forget()
    own, said = find_field(other), known.of(other)
    assert said is not None
    assert own is not None
    assert said.crop == own.crop


def test_on_photographs_zooms_are_followed_and_shadows_are_not(photographs: list[Picture]) -> None:
    followed = 0
    for picture in photographs:
        shown = zoomed(picture, 0.7)
        whole, said = known_after(picture, shown, 20)
        followed += said is not whole
        for dark in (spot(picture, 0.7), shadowed(picture, "straight", 1.0, 0.4, 0.02, 0.0)):
            whole, said = known_after(picture, dark, 30)
            assert said is not None
            assert share_within(whole, said, picture.shape[:2]) > 0.95
    assert followed >= 0.8 * len(photographs)
