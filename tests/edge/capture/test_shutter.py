"""What is kept when something fires, with the real session and its writer."""

from __future__ import annotations

import dataclasses
import datetime
import errno
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.assessment import Assessment, Timings
from edge.bundle.bundle import Thresholds
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.capture.retention.space import Space
from edge.capture.session import session as session_module
from edge.capture.session import troubles
from edge.capture.session.frame_store import FrameStore
from edge.capture.session.session import Session
from edge.capture.shutter import Shutter
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.model import QualityModel


def graded(index: int, score: float = 0.9, side: int = 64) -> Graded:
    image = np.random.default_rng(index).integers(0, 255, (side, side, 3), np.uint8)
    whole = np.ones((4, 4), bool)
    degradation = np.full((4, 4), 1 - score, np.float32)
    assessment = Assessment(score, "good", degradation, whole, Crop(0, 0, side), Timings(1.0, 2.0, 3.0))
    return Graded(Frame(image, index, 100.0 + index / 30), assessment, index / 30, 5.0)


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


def stems(folder: Path) -> list[str]:
    return sorted({path.name.split(".")[0] for path in folder.glob("frame-*")})


def check_whole(folder: Path, index: int) -> dict[str, object]:
    stem = folder / f"frame-{index:06d}"
    assert np.array_equal(cv2.imread(f"{stem}.png"), graded(index).frame.image)
    assert cv2.imread(f"{stem}.map.png") is not None
    assert cv2.imread(f"{stem}.overlay.jpg") is not None
    sidecar: dict[str, object] = json.loads(Path(f"{stem}.json").read_text())
    return sidecar


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that saves its best frame twenty times a second."""
    monkeypatch.setattr(session_module, "_SAVE_EVERY_S", 0.05)


def wait_for(path: Path) -> None:
    wait_until(path.exists)


def wait_until(happened: Callable[[], object]) -> None:
    until = time.monotonic() + 300
    while not happened() and time.monotonic() < until:
        time.sleep(0.01)
    assert happened()


@pytest.mark.usefixtures("quick")
def test_a_burst_is_kept_instead_of_the_best_frame(model: QualityModel, tmp_path: Path) -> None:
    said: list[str] = []
    saved: list[tuple[str, int]] = []
    with Session(
        tmp_path, model, "source", 30.0, video=False, wait=False, report=said.append,
        on_saved=lambda picture, kept: saved.append((picture.name, kept.frame.index)),
    ) as session:  # fmt: skip
        session.keep(graded(1), graded(1))
        wait_for(tmp_path / "frame-000001.json")
        session.keep(graded(7), graded(7))
        session.capture([graded(7), graded(5), graded(6)], by="auto", eye=2)
        session.keep(graded(8, 0.95), graded(8, 0.95))
    assert stems(tmp_path) == ["frame-000005", "frame-000006", "frame-000007"]
    assert saved == [("frame-000007.png", 7), ("frame-000005.png", 5), ("frame-000006.png", 6)]
    assert [path.name for path in session.captured] == [name for name, _ in saved]
    assert session.saved is None
    assert check_whole(tmp_path, 5)["capture"] == {
        **{"shot": 1, "rank": 2, "of": 3, "by": "auto", "eye": 2},
        **{"laterality": None, "field": "other", "contradiction": False},
    }
    assert said == []


@pytest.mark.usefixtures("quick")
def test_the_best_frame_itself_may_be_captured(model: QualityModel, tmp_path: Path) -> None:
    with Session(tmp_path, model, "source", 30.0, video=False, wait=False, report=print) as session:
        session.keep(graded(3), graded(3))
        wait_for(tmp_path / "frame-000003.json")
        session.capture([graded(3)])
    assert stems(tmp_path) == ["frame-000003"]
    assert check_whole(tmp_path, 3)["capture"]["by"] == "hand"  # type: ignore[index]


def test_a_frame_that_is_captured_twice_is_kept_once(model: QualityModel, tmp_path: Path) -> None:
    """Two captures by hand in a moment show the same picture twice, but the first record stays as it was."""
    saved: list[str] = []
    with Session(
        tmp_path, model, "source", 30.0, video=False, wait=False, report=print,
        on_saved=lambda picture, kept: saved.append(picture.name),
    ) as session:  # fmt: skip
        session.capture([graded(3), graded(4)], by="auto")
        session.capture([graded(3)])
    assert saved == ["frame-000003.png", "frame-000004.png", "frame-000003.png"]
    assert [path.name for path in session.captured] == ["frame-000003.png", "frame-000004.png"]
    assert check_whole(tmp_path, 3)["capture"]["by"] == "auto"  # type: ignore[index]


def test_a_listener_that_fails_costs_neither_captures_nor_film(model: QualityModel, tmp_path: Path) -> None:
    """As where stdout is a pipe whose reader has gone."""

    def gone(picture: Path, kept: Graded) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    said: list[str] = []
    with Session(tmp_path, model, "source", 30.0, video=True, wait=True, report=said.append, on_saved=gone) as session:
        session.keep(graded(3), graded(3))
        session.capture([graded(3), graded(4)])
        session.capture([graded(5)])
    assert stems(tmp_path) == ["frame-000003", "frame-000004", "frame-000005"]
    assert (tmp_path / "session.webm").stat().st_size
    assert len(said) == 3
    assert all("is saved, but could not be reported" in sentence for sentence in said)


@pytest.mark.parametrize(("trouble", "kept"), [(errno.ENOSPC, False), (errno.EACCES, True)])
def test_the_film_gives_its_room_up_only_to_a_full_disk(
    trouble: int, kept: bool, model: QualityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(trouble, os.strerror(trouble))

    monkeypatch.setattr(FrameStore, "capture", refuse)
    with Session(tmp_path, model, "source", 30.0, video=True, wait=True, report=print) as session:
        session.keep(graded(3), graded(3))
        session.capture([graded(3)])
    assert (tmp_path / "session.webm").exists() is kept


def test_a_frame_was_taken_at_the_time_of_its_clock(model: QualityModel, tmp_path: Path) -> None:
    """Not when the session began: an engine may have been built for minutes before the first frame."""
    with Session(tmp_path, model, "source", 30.0, video=False, wait=False, report=print) as session:
        now = datetime.datetime.now(datetime.timezone.utc)
        one = graded(3)
        session.capture(
            [dataclasses.replace(one, frame=dataclasses.replace(one.frame, timestamp=time.monotonic() + 90))]
        )
    taken = datetime.datetime.fromisoformat(check_whole(tmp_path, 3)["frame"]["taken"])  # type: ignore[index]
    assert (taken - now).total_seconds() == pytest.approx(90, abs=5)


def test_a_clock_that_is_set_in_mid_session_counts_for_every_frame_after_it(
    model: QualityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A board without a battery begins in 1970, and learns the time once it has a network; some are set back."""
    wall, clock = time.time(), [0.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    years = []
    with Session(tmp_path, model, "source", 30.0, video=False, wait=False, report=print) as session:
        for index, now in ((3, 1000.0), (4, wall), (5, wall - 90_000)):
            clock[0] = now
            one = graded(index)
            session.capture(
                [dataclasses.replace(one, frame=dataclasses.replace(one.frame, timestamp=time.monotonic()))]
            )
            years.append(now)
    # Their names are of their order, not of their time, so that none takes the place of another.
    assert stems(tmp_path) == ["frame-000003", "frame-000004", "frame-000005"]
    for index, now in zip((3, 4, 5), years, strict=True):
        taken = datetime.datetime.fromisoformat(check_whole(tmp_path, index)["frame"]["taken"])  # type: ignore[index]
        assert taken.timestamp() == pytest.approx(now, abs=5)


def test_a_full_disk_keeps_captures_waiting_and_then_refuses(
    model: QualityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half-written while the disk is full; all that was accepted is there once it is not."""
    full = threading.Event()
    full.set()
    sync = os.fsync
    tries = 0

    def maybe(handle: int) -> None:
        nonlocal tries
        if full.is_set() and stat.S_ISREG(os.fstat(handle).st_mode):
            tries += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", maybe)
    monkeypatch.setattr(session_module, "_SAVE_EVERY_S", 0.05)
    said: list[str] = []
    with Session(tmp_path, model, "source", 30.0, video=False, wait=False, report=said.append) as session:
        for index in range(0, 12, 3):
            session.capture([graded(index), graded(index + 1), graded(index + 2)])
        with pytest.raises(EdgeError, match="frame 20 is not kept: 12 captured frames still wait"):
            session.capture([graded(20)])
        before = tries
        wait_until(lambda: tries > before + 3 and said)  # it is tried again and again, and reported once
        assert stems(tmp_path) == []
        assert len(said) == 1
        assert "is full" in said[0]
        full.clear()
    assert stems(tmp_path) == [f"frame-{index:06d}" for index in range(12)]
    for index in range(12):
        check_whole(tmp_path, index)


def test_a_disk_that_runs_low_is_reported_early(
    model: QualityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [5000.0, 900.0, 800.0, 600.0, 449.0, 300.0, 200.0]
    looks = 0

    def look(path: Path) -> Space:
        nonlocal looks
        looks += 1
        return Space(room[min(looks, len(room)) - 1], 10_000, "low")

    monkeypatch.setattr(troubles, "free_space", look)
    monkeypatch.setattr(session_module, "_SAVE_EVERY_S", 0.01)
    told: list[str] = []
    with Session(tmp_path, model, "source", 30.0, video=False, wait=False, report=print, tell=told.append):
        wait_until(lambda: looks > len(room) + 5)
    assert [sentence.split(" MiB")[0].split()[-1] for sentence in told] == ["900", "449", "200"]


THRESHOLDS = Thresholds(fundus=0.2, usable=0.5, good=0.7)


def test_a_hand_gets_the_frame_at_hand() -> None:
    shutter = Shutter(THRESHOLDS, None, 3)
    assert shutter.update(graded(0)) is None
    shutter.asked.set()
    shot = shutter.update(graded(1, 0.1))
    assert shot is not None
    fired, by = shot
    assert ([each.frame.index for each in fired.frames], by) == ([1], "hand")
    assert shutter.update(graded(2)) is None


def test_with_automatic_capture_a_hand_gets_the_best_of_the_last_moments() -> None:
    shutter = Shutter(THRESHOLDS, "strict", 2)
    for index, score in enumerate([0.75, 0.95, 0.8, 0.2]):
        assert shutter.update(graded(index, score)) is None
    shutter.asked.set()
    shot = shutter.update(graded(4, 0.3))
    assert shot is not None
    assert [each.frame.index for each in shot[0].frames] == [1, 2]
    shutter.set_strictness("easy")
    assert shutter.update(graded(5, 0.3)) is None
