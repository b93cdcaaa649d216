"""The field that a maker gives, or that a session has learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle.manifest import read_manifest, write_manifest
from edge.errors import EdgeError, MisfitError
from edge.field.find import find_field
from edge.field.known import OwnField, field_setting
from edge.field.learned import SURE, LearnedField
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

EYE = phantom_frame(3)
HEIGHT, WIDTH = EYE.shape[:2]


def spot(share: float) -> NDArray[np.uint8]:
    """The middle of the field alone, behind a sharp round edge: no photograph tells this from a smaller field."""
    field = find_field(EYE)
    assert field is not None
    half = field.crop.side / 2
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = np.hypot(x - field.crop.x - half, y - field.crop.y - half) < share * half
    return np.asarray(EYE * inside[:, :, None], np.uint8)


def test_what_a_photograph_cannot_tell_a_session_has_learned() -> None:
    dark = spot(0.7)
    with QualityModel.load(threads=1, field="frame") as alone, QualityModel.load(threads=1, field="learn") as session:
        assert alone.assess(dark).coverage == 1.0
        assert {session.assess(EYE).verdict for _ in range(SURE)} == {"good"}  # one frame teaches nothing
        after = session.assess(dark)
        assert after.verdict == "reject"
        assert after.coverage == pytest.approx(0.49, abs=0.08)
        assert session.assess(EYE).verdict == "good"


def test_a_spoiled_frame_teaches_nothing_and_another_size_starts_anew() -> None:
    known = LearnedField()
    whole = known.of(EYE)
    assert whole is not None
    known.learn(EYE, whole, 0.6)  # a good part of it was dark
    small = find_field(spot(0.7))
    assert small is not None
    assert known.of(spot(0.7)).crop == small.crop  # type: ignore[union-attr]
    for _ in range(SURE):
        known.learn(EYE, whole, 1.0)
    assert known.of(spot(0.7)) is whole
    half = np.asarray(cv2.resize(EYE, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
    assert known.of(half).crop == find_field(half).crop  # type: ignore[union-attr]


def test_a_lens_that_moves_is_followed() -> None:
    known = LearnedField()
    whole = known.of(EYE)
    assert whole is not None
    for _ in range(SURE):
        known.learn(EYE, whole, 1.0)
    moved = np.asarray(np.roll(np.pad(EYE, ((0, 0), (200, 200), (0, 0))), 150, axis=1)[:, 200:-200], np.uint8)
    own = find_field(moved)
    assert own is not None
    assert known.of(moved).crop == own.crop  # type: ignore[union-attr]


def test_a_smaller_field_beside_the_known_one_is_no_field_yet() -> None:
    known = LearnedField()
    whole = known.of(EYE)
    assert whole is not None
    for _ in range(SURE):
        known.learn(EYE, whole, 1.0)
    beside = np.asarray(np.roll(spot(0.7), WIDTH // 4, axis=1), np.uint8)
    assert known.of(beside) is whole
    for _ in range(SURE):
        known.learn(beside, find_field(beside), 1.0)  # type: ignore[arg-type]
    assert known.of(spot(0.8)) is whole


def test_a_circle_and_a_mask_are_the_field(tmp_path: Path) -> None:
    field = find_field(EYE)
    assert field is not None
    x, y, radius = field.crop.x + field.crop.side / 2, field.crop.y + field.crop.side / 2, field.crop.side / 2
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (round(x), round(y)), round(radius), 255, -1)
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    for setting in (f"circle:{x},{y},{radius}", str(tmp_path / "mask.png")):
        given = field_setting(setting).of(spot(0.6))
        assert given is not None
        assert abs(given.crop.side - field.crop.side) <= 3
        assert (given.on_grid(32) == field.on_grid(32)).mean() > 0.97
        with QualityModel.load(threads=1, field=setting) as model:
            assert model.assess(spot(0.6)).verdict == "reject"
            assert model.assess(EYE).verdict == "good"
            assert model.assess(np.zeros_like(EYE)).verdict == "no_fundus"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("circle:1,2", "not known"),
        ("circle:a,b,c", "not known"),
        ("nowhere.png", r"^there is no mask nowhere\.png: "),
        ("at/nowhere", "^there is no mask at/nowhere: "),
        ("/dev/null", "^the mask /dev/null is no file: "),
        ("m" * 300 + ".png", "^there is no mask m"),
        ("circle:\u0661\u0662,5,90", "not known"),  # digits, but none that are meant
        (f"circle:{'9' * 400},5,90", "not known"),
        ("circle:5,5,-90", "not known"),
        ("circle:1e3,5,90", "not known"),
        ("oval", "not known"),
        ("", "not known"),
        ("circle:10,10,0", "radius"),
    ],
)
def test_a_setting_that_is_none_is_one_sentence(setting: str, words: str) -> None:
    with pytest.raises(EdgeError, match=words) as caught:
        field_setting(setting)
    assert "circle:X,Y,R" in str(caught.value)


def test_a_circle_may_be_written_with_signs_and_bare_points() -> None:
    assert str(field_setting("circle:+5.,-3.50,+90")) == "circle:5,-3.5,90"


@pytest.mark.parametrize("setting", ["circle:1,1,3", "circle:400,300,7.9", "circle:0,0,0"])
def test_a_manifest_with_hardly_a_field_is_refused(setting: str) -> None:
    with QualityModel.load(threads=1) as model:
        manifest = model.manifest
    with pytest.raises(EdgeError, match=r"the manifest: field is .* a circle with a radius of 8 pixels or more"):
        read_manifest(write_manifest(replace(manifest, field=setting)))
    assert read_manifest(write_manifest(replace(manifest, field="circle:9,9,8"))).field == "circle:9,9,8"


def test_what_does_not_fit_the_frame_is_one_sentence(tmp_path: Path) -> None:
    assert field_setting("circle:100,20,10").of(np.full((40, 20000, 3), 90, np.uint8)) is None  # nothing to see in it
    with pytest.raises(MisfitError, match="does not lie in a frame"):
        field_setting("circle:5000,10,100").of(EYE)
    cv2.imwrite(str(tmp_path / "small.png"), np.full((50, 60), 255, np.uint8))
    with pytest.raises(MisfitError, match="60 x 50 pixels"):
        field_setting(str(tmp_path / "small.png")).of(EYE)
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((50, 60), np.uint8))
    with pytest.raises(EdgeError, match="hardly a white pixel"):
        field_setting(str(tmp_path / "black.png"))
    cv2.imwrite(str(tmp_path / "eye.png"), EYE)
    with pytest.raises(EdgeError, match="is a picture, not a mask"):
        field_setting(tmp_path / "eye.png")
    for setting in ((10, 20, 30), np.ones((4, 4), bool)):
        with pytest.raises(EdgeError, match="circle:X,Y,R"):
            field_setting(setting)  # type: ignore[arg-type]


def test_a_mask_of_zeros_and_ones_is_one(tmp_path: Path) -> None:
    ones = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(ones, (WIDTH // 2, HEIGHT // 2), 200, 1, -1)
    cv2.imwrite(str(tmp_path / "ones.png"), ones)
    given = field_setting(tmp_path / "ones.png").of(EYE)
    assert given is not None
    assert abs(given.crop.side - 401) <= 1


@pytest.mark.parametrize("setting", ["frame", "learn", "circle:10,20.5,30"])
def test_how_the_field_was_given_can_be_written_down(setting: str) -> None:
    assert str(field_setting(setting)) == setting


def test_each_frame_by_itself_is_the_default() -> None:
    with QualityModel.load() as model:
        assert isinstance(model.field, OwnField)
