"""When a session's field gets smaller: after a zoom, and never behind a shadow."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.studies.wrong_good import SHAPES, shadowed
from edge.field.find import MASK_SIZE, Crop, Field, find_field
from edge.field.learned import RIMLESS, SURE, LearnedField, shares_within
from edge.images import read_image
from edge.phantom.retina import phantom_frame

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
CAMERAS = ("hrf/images", "chasedb1/images", "drive/test/images", "srahim")
STEADY = 300  # frames: ten seconds of video
Picture = NDArray[np.uint8]
drawn = functools.cache(phantom_frame)  # the same eye serves many tests


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


def taught(known: LearnedField, picture: Picture, frames: int = SURE) -> Field:
    """What a session says of the last of so many frames, all of them clear as far as the network is concerned."""
    said = None
    for _ in range(frames):
        said = known.of(picture)
        assert said is not None
        known.learn(picture, said, 1.0)
    assert said is not None
    return said


def known_after(picture: Picture, shown: Picture, frames: int) -> tuple[Field, Field | None]:
    """The whole field that a session learned, and what it says after so many frames of something else."""
    known, rng = LearnedField(), np.random.default_rng(0)
    whole = known.of(picture)
    assert whole is not None
    for _ in range(RIMLESS):
        known.learn(picture, whole, 1.0)
    said = None
    for _ in range(frames):
        grain = rng.standard_normal(shown.shape, np.float32) * np.float32(0.7)
        grainy = np.asarray(np.clip(shown + grain, 0, 255), np.uint8)
        said = known.of(grainy)
        if said is not None and said is not whole:  # as far as the network is concerned, all is well
            known.learn(grainy, said, 1.0)
    return whole, said


@pytest.fixture(scope="module", params=[3, 5, 9])
def eye(request: pytest.FixtureRequest) -> Picture:
    return resized(drawn(request.param))


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
    assert shares_within(said, own, eye.shape[:2])[0] > 0.95
    assert shares_within(own, said, eye.shape[:2])[0] > 0.95


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
    eye = resized(drawn(5))
    for angle in (0.5, 2.8):
        whole, said = known_after(eye, shadowed(eye, shape, angle, share, soft, 0.0), 30)
        assert said is not None
        assert shares_within(whole, said, eye.shape[:2])[0] > 0.95


def test_a_few_frames_or_ones_that_do_not_agree_are_not_enough() -> None:
    eye = resized(drawn(3))
    whole, said = known_after(eye, zoomed(eye, 0.7), 6)
    assert said is whole
    known = LearnedField()
    first = known.of(eye)
    assert first is not None
    for _ in range(RIMLESS):
        known.learn(eye, first, 1.0)
    assert all(known.of(zoomed(eye, factor)) is first for factor in np.tile([0.8, 0.65, 0.5], 10))


def test_one_lucky_frame_teaches_nothing() -> None:
    """A glimpse of a closer view, or light on the border: the frames after it are judged as before."""
    eye = resized(drawn(3))
    lit = Field(Crop(0, 0, eye.shape[1]), np.full((MASK_SIZE, MASK_SIZE), 255, np.uint8))
    for lucky, times in ((lit, SURE - 1), (find_field(zoomed(eye, 1.3)), SURE - 1)):
        assert lucky is not None
        known = LearnedField()
        for _ in range(times):
            known.learn(eye, lucky, 1.0)
        said = known.of(eye)
        assert said is not None
        assert shares_within(said, find_field(eye), eye.shape[:2])[0] > 0.99  # type: ignore[arg-type]


def test_a_field_that_the_frame_cuts_gets_smaller_again() -> None:
    """A closer view for a while, then back: the field is cut at two sides of the frame, neither round nor as it was."""
    eye = resized(drawn(4))
    own = find_field(eye)
    whole, said = known_after(zoomed(eye, 1.25), eye, 30)
    assert said is not None
    assert own is not None
    assert said is not whole
    assert shares_within(said, own, eye.shape[:2])[0] > 0.95


def test_after_an_absence_it_learns_anew() -> None:
    eye = resized(drawn(3))
    known = LearnedField()
    whole = taught(known, eye)
    other = zoomed(np.asarray(eye[:, ::-1], np.uint8), 0.7)  # the other eye, through another lens
    assert known.of(other) is whole
    known.forget()
    own, said = find_field(other), known.of(other)
    assert said is not None
    assert own is not None
    assert said.crop == own.crop


@pytest.mark.chain
def test_on_photographs_zooms_are_followed_and_shadows_are_not(photographs: list[Picture]) -> None:
    followed = 0
    for picture in photographs:
        shown = zoomed(picture, 0.7)
        whole, said = known_after(picture, shown, 20)
        followed += said is not whole
        for dark in (spot(picture, 0.7), shadowed(picture, "straight", 1.0, 0.4, 0.02, 0.0)):
            whole, said = known_after(picture, dark, 30)
            assert said is not None
            assert shares_within(whole, said, picture.shape[:2])[0] > 0.95
    assert followed >= 0.8 * len(photographs)


def everywhere(picture: Picture) -> Field:
    """The field of a frame that is lit beyond the rim, up to its border."""
    height, width = picture.shape[:2]
    mask = np.zeros((256, 256), np.uint8)
    high = round(128 * min(1.0, height / width))
    mask[128 - high : 128 + high] = 255
    return Field(Crop(0, (height - width) // 2, width), mask)


def assert_own(known: LearnedField, picture: Picture) -> None:
    own, said = find_field(picture), known.of(picture)
    assert own is not None
    assert said is not None
    assert shares_within(said, own, picture.shape[:2])[0] > 0.95


def is_not_poisoned_by_a_frame_or_by_a_closer_view(picture: Picture) -> None:
    for before in (0, 20):
        lucky = LearnedField()
        if before:
            taught(lucky, picture, before)
        lucky.learn(np.maximum(picture, 30), everywhere(picture), 1.0)
        assert_own(lucky, picture)
        for factor in (1.25, 1.6):
            for frames in (1, 6):
                known = LearnedField()
                if before:
                    taught(known, picture, before)
                taught(known, zoomed(picture, factor), frames)
                taught(known, picture, 16)
                assert_own(known, picture)


def test_neither_a_lucky_frame_nor_a_closer_view_poisons_a_session(eye: Picture) -> None:
    is_not_poisoned_by_a_frame_or_by_a_closer_view(eye)


def test_nor_on_photographs_whose_field_the_frame_cuts(photographs: list[Picture]) -> None:
    for picture in photographs[:5:2]:
        is_not_poisoned_by_a_frame_or_by_a_closer_view(picture)


def test_a_few_frames_that_are_lit_beyond_the_rim_are_forgotten_but_a_shadow_is_not_taken_for_it() -> None:
    eye = resized(drawn(3))
    known = LearnedField()
    taught(known, eye, 20)
    for _ in range(RIMLESS):
        known.learn(eye, everywhere(eye), 1.0)
    assert shares_within(everywhere(eye), known.of(eye), eye.shape[:2])[0] > 0.95  # type: ignore[arg-type]
    taught(known, eye, 12)
    assert_own(known, eye)
    dark = LearnedField()
    whole = taught(dark, eye)
    assert all(dark.of(spot(eye, 0.7)) is whole for _ in range(40))


def test_a_shadow_stays_one_behind_a_field_that_was_seen_often() -> None:
    """Also where the session began in that shadow: what many clear frames have shown whole does not get smaller."""
    eye = resized(drawn(3))
    known = LearnedField()
    taught(known, spot(eye, 0.7), 20)
    whole = taught(known, eye, 20)
    assert all(shares_within(whole, known.of(spot(eye, 0.7)), eye.shape[:2])[0] > 0.95 for _ in range(40))  # type: ignore[arg-type]
