"""Two eyes in one session, with anything in between: both are captured, and neither twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.studies.visits.gaps import GAPS, black
from edge.camera.protocol import Camera, Frame
from edge.capture.graded import Graded
from edge.capture.guided import GuidedSession
from edge.capture.loop import Counts, grade_stream
from edge.capture.trigger import Trigger
from edge.field.find import find_field
from edge.guidance.guide import Guide
from edge.model import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.retina import phantom_frame

FPS = 15
SIZE = (480, 360)
Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1, field="learn") as loaded:
        yield loaded


def resized(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def grainy(picture: Picture, rng: np.random.Generator) -> Picture:
    """As a sensor gives it: no two frames alike."""
    grain = rng.integers(-1, 2, picture.shape, dtype=np.int8)
    return np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)


def fired(model: QualityModel, shown: list[Picture], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Which eye fired at which frame."""
    guide, trigger = Guide(model.manifest.thresholds), Trigger("normal", model.manifest.thresholds)
    shots = []
    for number, picture in enumerate(shown):
        image, t = grainy(picture, rng), number / FPS
        assessment = model.assess(image)
        hint = guide.update(assessment, image, t)
        shot = trigger.update(Graded(Frame(image, number, t), assessment, t, 1.0, hint))
        if shot is not None:
            shots.append((shot.eye, shot.frames[0].frame.index))
    return shots


@pytest.mark.parametrize(("gap", "seconds"), [*((gap, 1.6) for gap in GAPS), *product(("black", "lid"), (0.8, 5.0))])
def test_both_eyes_fire_once_each(model: QualityModel, gap: str, seconds: float) -> None:
    rng = np.random.default_rng(len(gap))
    right, left = (resized(phantom_frame(seed)) for seed in (5, 9))
    between = resized(GAPS[gap](rng))
    shots = fired(model, [right] * 3 * FPS + [between] * round(seconds * FPS) + [left] * 4 * FPS, rng)
    assert [eye for eye, _ in shots] == [1, 2], shots
    assert shots[0][1] < 3 * FPS
    assert shots[1][1] >= 3 * FPS + round(seconds * FPS)


@pytest.mark.parametrize(("seed", "seconds"), [(5, 1.0), (9, 1.6), (5, 2.5)])
def test_the_same_eye_out_of_focus_for_a_while_fires_once(model: QualityModel, seed: int, seconds: float) -> None:
    rng = np.random.default_rng(seed)
    eye = resized(phantom_frame(seed))
    blurred = degrade(eye, "blur", 1.0)[0]
    assert model.assess(blurred).verdict == "reject"
    assert all(float(each.max()) < 0.8 for each in model.assess(blurred).regions.values())  # neither disc nor macula
    shots = fired(model, [eye] * 3 * FPS + [blurred] * round(seconds * FPS) + [eye] * 4 * FPS, rng)
    assert [number for number, _ in shots] == [1], shots


def zoomed(eye: Picture, factor: float) -> Picture:
    onto = np.array([[factor, 0, (1 - factor) / 2 * SIZE[0]], [0, factor, (1 - factor) / 2 * SIZE[1]]])
    return np.asarray(cv2.warpAffine(eye, onto, SIZE, flags=cv2.INTER_AREA), np.uint8)


class Shown(Camera):
    """A recording of these pictures."""

    live, fps, format, missed = False, float(FPS), "", 0

    def __init__(self, pictures: list[Picture]) -> None:
        self._left = iter(enumerate(pictures))

    def read(self) -> Frame | None:
        found = next(self._left, None)
        return None if found is None else Frame(found[1], found[0], found[0] / FPS)

    def skip(self) -> bool:
        return next(self._left, None) is not None

    def close(self) -> None:
        """Nothing is open."""


def verdicts(pictures: list[Picture]) -> list[str]:
    """Of a whole session that learns the field."""
    rng = np.random.default_rng(0)
    camera = Shown([grainy(each, rng) for each in pictures])
    with QualityModel.load(threads=1, field="learn") as session:
        guided = GuidedSession(session, None)
        stream = grade_stream(camera, guided, Counts(), fast=True, stop=threading.Event(), report=print)
        return [step.assessment.verdict for step in stream]


def test_an_eye_through_another_lens_is_good_after_an_absence() -> None:
    rng = np.random.default_rng(0)
    right, left = (resized(phantom_frame(seed)) for seed in (5, 9))
    said = verdicts([right] * FPS + [black(rng)] * FPS + [zoomed(left, 0.7)] * FPS)
    assert set(said[:FPS]) == {"good"}
    assert set(said[2 * FPS :]) == {"good"}


def test_a_shadow_is_no_absence_however_long_it_stays() -> None:
    eye = resized(phantom_frame(5))
    field = find_field(eye)
    assert field is not None
    middle = np.zeros(eye.shape[:2], np.uint8)
    half = field.crop.side // 2
    cv2.circle(middle, (field.crop.x + half, field.crop.y + half), round(0.7 * half), 1, -1)
    dark = np.asarray(eye * middle[:, :, None], np.uint8)
    said = verdicts([eye] * FPS + [dark] * 10 * FPS + [eye] * FPS)
    assert set(said[FPS:-FPS]) == {"reject"}
    assert set(said[-FPS:]) == {"good"}
