"""The streaming loop with the shipped model on its real engine."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.camera.protocol import Frame
from edge.capture import loop as loop_module
from edge.capture import reading as reading_module
from edge.capture.graded import Graded
from edge.capture.guided import GuidedSession
from edge.capture.loop import Counts, grade_stream
from edge.capture.mailbox import Mailbox
from edge.capture.reading import Limits
from edge.engines.protocol import Engine
from edge.errors import EdgeError
from edge.model import QualityModel


def disc(size: int = 160) -> np.ndarray:
    """A bright disc on black: enough for the field finder, so that the engine runs."""
    y, x = np.mgrid[:size, :size] - size / 2
    inside = np.hypot(x, y) < 0.45 * size
    return np.where(inside[:, :, None], np.array([40, 90, 170]) + (x % 17)[:, :, None], 0).astype(np.uint8)


class Recording:
    """A camera whose pictures are known beforehand."""

    def __init__(
        self,
        frames: int,
        fps: float = 100.0,
        live: bool = False,
        fails_at: int = -1,
        read_s: float = 0.0,
        skip_s: float = 0.0,
        stall: tuple[int, float] = (-1, 0.0),
    ) -> None:
        self.fps, self.live = fps, live
        self.closed = False
        self._frames, self._given, self._fails_at = frames, 0, fails_at
        self._read_s, self._skip_s, self._stall = read_s, skip_s, stall
        self._picture = disc()
        self._start = 0.0
        self.clock: Any = time

    @property
    def given(self) -> int:
        """Frames read or passed over so far."""
        return self._given

    def read(self) -> Frame | None:
        if self._given >= self._frames:
            return None
        if self._given == self._fails_at:
            raise ValueError("the lens fell off\nsecond line")
        self._start = self._start or self.clock.monotonic()
        self.clock.sleep(self._read_s + (self._stall[1] if self._given == self._stall[0] else 0.0))
        due = self._start + self._given / self.fps
        if self.live:
            self.clock.sleep(max(0.0, due - self.clock.monotonic()))
        frame = Frame(self._picture, self._given, due)
        self._given += 1
        return frame

    def skip(self) -> bool:
        if self._given >= self._frames:
            return False
        self.clock.sleep(self._skip_s)
        self._given += 1
        return True

    def close(self) -> None:
        self.closed = True


class SlowEngine:
    """The real engine, on a slower machine."""

    def __init__(self, engine: Engine, seconds: float, fails: bool = False) -> None:
        self._engine, self._seconds, self._fails = engine, seconds, fails
        self._calls = 0
        self.name = engine.name
        self.describe, self.close = engine.describe, engine.close

    def infer(self, tensor: np.ndarray) -> np.ndarray:
        self._calls += 1
        if self._fails and self._calls > 3:
            raise RuntimeError("out of memory in kernel 7")
        time.sleep(self._seconds)
        return self._engine.infer(tensor)


class OvertakenEngine:
    """The real engine, on a machine so slow that ``behind`` frames come while it infers."""

    def __init__(self, engine: Engine, camera: Recording, behind: int) -> None:
        self._engine, self._camera, self._behind = engine, camera, behind
        self.name, self.describe, self.close = engine.name, engine.describe, engine.close
        self.newest: list[int] = []  # the number of frames that had come when each inference ended
        self._warm = False

    def infer(self, tensor: np.ndarray) -> np.ndarray:
        if self._warm:
            wanted = self._camera.given + self._behind
            until_true(lambda: self._camera.given >= wanted or self._camera.closed)
            self.newest.append(self._camera.given)
        self._warm = True
        return self._engine.infer(tensor)


class PatientClock:
    """Time that passes only where the camera's thread sleeps, and not before all earlier frames are graded."""

    def __init__(self, camera: Recording, counts: Counts) -> None:
        self._camera, self._counts, self._now = camera, counts, 1000.0
        self.patient = True

    def monotonic(self) -> float:
        return self._now

    time = monotonic

    def sleep(self, seconds: float) -> None:
        """Of the loop, which has the next frame in its hand."""
        self._pass(seconds, self._camera.given - 1)

    def of_camera(self) -> Any:
        return SimpleNamespace(monotonic=self.monotonic, sleep=lambda seconds: self._pass(seconds, self._camera.given))

    def _pass(self, seconds: float, graded: int) -> None:
        if self.patient:
            until_true(lambda: self._counts.graded >= graded)
        self._now += seconds


Patient = Callable[["Recording", Counts], PatientClock]


def until_true(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 300
    while not happened() and time.monotonic() < until:
        time.sleep(0.001)
    assert happened()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Patient:
    """Puts a ``PatientClock`` where the loop and the camera look."""

    def put(camera: Recording, counts: Counts) -> PatientClock:
        clock = PatientClock(camera, counts)
        camera.clock = clock.of_camera()
        for module in (loop_module, reading_module):
            monkeypatch.setattr(module, "time", clock)
        return clock

    return put


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


def slower(model: QualityModel, seconds: float, fails: bool = False) -> QualityModel:
    return QualityModel(model.bundle, SlowEngine(model.engine, seconds, fails))


def run(camera: Recording, model: QualityModel, **settings: Any) -> tuple[list[Graded], Counts, list[str]]:
    counts, said = settings.pop("counts", None) or Counts(), []
    settings.setdefault("stop", threading.Event())
    stream = grade_stream(camera, GuidedSession(model, None), counts, report=said.append, **settings)
    return [step.graded for step in stream], counts, said


def test_every_frame_is_graded_once_when_there_is_time(model: QualityModel, patient: Patient) -> None:
    camera, counts = Recording(8, fps=6.0), Counts()
    patient(camera, counts)
    graded, counts, said = run(camera, model, counts=counts)
    assert [g.frame.index for g in graded] == list(range(8))
    assert (counts.seen, counts.graded, counts.dropped, said) == (8, 8, 0, [])
    assert [g.t for g in graded] == pytest.approx(np.arange(8) / 6, abs=1e-6)
    assert camera.closed


def test_a_recording_keeps_its_own_pace(model: QualityModel, patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    camera, counts = Recording(11, fps=20.0), Counts()
    patient(camera, counts)
    shown: list[float] = []
    put = Mailbox.put

    def watched(box: Mailbox, frame: Frame, wait: bool) -> None:
        shown.append(camera.clock.monotonic())
        put(box, frame, wait)

    monkeypatch.setattr(Mailbox, "put", watched)
    run(camera, model, counts=counts)
    assert np.diff(shown) == pytest.approx(np.full(10, 1 / 20), abs=1e-6)
    assert 0 < counts.fps <= 26


@pytest.mark.parametrize("live", [False, True])
def test_a_late_loop_takes_the_newest_frame(model: QualityModel, live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_module, "BACKLOG_S", 60.0)  # the reader is in time, the grading side is not
    camera = Recording(40, fps=100.0, live=live)
    engine = OvertakenEngine(model.engine, camera, 5)
    graded, counts, _ = run(camera, QualityModel(model.bundle, engine))
    indices = [g.frame.index for g in graded]
    assert indices == sorted(set(indices))
    assert counts.dropped >= 20
    assert counts.seen == 40 == counts.graded + counts.dropped
    assert indices[-1] == 39
    # Each graded frame was new when it was taken: only the one at hand of the camera's thread can have been newer.
    for index, had_come in zip(indices[1:], engine.newest, strict=False):
        assert index >= had_come - 2
    assert min(g.latency_ms for g in graded) > 0


def test_frames_are_passed_over_where_reading_is_slower_than_the_pace(model: QualityModel) -> None:
    graded, counts, _ = run(Recording(200, fps=100.0, read_s=0.03), model)
    assert counts.seen == 200 == counts.graded + counts.dropped
    assert counts.dropped >= 80  # in its 2 s no more than 67 can be read
    assert [g.t for g in graded] == pytest.approx([g.frame.index / 100 for g in graded], abs=1e-6)


def test_a_source_that_cannot_keep_its_pace_is_shown_later(model: QualityModel, patient: Patient) -> None:
    camera, counts = Recording(150, fps=100.0, read_s=0.03, skip_s=0.03), Counts()
    clock = patient(camera, counts)
    clock.patient = False  # those that are passed over nobody grades
    graded, counts, _ = run(camera, model, counts=counts)
    assert counts.seen == 150 == counts.graded + counts.dropped
    assert graded[-1].frame.behind > 1  # its clock was set back
    first, last = graded[0], graded[-1]
    assert last.t == pytest.approx((last.frame.index - first.frame.index) / 100, abs=1e-6)
    assert clock.monotonic() - 1000 > 1.5 * 150 / 100


def test_a_short_stall_costs_no_frame(model: QualityModel, patient: Patient) -> None:
    camera, counts = Recording(14, fps=6.0, stall=(5, 0.3)), Counts()
    patient(camera, counts)
    run(camera, model, counts=counts)
    assert (counts.graded, counts.dropped) == (14, 0)


def test_the_limits_hold_for_frames_that_are_passed_over(model: QualityModel) -> None:
    _, counts, _ = run(Recording(300, stall=(5, 1.5)), model, limits=Limits(frames=60))
    assert counts.seen == 60
    _, counts, _ = run(Recording(300, stall=(5, 1.5)), model, limits=Limits(seconds=0.6))
    assert counts.seen == 60


def test_fast_grades_every_frame_without_waiting(model: QualityModel, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(reading_module, "_wait_until", lambda moment, ended: waited.append(moment))
    graded, counts, _ = run(Recording(30, fps=2.0), slower(model, 0.005), fast=True)
    assert waited == []
    assert [g.frame.index for g in graded] == list(range(30))
    assert counts.dropped == 0
    assert graded[-1].t == pytest.approx(29 / 2)
    assert all(g.latency_ms > 0 for g in graded)


def test_a_live_camera_is_never_hurried(model: QualityModel) -> None:
    _, counts, _ = run(Recording(30, fps=100.0, live=True), slower(model, 0.05), fast=True)
    assert counts.dropped > 0


def test_the_limits_end_the_stream(model: QualityModel) -> None:
    assert len(run(Recording(30), model, fast=True, limits=Limits(frames=7))[0]) == 7
    assert len(run(Recording(30, fps=10.0), model, fast=True, limits=Limits(seconds=0.5))[0]) == 5


def test_stop_ends_the_stream_in_the_middle(model: QualityModel) -> None:
    stop = threading.Event()
    camera = Recording(10_000, fps=50.0)
    counts = Counts()
    indices = []
    for step in grade_stream(camera, GuidedSession(model, None), counts, stop=stop, report=print):
        indices.append(step.graded.frame.index)
        if len(indices) == 5:
            stop.set()
    assert len(indices) == 5
    assert camera.closed


def test_a_reader_that_leaves_early_stops_the_camera(model: QualityModel) -> None:
    camera = Recording(10_000, fps=50.0)
    stream = grade_stream(camera, GuidedSession(model, None), Counts(), stop=threading.Event(), report=print)
    next(stream)
    stream.close()
    assert camera.closed
    assert not [thread for thread in threading.enumerate() if thread.name == "camera"]


def test_a_failing_camera_thread_is_one_sentence_after_its_frames(model: QualityModel) -> None:
    camera = Recording(10, fails_at=3)
    counts = Counts()
    graded = []
    stream = grade_stream(camera, GuidedSession(model, None), counts, fast=True, stop=threading.Event(), report=print)
    with pytest.raises(EdgeError, match=r"^the source failed \(the lens fell off\); [^\n]+$"):
        graded.extend(stream)
    assert len(graded) == 3
    assert camera.closed


class Broken(Recording):
    """Says the same for ever from one of its frames on, or something else each time."""

    def __init__(self, at: int, same: bool) -> None:
        super().__init__(10**9)
        self._at, self._same = at, same

    def read(self) -> Frame | None:
        frame = super().read()
        if self.given <= self._at:
            return frame
        if not self._same and self.given == 100:
            return None
        raise EdgeError("the cable is torn." if self._same else f"picture {self.given} is torn.")


def test_a_source_that_repeats_one_error_ends(model: QualityModel) -> None:
    said: list[str] = []
    camera, session = Broken(5, True), GuidedSession(model, None)
    stream = grade_stream(camera, session, Counts(), fast=True, stop=threading.Event(), report=said.append)
    graded = []
    with pytest.raises(EdgeError, match=r"^the source failed \(the cable is torn\); start again, or try another"):
        graded.extend(stream)
    assert len(graded) == 5
    assert said == ["the cable is torn."]


def test_a_source_with_many_broken_pictures_goes_on(model: QualityModel) -> None:
    graded, _, said = run(Broken(5, False), model, fast=True)
    assert len(graded) == 5
    assert len(said) == 99 - 5


def test_a_failing_engine_is_one_sentence(model: QualityModel) -> None:
    camera = Recording(10)
    with pytest.raises(EdgeError, match=r"failed on a frame .*kernel 7.* --engine"):
        run(camera, slower(model, 0.0, fails=True), fast=True)
    assert camera.closed


def test_a_mailbox_holds_the_newest() -> None:
    box = Mailbox()
    frames = [Frame(np.zeros((1, 1, 3), np.uint8), index, 0.0) for index in range(3)]
    for frame in frames:
        box.put(frame, wait=False)
    box.close()
    assert box.take(threading.Event()) is frames[2]
    assert box.take(threading.Event()) is None
    assert box.dropped == 2


def test_a_mailbox_wakes_up_for_stop() -> None:
    stop, waiting = threading.Event(), threading.Event()
    taken: list[Frame | None] = []
    taker = threading.Thread(target=lambda: taken.append(Mailbox().take(stop, waiting.set)), daemon=True)
    taker.start()
    assert waiting.wait(60)
    assert taken == []
    stop.set()
    taker.join(60)
    assert taken == [None]


def test_counts_know_their_percentiles() -> None:
    counts = Counts(graded=11, seconds=2.0)
    assert counts.latency(99) == 0.0
    counts.latencies_ms.extend(float(n) for n in range(101))
    assert counts.latency(50) == pytest.approx(50.0)
    assert counts.fps == pytest.approx(5.0)
    assert dataclasses.replace(counts, seconds=0.0).fps == 0.0
