"""What assess says of frames that are none, and of engines that break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.model import QualityModel
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
