"""An engine that fails in mid-stream."""

from __future__ import annotations

import pydoc
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from edge.camera.demo import DemoCamera
from edge.capture.failover import FailoverModel
from edge.capture.guided import GuidedSession
from edge.capture.loop import Counts, grade_stream
from edge.engines import infer
from edge.engines.choose import open_engine
from edge.engines.protocol import Engine
from edge.errors import EdgeError, EngineError
from edge.guidance.guide import Guide
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

BREAKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "holds no number": lambda maps: np.full_like(maps, np.nan),
    "with shape": lambda maps: maps[:, :-1],
    "between 0 and 1": lambda maps: maps + 2,
}


class Failing:
    """The real engine until its last call, and a broken one from then on: it raises, or its maps are wrong."""

    def __init__(self, engine: Engine, calls: int, wrong: str = "") -> None:
        self._engine, self._left, self._wrong = engine, calls, wrong
        self.name, self.describe = engine.name, engine.describe
        self.closed = False

    def infer(self, tensor: np.ndarray) -> np.ndarray:
        self._left -= 1
        if self._left < 0:
            if self._wrong:
                return BREAKS[self._wrong](self._engine.infer(tensor))
            raise RuntimeError("an illegal memory access was encountered\nsecond line")
        return self._engine.infer(tensor)

    def close(self) -> None:
        self.closed = True
        raise RuntimeError("context is destroyed")


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


def stream(model: QualityModel, frames: int, said: list[str] | None = None, counts: Counts | None = None) -> list[int]:
    camera, session = DemoCamera(frames=frames, width=320, height=240), GuidedSession(model, None)
    steps = grade_stream(
        camera, session, counts or Counts(), fast=True, stop=threading.Event(),
        report=print if said is None else said.append,
    )  # fmt: skip
    return [step.graded.frame.index for step in steps]


def lasting_model(model: QualityModel, engine: Engine, said: list[str]) -> FailoverModel:
    return FailoverModel(model.bundle, engine, lambda name: open_engine(model.bundle, name, 1), said.append)


@pytest.mark.parametrize("wrong", ["", *BREAKS])
def test_the_stream_goes_on_without_losing_a_frame(model: QualityModel, wrong: str) -> None:
    said: list[str] = []
    broken = Failing(model.engine, 4, wrong)
    lasting = lasting_model(model, broken, said)
    assert stream(lasting, 8) == list(range(8))
    assert lasting.restarts == 1
    assert broken.closed
    assert len(said) == 1
    assert "failed in mid-stream; openvino is started" in said[0]
    assert wrong in said[0]
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

    lasting = FailoverModel(model.bundle, broken, reopen, said.append)
    assert stream(lasting, 6) == list(range(6))
    assert asked == ["tensorrt", "openvino"]
    assert lasting.engine.name == "openvino"
    lasting.close()


def test_where_nothing_works_it_is_one_sentence(model: QualityModel) -> None:
    def reopen(name: str) -> Engine:
        return Failing(model.engine, 0)

    lasting = FailoverModel(model.bundle, Failing(model.engine, 3), reopen, print)
    with pytest.raises(EngineError, match="illegal memory access"):
        stream(lasting, 6)


def test_a_bad_frame_is_not_the_engines_fault(model: QualityModel) -> None:
    said: list[str] = []
    lasting = FailoverModel(model.bundle, model.engine, lambda name: model.engine, said.append)
    with pytest.raises(ValueError, match="a frame is uint8"):
        lasting.assess(np.zeros((4, 4), np.uint8))
    assert said == []


def test_an_engine_that_fails_before_the_first_frame_is_replaced_too(model: QualityModel) -> None:
    said: list[str] = []
    lasting = lasting_model(model, Failing(model.engine, 0), said)
    assert stream(lasting, 4) == list(range(4))
    assert lasting.restarts == 1
    assert len(said) == 1
    assert "failed at its first inference; openvino is started" in said[0]
    lasting.close()


def test_an_engine_that_cannot_even_be_opened_is_one_sentence(model: QualityModel) -> None:
    def reopen(name: str) -> Engine:
        raise RuntimeError("the driver is older than the runtime\nsecond line")

    lasting = FailoverModel(model.bundle, Failing(model.engine, 2), reopen, print)
    with pytest.raises(EngineError, match=r"^the driver is older than the runtime$"):
        stream(lasting, 6)


class Tripping:
    """A step of ours that trips on some of its calls."""

    def __init__(self, real: Callable[..., Any], trips: Callable[[int], bool]) -> None:
        self._real, self._trips, self.calls = real, trips, 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        if self._trips(self.calls - 1):
            raise IndexError("index 7 is out of bounds\nsecond line")
        return self._real(*arguments, **named)


STEPS = ["edge.engines.infer.prepare_lit", "edge.model.score_of", "edge.capture.guided.Guide.update"]


def trip(monkeypatch: pytest.MonkeyPatch, step: str, trips: Callable[[int], bool]) -> None:
    owner, _, name = step.rpartition(".")
    if owner.endswith("Guide"):
        tripping = Tripping(Guide.update, trips)
        monkeypatch.setattr(Guide, name, lambda *arguments: tripping(*arguments))
    else:
        monkeypatch.setattr(step, Tripping(pydoc.locate(step), trips))


@pytest.mark.parametrize("step", STEPS)
def test_a_frame_that_trips_our_own_code_is_left_out_and_no_engine_is_blamed(
    model: QualityModel, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    said: list[str] = []
    told: list[str] = []
    counts = Counts()
    lasting = lasting_model(model, model.engine, told)
    trip(monkeypatch, step, lambda call: call in (2, 3, 5))
    graded = stream(lasting, 8, said, counts)
    assert len(graded) == 5
    assert graded[-1] > 5
    assert (lasting.restarts, told) == (0, [])
    assert (counts.seen, counts.graded, counts.dropped) == (8, 5, 3)
    assert len(said) == 1  # the same reason is told once
    assert re.match(r"frame \d is left out: ", said[0])
    assert "index 7 is out of bounds" in said[0]
    assert "\n" not in said[0]


@pytest.mark.parametrize("step", STEPS)
def test_where_no_frame_can_be_graded_the_session_ends(
    model: QualityModel, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    told: list[str] = []
    said: list[str] = []
    trip(monkeypatch, step, lambda call: call >= 2)
    with pytest.raises(
        EdgeError, match=r"frames in a row could not be graded \(the last one: .*out of bounds"
    ) as caught:
        stream(lasting_model(model, model.engine, told), 200, said)
    assert not isinstance(caught.value, EngineError)
    assert told == []
    assert len(said) == 1


def test_an_exception_of_ours_is_no_engine_error(model: QualityModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.engines.infer.prepare_lit", Tripping(infer.prepare_lit, lambda call: True))
    with pytest.raises(EdgeError, match=r"could not be graded \(IndexError: index 7") as caught:
        model.assess(phantom_frame(0))
    assert not isinstance(caught.value, EngineError)


class Watched(DemoCamera):
    """A camera that knows how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1
        super().close()


@pytest.mark.parametrize("what", ["warm-up", "frame", "thread"])
def test_the_camera_is_closed_whatever_fails(model: QualityModel, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError(what)

    camera = Watched(frames=3, width=320, height=240)
    if what == "warm-up":
        monkeypatch.setattr(QualityModel, "warm_up", fails)
    elif what == "frame":
        monkeypatch.setattr(GuidedSession, "update_frame", fails)
    else:
        monkeypatch.setattr(threading.Thread, "start", fails)
    session = GuidedSession(model, None)
    with pytest.raises(MemoryError, match=what):
        list(grade_stream(camera, session, Counts(), fast=True, stop=threading.Event(), report=print))
    assert camera.closed
