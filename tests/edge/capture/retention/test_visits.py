"""Visits are found, counted and named; what a session writes is known by its name."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.capture.retention import visits as visits_module
from edge.capture.retention.own import RECORDING, is_own
from edge.capture.retention.visits import all_visits, visits_in
from edge.capture.session.session import Session
from edge.capture.session.storage import claim_folder
from edge.field.find import Crop
from edge.files import atomic
from edge.model import QualityModel

from .folders import names, put_foreign, put_visit


def graded(index: int) -> Graded:
    image = np.full((60, 80, 3), 90 + index, np.uint8)
    degradation = np.full((8, 8), 0.1, np.float32)
    assessment = Assessment(0.9, "good", degradation, np.ones((8, 8), bool), Crop(0, 0, 60), Timings(1.0, 2.0, 3.0))
    return Graded(Frame(image, index, 100.0 + index / 30), assessment, index / 30, 5.0)


def test_every_file_that_a_session_writes_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new kind of file that nobody told ``own.py`` of would outlive its visit: this fails for it."""
    pytest.importorskip("pydicom")
    from edge.capture.archive.stow import HandOver
    from edge.capture.archive.study import begin_study

    class Away:
        shown = "away"

        def send(self, file: Path, until: Callable[[], float]) -> None:
            raise OSError("away")

    seen: set[str] = set()
    out = tmp_path / "out"
    create = atomic._create

    def watched(folder: Path, *arguments: object) -> tuple[Path, int]:
        made = create(folder, *arguments)  # type: ignore[arg-type]
        if folder == out:
            seen.update(names(out))
        return made

    monkeypatch.setattr(atomic, "_create", watched)
    monkeypatch.setattr("edge.capture.archive.stow._LAST_S", 0.1)
    said: list[str] = []
    handing = HandOver(Away(), said.append, said.append)
    with QualityModel.load(threads=1) as model, Session(
        out, model, "source", 30.0, video=True, wait=True, report=said.append, study=begin_study(),
        hand_over=handing, stated="right",
    ) as session:  # fmt: skip
        for index in range(4):
            session.keep(graded(index), graded(index))
        session.capture([graded(2), graded(3)])
        deadline = time.monotonic() + 60
        while len(session.captured) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
            seen.update(names(out))
        (running,) = all_visits(out)
        assert running.running
        assert visits_in(out) == []
    seen.update(names(out))
    handing.close()
    assert {".recording", ".session.part.webm", "session.webm", "frame-000002.dcm", ".frame-000002.dcm.pending"} <= seen
    assert any(re.fullmatch(r"\..*\.tmp", name) for name in seen)
    assert {name for name in seen if not is_own(name)} == set()
    (visit,) = visits_in(out)
    assert (visit.captures, visit.waiting, visit.unsent, visit.delivered) == (1, 1, 0, 0)
    assert not visit.arrived


def test_captures_and_marks_are_counted(tmp_path: Path) -> None:
    put_visit(tmp_path, 1, ("delivered", "delivered"))
    put_visit(tmp_path, 2, ("delivered", "waiting", "pending", None), bare=2)
    put_visit(tmp_path, 3)
    one, two, three = visits_in(tmp_path)
    assert (one.captures, one.delivered, one.waiting, one.pending, one.unsent, one.arrived) == (2, 2, 0, 0, 0, True)
    assert (two.captures, two.delivered, two.waiting, two.pending, two.unsent, two.arrived) == (6, 1, 1, 1, 3, False)
    assert (three.captures, three.arrived) == (0, False)
    assert one.size == sum(path.lstat().st_size for path in tmp_path.iterdir() if path.is_file())


def test_a_file_that_waits_again_after_it_was_delivered_waits(tmp_path: Path) -> None:
    folder = put_visit(tmp_path, 1, ("delivered",))
    (folder / ".frame-000011.dcm.waiting").touch()
    (visit,) = visits_in(tmp_path)
    assert (visit.delivered, visit.waiting) == (0, 1)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10_000, '{"capture": 3}', '{"capture": {"rank": "1"}}'])
def test_a_sidecar_that_cannot_be_read_may_be_a_capture_or_not_but_ends_nothing(tmp_path: Path, text: str) -> None:
    folder = put_visit(tmp_path, 1)
    (folder / "frame-000001.json").write_text(text)
    (visit,) = visits_in(tmp_path)
    assert visit.captures in (0, 1)
    assert visit.captures == 1 or text == '{"capture": {"rank": "1"}}'


def test_only_folders_of_sessions_are_visits(tmp_path: Path) -> None:
    put_visit(tmp_path, 2)
    for name in ("session-1", "session-02", "session-0", "session-3x", "session--4", "session-\u0661", "Session-5"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "session.jsonl").touch()
    (tmp_path / "session-6").symlink_to(put_visit(tmp_path / "elsewhere", 1))
    (tmp_path / "session-7").mkdir()  # holds nothing
    (tmp_path / "session-8").write_text("a file")
    put_foreign(tmp_path / "session-7")
    assert [visit.number for visit in visits_in(tmp_path)] == [2]
    assert visits_in(tmp_path / "nowhere") == []


def test_a_number_that_is_used_again_is_another_visit(tmp_path: Path) -> None:
    put_visit(tmp_path, 2, ended=1_800_000_000)
    (before,) = visits_in(tmp_path)
    assert before.id == "session-2.20270115T080000Z"
    put_visit(tmp_path, 2, ended=1_800_000_060)
    (after,) = visits_in(tmp_path)
    assert after.id != before.id


def test_a_new_session_never_takes_the_number_of_a_lower_one_that_went(tmp_path: Path) -> None:
    folders = [claim_folder(tmp_path) for _ in range(4)]
    assert [folder.name for folder in folders[1:]] == ["session-2", "session-3", "session-4"]
    (folders[1] / "session.jsonl").unlink()
    folders[1].rmdir()
    assert claim_folder(tmp_path).name == "session-5"
    (tmp_path / "session-40").write_text("a file of somebody")
    assert claim_folder(tmp_path).name == "session-41"


@pytest.mark.parametrize("moment", [-1e9, 0.0, 4e9])
def test_any_time_of_a_file_can_be_shown(tmp_path: Path, moment: float) -> None:
    put_visit(tmp_path, 1, ended=moment)
    (visit,) = visits_in(tmp_path)
    assert re.fullmatch(r"session-1\.\d{8}T\d{6}Z", visit.id)


def test_a_change_is_seen_at_once_and_an_unchanged_folder_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [put_visit(tmp_path, number, ("waiting",)) for number in (2, 3)]
    long_ago = time.time() - 100
    for folder in folders:
        os.utime(folder, (long_ago, long_ago))
    assert [visit.waiting for visit in visits_in(tmp_path)] == [1, 1]
    reads = []
    read = visits_module._read
    monkeypatch.setattr(visits_module, "_read", lambda number, folder: reads.append(number) or read(number, folder))
    visits_in(tmp_path)
    assert 2 not in reads
    assert 3 not in reads
    (folders[1] / ".frame-000011.dcm.waiting").rename(folders[1] / ".frame-000011.dcm.delivered")
    assert [visit.waiting for visit in visits_in(tmp_path)] == [1, 0]
    assert 2 not in reads


def test_ten_thousand_visits(tmp_path: Path) -> None:
    for number in range(1, 10_001):
        folder = tmp_path if number == 1 else tmp_path / f"session-{number}"
        folder.mkdir(exist_ok=True)
        (folder / "session.jsonl").touch()
        (folder / "frame-000001.dcm").touch()
        (folder / ".frame-000001.dcm.delivered").touch()
    time.sleep(2.1)  # so that they count as settled
    began = time.process_time()
    assert len(visits_in(tmp_path)) == 10_000
    first = time.process_time()
    assert len(visits_in(tmp_path)) == 10_000
    second = time.process_time()
    claim_folder(tmp_path)
    assert first - began < 10
    assert second - first < 2
    assert time.process_time() - second < 1


def test_a_visit_that_ends_while_it_is_read_still_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it wrote last may not be in the list: counted as it is, a visit that waits could be deleted as delivered."""
    folder = put_visit(tmp_path, 2, ("delivered",))
    (folder / RECORDING).touch()
    listed = visits_module.own_files

    def ends_meanwhile(descriptor: int) -> list[os.DirEntry[str]]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(RECORDING, dir_fd=descriptor)
        return listed(descriptor)

    monkeypatch.setattr(visits_module, "own_files", ends_meanwhile)
    assert visits_in(tmp_path) == []
    assert [visit.number for visit in visits_in(tmp_path)] == [2]  # its folder changed just now: it is read again
