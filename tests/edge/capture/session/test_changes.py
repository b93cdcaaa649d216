"""What the operator changes of captures, where frames are shared, the disk is full, or nothing was captured."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.assessment import Assessment, Timings, Verdict
from edge.camera.protocol import Frame
from edge.capture.archive.stow import HandOver
from edge.capture.archive.study import begin_study
from edge.capture.archive.target import FolderTarget
from edge.capture.graded import Graded
from edge.capture.session import frame_store, storage
from edge.capture.session.session import Session
from edge.capture.visit import Captured
from edge.findings.eye import Eye
from edge.model import QualityModel

pydicom = pytest.importorskip("pydicom")


def graded(index: int, eye: Eye | None = "right", score: float = 0.9) -> Graded:
    """A small frame that tells its eye."""
    image, nothing = np.full((96, 128, 3), index, np.uint8), np.zeros((4, 4), bool)
    found = Assessment(score, "good", np.ones((4, 4), np.float32), nothing, None, Timings(1.0, 2.0, 3.0))
    vars(found)["_eye"] = eye, 0.99
    return Graded(Frame(image, index, 100.0 + index), found, float(index), 5.0)


def shown(number: int, eye: Eye = "right", stated: Eye | None = None) -> Captured:
    return Captured(number, eye, "other", "hand", 0.9, "good", True, told="right", stated=stated)


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


Begin = Callable[..., Any]


@pytest.fixture
def begin(model: QualityModel, tmp_path: Path) -> Begin:
    """A session with an archive; what it said is in ``said``."""

    @contextmanager
    def begun(said: list[str] | None = None, keep_dicom: int = 1) -> Iterator[Session]:
        (tmp_path / "archive").mkdir()
        report = ([] if said is None else said).append
        giving = HandOver(FolderTarget(str(tmp_path / "archive")), report, report)
        with Session(
            tmp_path / "out", model, "source", 10.0, video=False, wait=False, report=report, tell=report,
            study=begin_study(), hand_over=giving, keep_dicom=keep_dicom,
        ) as session:  # fmt: skip
            yield session
        giving.close()

    return begun


def sent(folder: Path) -> list[tuple[int, str]]:
    """The shade of each image that has arrived, which tells its frame, and its eye."""
    images = [pydicom.dcmread(path) for path in (folder / "archive").iterdir()]
    return sorted((int(image.PixelData[0]), image.get("ImageLaterality", "")) for image in images)


def test_a_discarded_capture_is_not_sent_because_another_has_its_frame_too(begin: Begin, tmp_path: Path) -> None:
    with begin() as session:
        session.capture([graded(1)], shown=shown(1))
        session.capture([graded(2), graded(1)], shown=shown(2))  # of which one DICOM file is made, of its best frame
        saved(session, 2)
        assert session.discard(1).wait(60)
        assert not (tmp_path / "out" / "frame-000001.dcm").exists()
        assert (tmp_path / "out" / "frame-000001.png").exists()
    assert sent(tmp_path) == [(2, "R")]


def test_an_eye_that_was_corrected_in_a_discarded_capture_is_not_that_of_another(begin: Begin, tmp_path: Path) -> None:
    with begin() as session:
        session.capture([graded(1)], shown=shown(1))
        session.capture([graded(2), graded(1)], shown=shown(2))
        saved(session, 2)
        assert session.correct(shown(2, "left", "left")).wait(60)
        assert session.discard(2).wait(60)
    assert sent(tmp_path) == [(1, "R")]


@pytest.mark.parametrize(("verdict", "arrives"), [("usable", [(1, "R")]), ("reject", [])])
def test_no_archive_gets_a_poor_frame_that_nobody_captured(
    begin: Begin, tmp_path: Path, verdict: Verdict, arrives: list[tuple[int, str]]
) -> None:
    said: list[str] = []
    poor = graded(1)
    best = replace(poor, assessment=replace(poor.assessment, verdict=verdict))
    vars(best.assessment)["_eye"] = "right", 0.99
    with begin(said) as session:
        session.keep(best, best)
        assert session.release().wait(60)
    assert sent(tmp_path) == arrives
    assert (tmp_path / "out" / "frame-000001.png").exists()
    assert bool([each for each in said if "its best frame (reject) is not good enough for the archive" in each]) == (
        not arrives
    )


def saved(session: Session, frames: int) -> None:
    until = time.monotonic() + 60
    while len(session.captured) < frames:
        assert time.monotonic() < until
        time.sleep(0.01)


def full_from(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room for frames from a number on."""
    save = storage.save_frame

    def fails(folder: Path, frame: Graded, *more: Any) -> None:
        if frame.frame.index >= index:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(folder, frame, *more)

    monkeypatch.setattr(frame_store, "save_frame", fails)


def test_what_was_discarded_while_the_disk_is_full_is_gone_and_not_sent(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_from(2, monkeypatch)
    with begin() as session:
        session.capture([graded(1)], shown=shown(1))
        saved(session, 1)
        session.capture([graded(2)], shown=shown(2))
        assert session.discard(1).wait(60), "it makes room"
    assert sent(tmp_path) == []


def test_an_eye_that_could_not_be_corrected_is_not_sent(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with begin(said) as session:
        session.capture([graded(1)], shown=shown(1))
        session.capture([graded(2)], shown=shown(2))
        session.capture([graded(3)], shown=shown(3))
        saved(session, 3)
        monkeypatch.setattr(frame_store, "rewrite", full)
        assert not session.correct(shown(1, "left", "left")).wait(1)
        assert session.discard(2).wait(60), "which needs no room"
    assert sent(tmp_path) == []


def test_the_best_frame_is_not_kept_again_once_it_was_discarded(begin: Begin, tmp_path: Path) -> None:
    with begin() as session:
        session.keep(graded(1), graded(1))
        session.capture([graded(1)], shown=shown(1))
        saved(session, 1)
        assert session.discard(1).wait(60)
    assert not list((tmp_path / "out").glob("*frame-*"))


@pytest.mark.parametrize(("stated", "images"), [(None, [(1, "R")]), ("right", [(1, "R")]), ("left", [])])
def test_a_best_frame_that_contradicts_the_stated_eye_is_not_sent(
    begin: Begin, tmp_path: Path, stated: Eye | None, images: list[tuple[int, str]]
) -> None:
    with begin() as session:
        best = graded(1)
        session.keep(best, best, stated)
        session.keep(graded(2, score=0.1), best, "left")  # of what comes after it
    assert sent(tmp_path) == images


def test_what_waited_for_the_disk_at_the_end_of_its_visit_is_sent_once_it_is_there(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin() as session:
        with monkeypatch.context() as patch:
            full_from(0, patch)
            session.capture([graded(1)], shown=shown(1))
            assert session.release().wait(60)
        saved(session, 1)
        until = time.monotonic() + 60
        while not sent(tmp_path):
            assert time.monotonic() < until
            time.sleep(0.05)
