"""The eye of a capture is said after its visit, also after a kill: then it is as if it had been said in the visit."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.archive.stow import HandOver
from edge.capture.archive.study import begin_study
from edge.capture.archive.study_file import check_patient
from edge.capture.archive.target import FolderTarget
from edge.capture.graded import Graded
from edge.capture.retention import answers
from edge.capture.retention.answers import AnsweredError, answer, answer_capture
from edge.capture.retention.delete import NoSuchVisitError
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.retention.policy import Policy, must_stay
from edge.capture.retention.questions import picture_of, questions_of
from edge.capture.retention.visits import Visit, visits_in
from edge.capture.session.session import Session
from edge.capture.visit import Captured
from edge.errors import EdgeError, InputError
from edge.findings.eye import Eye
from edge.model import QualityModel

pydicom = pytest.importorskip("pydicom")
WHO = check_patient({"patient_id": "0012", "patient_name": "Doe^Jane"})


def graded(index: int) -> Graded:
    """A wide frame that does not tell its eye."""
    image, nothing = np.full((90, 1200, 3), index, np.uint8), np.zeros((4, 4), bool)
    found = Assessment(0.9, "good", np.ones((4, 4), np.float32), nothing, None, Timings(1.0, 2.0, 3.0))
    vars(found)["_eye"] = None, 0.5
    return Graded(Frame(image, index, 100.0 + index), found, float(index), 5.0)


def shown(number: int, eye: Eye | None = None, stated: Eye | None = None, told: Eye | None = None) -> Captured:
    return Captured(
        number, eye, "disc", "hand", 0.9, "good", True, None not in (stated, told) and stated != told, told, stated
    )


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[HandOver]:
    (tmp_path / "archive").mkdir()
    giving = HandOver(FolderTarget(str(tmp_path / "archive")), print, print)
    yield giving
    giving.close()


Kept = Callable[..., Path]


@pytest.fixture
def keep(model: QualityModel, archive: HandOver, tmp_path: Path) -> Kept:
    """Writes a visit with these captures, each of two frames, and ends it; returns its folder."""

    def kept(*captures: Captured, keep_dicom: int = 1, hand_over: HandOver | None = archive, **more: Any) -> Path:
        with Session(
            tmp_path / "out", model, "source", 10.0, video=False, wait=False, report=print, hand_over=hand_over,
            keep_dicom=keep_dicom, **{"study": begin_study(WHO), **more},
        ) as session:  # fmt: skip
            for capture in captures:
                frames = [graded(10 * capture.number), graded(10 * capture.number + 1)]
                session.keep(frames[0], frames[0])
                session.capture(frames, shown=capture)
            if not captures:
                session.keep(graded(1), graded(1))
        return session.folder

    return kept


def sent(folder: Path, number: int) -> list[Any]:
    """What has arrived, once so many files have."""
    until = time.monotonic() + 60
    while len(found := list((folder / "archive").glob("*.dcm"))) < number:
        assert time.monotonic() < until
        time.sleep(0.01)
    return [pydicom.dcmread(path) for path in sorted(found)]


def only(out: Path) -> Visit:
    (visit,) = visits_in(out)
    return visit


def test_what_is_answered_later_is_as_if_it_had_been_answered_in_the_visit(
    keep: Kept, archive: HandOver, tmp_path: Path
) -> None:
    out, study = tmp_path / "out", begin_study(WHO)
    folder = keep(shown(1), shown(2, "left"), shown(3), study=study)
    (known,) = sent(tmp_path, 1)
    visit = only(out)
    assert (visit.asks, visit.pending, visit.arrived, must_stay(visit, Policy(1))) == (2, 2, False, True)
    first, third = questions_of(visit)
    assert (first.number, first.frame, first.field, first.told) == (1, 10, "other", None)
    answer(out, visit.id, 10, "right", archive.take)
    answered = next(each for each in sent(tmp_path, 2) if each.InstanceNumber != known.InstanceNumber)
    visit = only(out)
    assert (visit.asks, visit.arrived) == (1, False)
    assert questions_of(visit) == [third]
    answer(out, visit.id, third.frame, "left", archive.take)
    assert {(each.InstanceNumber, each.ImageLaterality) for each in sent(tmp_path, 3)} >= {(1, "R"), (2, "L")}
    assert {each.SeriesInstanceUID for each in sent(tmp_path, 3)} == {study.series_uid}
    # The same capture, of the same study, whose eye was said in the visit.
    with_it = keep(shown(1, "right", "right"), study=study)
    (image,) = (pydicom.dcmread(path) for path in with_it.glob("*.dcm"))
    for name in ("StudyDate", "StudyTime", "ContentDate", "ContentTime", "AcquisitionDateTime"):
        setattr(image, name, answered.get(name))
    assert answered == image
    sidecar = json.loads((folder / "frame-000010.json").read_bytes())
    assert (sidecar["capture"]["laterality"], sidecar["eye"]["stated"], sidecar["answered"]) == ("right",) * 3
    lines = [json.loads(line) for line in (folder / "session.jsonl").read_text().splitlines()]
    assert {"event": "corrected", "shot": 1, "laterality": "right", "after": "visit"} in lines


def test_a_visit_counts_as_delivered_once_every_answer_has_arrived(
    keep: Kept, archive: HandOver, tmp_path: Path
) -> None:
    keep(shown(1), shown(2, "left"))
    sent(tmp_path, 1)
    with Housekeeper(tmp_path / "out", Policy(1, hand_over=True), print, print) as keeper:
        visit = only(tmp_path / "out")
        assert not visit.arrived
        keeper.answer(visit.id, 10, "left", archive.take)
        assert keeper.asks == 0
        sent(tmp_path, 2)
        until = time.monotonic() + 60
        while not only(tmp_path / "out").arrived:
            assert time.monotonic() < until


def test_a_contradiction_is_asked_of_all_its_images_at_once(keep: Kept, archive: HandOver, tmp_path: Path) -> None:
    keep(shown(1, "left", "left", "right"), keep_dicom=2)
    visit = only(tmp_path / "out")
    (question,) = questions_of(visit)
    assert (visit.asks, visit.pending, question.contradiction) == (1, 2, True)
    assert question.stems == ("frame-000010", "frame-000011")
    answer(tmp_path / "out", visit.id, question.frame, "right", archive.take)
    assert [each.ImageLaterality for each in sent(tmp_path, 2)] == ["R", "R"]


def test_the_best_frame_of_a_visit_without_captures_is_asked_too(keep: Kept, archive: HandOver, tmp_path: Path) -> None:
    keep()
    visit = only(tmp_path / "out")
    (question,) = questions_of(visit)
    assert (question.number, question.frame, visit.asks) == (None, 1, 1)
    answer(tmp_path / "out", visit.id, 1, "left", archive.take)
    (image,) = sent(tmp_path, 1)
    assert (image.ImageLaterality, image.Modality) == ("L", "OP")
    assert only(tmp_path / "out").asks == 0


def test_without_an_archive_the_file_says_the_eye_and_nothing_waits(keep: Kept, tmp_path: Path) -> None:
    folder = keep(shown(1), hand_over=None)
    visit = only(tmp_path / "out")
    assert (visit.asks, visit.pending) == (1, 0)
    answer(tmp_path / "out", visit.id, 10, "left")
    (image,) = (pydicom.dcmread(path) for path in folder.glob("*.dcm"))
    assert image.ImageLaterality == "L"
    assert not list(folder.glob(".*.dcm.*"))
    assert only(tmp_path / "out").asks == 0


def test_without_dicom_nothing_is_asked_later(keep: Kept, tmp_path: Path) -> None:
    keep(shown(1), study=None, hand_over=None)
    assert only(tmp_path / "out").asks == 0


def test_the_next_session_delivers_what_was_answered_while_none_handed_over(
    keep: Kept, archive: HandOver, tmp_path: Path
) -> None:
    keep(shown(1))
    answer(tmp_path / "out", only(tmp_path / "out").id, 10, "left")
    assert only(tmp_path / "out").waiting == 1
    archive.take_left_over(tmp_path / "out")
    assert [each.ImageLaterality for each in sent(tmp_path, 1)] == ["L"]


KILLED = """
import os, pathlib, sys
from edge.capture.retention import answers
answers.{step} = lambda *given: os._exit(9)
answers.answer(pathlib.Path(sys.argv[1]), sys.argv[2], 10, "left")
"""


@pytest.mark.parametrize("step", ["answered", "with_answer", "_note", "release"])
def test_after_a_kill_at_any_step_it_is_asked_once_more_and_nothing_leaves(
    keep: Kept, archive: HandOver, tmp_path: Path, step: str
) -> None:
    out = tmp_path / "out"
    keep(shown(1), shown(2))
    visit = only(out)
    command = [sys.executable, "-c", KILLED.format(step=step), str(out), visit.id]
    assert subprocess.run(command, check=False, timeout=300).returncode == 9
    visit = only(out)
    assert (visit.asks, visit.pending, visit.waiting) == (2, 2, 0)
    answer(out, visit.id, 10, "right", archive.take)
    assert [each.ImageLaterality for each in sent(tmp_path, 1)] == ["R"]
    assert only(out).asks == 1


def test_a_full_disk_is_one_sentence_and_it_is_still_asked(
    keep: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(shown(1))
    visit = only(tmp_path / "out")

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(answers, "rewrite", full)
    with pytest.raises(EdgeError, match=r"No space left on device.*still asked"):
        answer(tmp_path / "out", visit.id, 10, "left")
    assert only(tmp_path / "out").asks == 1


@pytest.mark.parametrize("left", [0, 400], ids=["empty", "cut"])
def test_a_damaged_file_is_one_sentence_and_does_not_leave(keep: Kept, tmp_path: Path, left: int) -> None:
    folder = keep(shown(1))
    visit, file = only(tmp_path / "out"), folder / "frame-000010.dcm"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(EdgeError, match="was damaged after it had been saved"):
        answer(tmp_path / "out", visit.id, 10, "left")
    assert only(tmp_path / "out").pending == 1


def test_what_cannot_be_answered_says_so(keep: Kept, tmp_path: Path) -> None:
    keep(shown(1))
    out, visit = tmp_path / "out", only(tmp_path / "out")
    with pytest.raises(InputError):
        answer(out, visit.id, 10, "up")  # type: ignore[arg-type]
    with pytest.raises(NoSuchVisitError):
        answer(out, "session-9.20270115T080000Z", 10, "left")
    with pytest.raises(AnsweredError, match="nothing is asked of frame 11"):
        answer(out, visit.id, 11, "left")
    answer(out, visit.id, 10, "left")
    with pytest.raises(AnsweredError):
        answer(out, visit.id, 10, "right")  # another phone was quicker


def test_of_two_answers_at_once_one_counts_and_what_was_sent_is_what_is_here(
    keep: Kept, archive: HandOver, tmp_path: Path
) -> None:
    folder = keep(*(shown(number) for number in range(1, 7)))
    visit = only(tmp_path / "out")
    counted: list[bool] = []
    at_once = threading.Barrier(2)

    def among_the_ended(number: int) -> None:
        at_once.wait(60)
        with contextlib.suppress(AnsweredError):
            answer(tmp_path / "out", visit.id, 10 * number, "left", archive.take)
            counted.append(True)

    for number in range(1, 7):
        other = threading.Thread(target=among_the_ended, args=(number,))
        other.start()
        at_once.wait(60)
        if answer_capture(folder, number, "right", archive.take):
            counted.append(True)
        other.join()
    assert len(counted) == 6
    here = {each.InstanceNumber: each.ImageLaterality for each in map(pydicom.dcmread, folder.glob("*.dcm"))}
    assert {each.InstanceNumber: each.ImageLaterality for each in sent(tmp_path, 6)} == here


def test_an_answer_by_a_clock_that_was_set_back_does_not_rename_the_visit(keep: Kept, tmp_path: Path) -> None:
    folder = keep(shown(1), shown(2))
    for path in folder.iterdir():
        os.utime(path, (time.time() + 3600, time.time() + 3600))
    visit = only(tmp_path / "out")
    for frame in (10, 20):
        answer(tmp_path / "out", visit.id, frame, "left")


def test_the_picture_that_is_asked_about_is_shown_small(keep: Kept, tmp_path: Path) -> None:
    folder = keep(shown(1))
    visit = only(tmp_path / "out")
    (question,) = questions_of(visit)
    image = cv2.imdecode(np.frombuffer(picture_of(visit, question), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (72, 960, 3)
    assert abs(int(image[30, 30, 0]) - 10) <= 2
    (folder / "frame-000010.png").write_bytes(b"no picture")
    with pytest.raises(EdgeError, match="holds no picture"):
        picture_of(visit, question)
