"""Two eyes in one session, with anything in between: both are captured, and neither twice."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.camera.protocol import Frame
from edge.capture.loop import Graded
from edge.capture.trigger import Trigger
from edge.guidance import Guide
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame
from trainer.outside import everted_lid, eyelid, open_eye, wall

FPS = 15
SIZE = (480, 360)
Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1, field="learn") as loaded:
        yield loaded


def resized(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def black(rng: np.random.Generator) -> Picture:
    return np.asarray(rng.integers(0, 4, (SIZE[1], SIZE[0], 3)), np.uint8)


GAPS = {"black": black, "face": open_eye, "wall": wall, "lid": eyelid, "everted": everted_lid}


def grainy(picture: Picture, rng: np.random.Generator) -> Picture:
    """As a sensor gives it: no two frames alike."""
    return np.asarray(np.clip(picture + rng.normal(0, 0.5, picture.shape), 0, 255), np.uint8)


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("seconds", [0.8, 1.6, 5.0])
def test_both_eyes_fire_once_each(model: QualityModel, gap: str, seconds: float) -> None:
    rng = np.random.default_rng(len(gap))
    right, left = (resized(phantom_frame(seed)) for seed in (5, 9))
    between = resized(GAPS[gap](rng))
    shown = [right] * 3 * FPS + [between] * round(seconds * FPS) + [left] * 4 * FPS
    guide, trigger = Guide(model.manifest.thresholds), Trigger("normal", model.manifest.thresholds)
    fired = []
    for number, picture in enumerate(shown):
        image, t = grainy(picture, rng), number / FPS
        assessment = model.assess(image)
        hint = guide.update(assessment, image, t)
        shot = trigger.update(Graded(Frame(image, number, t), assessment, t, 1.0, hint))
        if shot is not None:
            fired.append((shot.eye, shot.frames[0].frame.index))
    assert [eye for eye, _ in fired] == [1, 2], fired
    assert fired[0][1] < 3 * FPS
    assert fired[1][1] >= 3 * FPS + round(seconds * FPS)
