"""A camera that mirrors contradicts the stated eye: said once; what tells nothing is never held against it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edge.assessment import Assessment
from edge.camera.protocol import Frame
from edge.capture.eye_watch import ENOUGH, EyeWatch
from edge.capture.graded import Graded
from edge.capture.session.record import sidecar_of
from edge.findings.eye import Eye
from edge.model import QualityModel
from edge.phantom.retina import make_retina

RIGHT, LEFT = 950_001, 950_002  # seeds of a right eye and a left one


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def seen(model: QualityModel) -> dict[str, Assessment]:
    """Frames of both eyes, as they are and as a camera shows them that mirrors, is upside down, or lies on its side."""
    right, left = (make_retina(seed, 480) for seed in (RIGHT, LEFT))
    assert (right.laterality, left.laterality) == ("right", "left")
    frames = {
        "right": right.image,
        "left": left.image,
        "mirrored right": right.image[:, ::-1],
        "upside down right": right.image[::-1, ::-1],
        "right on its side": np.rot90(right.image),
        "nothing": np.zeros_like(left.image),
    }
    return {name: model.assess(np.ascontiguousarray(frame)) for name, frame in frames.items()}


def said(stated: Eye | None, shown: list[Assessment], close: bool = True) -> list[str]:
    words: list[str] = []
    watch = EyeWatch(stated, words.append)
    for each in shown:
        watch.look(each)
    if close:
        watch.close()
    return words


def test_each_view_tells_what_it_shows(seen: dict[str, Assessment]) -> None:
    told = {name: each.eye for name, each in seen.items()}
    assert told == {
        "right": "right",
        "left": "left",
        "mirrored right": "left",
        "upside down right": "left",
        "right on its side": None,
        "nothing": None,
    }


@pytest.mark.parametrize("view", ["mirrored right", "upside down right", "left"])
def test_the_other_eye_is_told_of_once_after_enough_frames(seen: dict[str, Assessment], view: str) -> None:
    assert said("right", [seen[view]] * (ENOUGH - 1), close=False) == []
    (words,) = said("right", [seen[view]] * (3 * ENOUGH))
    assert words.startswith("these frames show a left eye, but --laterality R was given: ")
    assert words.endswith("start again with --laterality L.")


def test_what_agrees_or_does_not_tell_is_no_contradiction(seen: dict[str, Assessment]) -> None:
    many = 2 * ENOUGH
    assert said("right", [seen["right"]] * many) == []
    assert said("left", [seen["mirrored right"]] * many) == []  # one cannot be told from the other
    assert said("left", [seen["right on its side"]] * many) == []
    assert said("left", [seen["nothing"]] * many) == []
    assert said(None, [seen["left"]] * many + [seen["right"]] * many) == []


def test_a_few_frames_against_many_say_nothing(seen: dict[str, Assessment]) -> None:
    assert said("right", ([seen["right"]] * 2 + [seen["left"]]) * ENOUGH) == []


def test_the_next_eye_under_the_same_statement_is_told_of(seen: dict[str, Assessment]) -> None:
    assert (
        len(said("right", [seen["right"]] * 200 + [seen["nothing"]] * 20 + [seen["left"]] * ENOUGH, close=False)) == 1
    )


def test_a_session_of_one_picture_is_told_of_at_its_end(seen: dict[str, Assessment]) -> None:
    assert len(said("right", [seen["left"]])) == 1
    assert said("right", [seen["left"], seen["right"]]) == []


@pytest.mark.parametrize(
    ("stated", "view", "contradicts"),
    [("right", "right", False), ("right", "left", True), (None, "left", False), ("right", "nothing", False)],
)
def test_the_record_keeps_both_eyes(
    model: QualityModel, seen: dict[str, Assessment], stated: Eye | None, view: str, contradicts: bool
) -> None:
    frame = Frame(np.zeros((480, 480, 3), np.uint8), 0, 1.0)
    eye = sidecar_of(Graded(frame, seen[view], 0.0, 1.0), stated, model, "source")["eye"]
    assert (eye["stated"], eye["told"], eye["contradicts"]) == (stated, seen[view].eye, contradicts)
    assert eye["probability"] == pytest.approx(seen[view].eye_probability, abs=1e-4)
