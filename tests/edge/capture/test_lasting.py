"""An engine that fails in mid-stream."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from edge.camera.demo import DemoCamera
from edge.capture.lasting import LastingModel
from edge.capture.loop import Counts, grade_stream
from edge.engines.choose import open_engine
from edge.engines.protocol import Engine
from edge.errors import EdgeError
from edge.model import QualityModel


class Failing:
    """The real engine until its last call, and a broken one from then on."""

    def __init__(self, engine: Engine, calls: int, nan: bool = False) -> None:
        self._engine, self._left, self._nan = engine, calls, nan
        self.name, self.describe = engine.name, engine.describe
        self.closed = False

    def infer(self, tensor: np.ndarray) -> np.ndarray:
        self._left -= 1
        if self._left < 0:
            if self._nan:
                return np.full_like(self._engine.infer(tensor), np.nan)
            raise RuntimeError("an illegal memory access was encountered\nsecond line")
        return self._engine.infer(tensor)

    def close(self) -> None:
        self.closed = True
        raise RuntimeError("context is destroyed")


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


def stream(model: LastingModel, frames: int) -> list[int]:
    graded = grade_stream(
        DemoCamera(frames=frames, width=320, height=240), model, Counts(), fast=True, stop=threading.Event(),
        report=print,
    )  # fmt: skip
    return [each.frame.index for each in graded]


@pytest.mark.parametrize("nan", [False, True])
def test_the_stream_goes_on_without_losing_a_frame(model: QualityModel, nan: bool) -> None:
    said: list[str] = []
    broken = Failing(model.engine, 4, nan)
    lasting = LastingModel(model.bundle, broken, lambda name: open_engine(model.bundle, name, 1), said.append)
    assert stream(lasting, 8) == list(range(8))
    assert lasting.restarts == 1
    assert broken.closed
    assert len(said) == 1
    assert "failed in mid-stream; openvino is started" in said[0]
    assert "\n" not in said[0]
    lasting.close()


def test_another_engine_takes_over_where_the_same_does_not_start(model: QualityModel) -> None:
    said: list[str] = []
    broken = Failing(model.engine, 3)
    broken.name = "tensorrt"
    asked: list[str] = []

    def reopen(name: str) -> Engine:
        asked.append(name)
        if name == "tensorrt":
            raise EdgeError("the driver is gone.")
        return open_engine(model.bundle, name, 1)

    lasting = LastingModel(model.bundle, broken, reopen, said.append)
    assert stream(lasting, 6) == list(range(6))
    assert asked == ["tensorrt", "openvino"]
    assert lasting.engine.name == "openvino"
    lasting.close()


def test_where_nothing_works_it_is_one_sentence(model: QualityModel) -> None:
    def reopen(name: str) -> Engine:
        return Failing(model.engine, 0)

    lasting = LastingModel(model.bundle, Failing(model.engine, 3), reopen, print)
    with pytest.raises(EdgeError, match="illegal memory access"):
        stream(lasting, 6)


def test_a_bad_frame_is_not_the_engines_fault(model: QualityModel) -> None:
    said: list[str] = []
    lasting = LastingModel(model.bundle, model.engine, lambda name: model.engine, said.append)
    with pytest.raises(ValueError, match="a frame is uint8"):
        lasting.assess(np.zeros((4, 4), np.uint8))
    assert said == []
