"""What assess says of frames that are none, and of engines that break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.model import LEAST_LIT, QualityModel
from edge.phantom.retina import phantom_frame


class BrokenEngine:
    """Stands in for a runtime that fails."""

    name = "broken"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def infer(self, tensor: np.ndarray) -> np.ndarray:
        raise self._error

    def describe(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as model:
        yield model


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (None, r"not NoneType: could the file be read\?"),
        (np.zeros((64, 64), np.uint8), r"not uint8 with shape \(64, 64\)"),
        (np.zeros((64, 64, 4), np.uint8), r"not uint8 with shape \(64, 64, 4\)"),
        (np.zeros((64, 64, 3), np.float32), "not float32 with shape"),
        (np.zeros((0, 64, 3), np.uint8), "not uint8 with shape"),
    ],
)
def test_what_is_no_frame_is_one_sentence_and_a_value_error(model: QualityModel, frame: Any, words: str) -> None:
    with pytest.raises(EdgeError, match=rf"^a frame is uint8 with shape \(H, W, 3\), {words}") as caught:
        model.assess(frame)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, cv2.error])
def test_whatever_an_engine_throws_is_one_sentence(model: QualityModel, kind: type[Exception]) -> None:
    broken = QualityModel(model.bundle, BrokenEngine(kind("out of memory in kernel 7\n  at line 12")))
    with pytest.raises(EdgeError, match=r"kernel 7\): edge-compile --engine NAME") as caught:
        broken.assess(phantom_frame(0))
    assert str(caught.value).startswith(f"{model.bundle.path} failed on a frame (")
    assert "\n" not in str(caught.value)


def test_a_sentence_of_the_engine_is_passed_on_as_it_is(model: QualityModel) -> None:
    broken = QualityModel(model.bundle, BrokenEngine(EdgeError("the GPU failed: start again")))
    with pytest.raises(EdgeError, match=r"^the GPU failed: start again$"):
        broken.assess(phantom_frame(0))


@pytest.mark.parametrize("angle", [0.3, 1.9, 4.0])
def test_a_frame_with_a_quarter_in_the_dark_is_not_usable_whatever_its_score(
    model: QualityModel, monkeypatch: pytest.MonkeyPatch, angle: float
) -> None:
    """A network may call what it sees there sound, and weigh the rest more."""
    eye = phantom_frame(3)
    y, x = np.mgrid[: eye.shape[0], : eye.shape[1]]
    along = (x - eye.shape[1] / 2) * np.cos(angle) + (y - eye.shape[0] / 2) * np.sin(angle)
    edge = np.quantile(along[eye.max(axis=2) > 20], 0.75)
    dark = np.asarray(eye * np.where(along > edge, 0.08, 1.0)[:, :, None], np.uint8)
    monkeypatch.setattr("edge.model.score_of", lambda *_: 0.99)
    assert model.assess(eye).verdict == "good"
    found = model.assess(dark)
    assert found.coverage < LEAST_LIT
    assert found.verdict == "reject"
    assert found.score < model.manifest.thresholds.usable
