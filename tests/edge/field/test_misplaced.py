"""A field that was given and is plainly wrong is reported, once; a shadow is no reason to doubt it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from edge.commands.capture import app as capture
from edge.commands.grade import app as grade
from edge.field.find import find_field
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

Picture = NDArray[np.uint8]


def a_circle(picture: Picture) -> tuple[float, float, float]:
    field = find_field(picture)
    assert field is not None
    half = field.crop.side / 2
    return field.crop.x + half, field.crop.y + half, half


EYE = np.asarray(cv2.resize(phantom_frame(3), (480, 480), interpolation=cv2.INTER_AREA), np.uint8)
X, Y, R = a_circle(EYE)


def circle(aside: float = 0.0, size: float = 1.0) -> str:
    return f"circle:{X + aside * R:.0f},{Y:.0f},{size * R:.0f}"


def spot(share: float) -> Picture:
    """The middle of the field alone."""
    y, x = np.mgrid[: EYE.shape[0], : EYE.shape[1]]
    return np.asarray(EYE * (np.hypot(x - X, y - Y) < share * R)[:, :, None], np.uint8)


def zoomed(factor: float) -> Picture:
    onto = np.array([[factor, 0, (1 - factor) * X], [0, factor, (1 - factor) * Y]])
    return np.asarray(cv2.warpAffine(EYE, onto, EYE.shape[1::-1], flags=cv2.INTER_AREA), np.uint8)


def said_of(setting: str, pictures: list[Picture]) -> list[str]:
    said: list[str] = []
    with QualityModel.load(threads=1, field=setting) as model:
        model.warn = said.append
        for picture in pictures:
            model.assess(picture)
    return said


@pytest.mark.parametrize("setting", [circle(0.6), circle(size=0.5), circle(size=0.1)])
def test_a_retina_outside_of_the_field_is_told_at_once_and_once(setting: str) -> None:
    said: list[str] = []
    with QualityModel.load(threads=1, field=setting) as model:
        model.warn = said.append
        model.assess(EYE)
        assert len(said) == 1
        model.assess(EYE)
    assert len(said) == 1
    assert f"the field {setting} leaves out much of what the frame shows" in said[0]
    assert f"circle:{X:.0f},{Y:.0f},{R:.0f}" in said[0]


def test_a_mask_too(tmp_path: Path) -> None:
    mask = np.zeros(EYE.shape[:2], np.uint8)
    mask[:, : EYE.shape[1] // 3] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    said = said_of(str(tmp_path / "mask.png"), [EYE])
    assert len(said) == 1
    assert "mask.png leaves out much" in said[0]


def test_a_field_that_is_black_in_every_clear_frame_is_told_at_the_end() -> None:
    said = said_of(circle(), [zoomed(0.6)] * 3)
    assert len(said) == 1
    assert "black" in said[0]
    assert len(said_of(circle(size=1.3), [EYE])) == 1


def test_a_session_need_not_end_for_that() -> None:
    said: list[str] = []
    with QualityModel.load(threads=1, field=circle()) as model:
        model.warn = said.append
        for _ in range(35):
            model.assess(zoomed(0.6))
        assert len(said) == 1
    assert len(said) == 1


@pytest.mark.parametrize("setting", [circle(), circle(0.05, 1.03), circle(size=0.93)])
def test_shadows_in_a_field_that_fits_are_no_reason(setting: str) -> None:
    dark = np.zeros_like(EYE)
    assert said_of(setting, [EYE, *[spot(0.6)] * 40, dark, spot(0.4)]) == []
    assert said_of(setting, [spot(0.5), spot(0.6), EYE]) == []


def test_frames_that_are_not_clear_say_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 255, EYE.shape).astype(np.uint8)
    assert said_of(circle(0.6), [noise, np.zeros_like(EYE), EYE // 40]) == []


def test_in_python_it_is_a_warning_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "edge"), QualityModel.load(threads=1, field=circle(0.6)) as model:
        model.assess(EYE)
        model.assess(EYE)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "leaves out" in caplog.text


def test_the_commands_note_it_once(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), EYE)
    for app, extra in ((grade, []), (capture, ["--fast"])):
        done = CliRunner().invoke(app, [str(tmp_path), "--field", circle(0.6), *extra])
        assert done.exit_code == 0, done.output
        assert done.stderr.count("note: the field circle") == 1
    done = CliRunner().invoke(capture, [str(tmp_path), "--field", circle(0.6), "--fast", "--json"])
    notes = [line for line in map(json.loads, done.stdout.splitlines()) if line.get("event") == "note"]
    assert len(notes) == 1
