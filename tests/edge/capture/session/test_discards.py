"""A capture that was discarded may come back; a real kill meanwhile neither sends it nor loses what came back."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.capture.archive.waiting import mark_of
from edge.capture.retention.delete import finish_deletions
from edge.capture.retention.visits import visits_in
from edge.capture.session.leftovers import repair

from .test_changes import Begin, begin, graded, model, saved, sent, shown

__all__ = ["begin", "model"]  # fixtures
ROOT = Path(__file__).parents[4]
# Each trial is a process that discards a capture and brings it back, again and again, and is killed: every second one
# in the middle of it, the others once so many answers have come, and before the next one is asked for.
PROGRAM = """
import os, pathlib, random, signal, sys, time
from edge.capture.archive.stow import HandOver
from edge.capture.archive.study import begin_study
from edge.capture.archive.target import FolderTarget
from edge.capture.session.session import Session
from edge.model import QualityModel
from tests.edge.capture.session.test_changes import graded, saved, shown

study, moments = begin_study(), random.Random(1)
model, inbox = QualityModel.load(threads=1), FolderTarget(sys.argv[1])
for trial in range(int(sys.argv[2])):
    folder = pathlib.Path(sys.argv[1]) / str(trial)
    promised, told = os.pipe()
    child = os.fork()
    if not child:
        giving = HandOver(inbox, print, print)
        with Session(folder, model, "source", 10.0, video=False, wait=False, report=print, study=study,
                     hand_over=giving) as session:
            session.capture([graded(1)], shown=shown(1))
            session.capture([graded(2)], shown=shown(2))
            saved(session, 2)
            for step in range(trial // 2 if trial % 2 == 0 else 1000):
                assert session.set_aside(1, step % 2 == 0).wait(60)
                if step == 0: os.write(told, b"1")
            os.write(told, b"2")
            time.sleep(600)
    os.close(told)
    if trial % 2:
        os.read(promised, 1)
        time.sleep(moments.uniform(0, 0.02))
    else:
        while b"2" not in os.read(promised, 2): pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(promised)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_sends_nothing_that_is_discarded_and_loses_nothing_that_came_back(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    for trial in range(12):
        folder = tmp_path / str(trial)
        marked = (folder / ".frame-000001.discarded").exists()
        if trial % 2 == 0:
            assert marked == (trial // 2 % 2 == 1), "what was answered is not on disk"
        assert ("what was discarded is gone" in repair(folder)) == marked
        there = {path.name for path in folder.glob("*frame-000001*")}
        assert there == set() if marked else mark_of(folder / "frame-000001.dcm").exists()
        assert mark_of(folder / "frame-000002.dcm").exists()
        assert not list(folder.glob(".*.discarded"))


def test_what_comes_back_is_sent_and_what_does_not_goes(begin: Begin, tmp_path: Path) -> None:
    with begin() as session:
        for number in (1, 2):
            session.capture([graded(number)], shown=shown(number))
        saved(session, 2)
        for number in (1, 2):
            assert session.set_aside(number, True).wait(60)
        assert session.set_aside(2, False).wait(60)
        assert session.discard(1).wait(60)
    assert sent(tmp_path) == [(2, "R")]
    assert not list((tmp_path / "out").glob(".*.discarded"))


def test_a_frame_that_another_capture_has_too_is_not_set_aside(begin: Begin, tmp_path: Path) -> None:
    mark = tmp_path / "out" / ".frame-000001.discarded"
    with begin() as session:
        session.capture([graded(1)], shown=shown(1))
        saved(session, 1)
        assert session.set_aside(1, True).wait(60)
        assert mark.exists()
        session.capture([graded(2), graded(1)], shown=shown(2))
        saved(session, 2)
        assert session.set_aside(2, True).wait(60)
        assert mark.exists()
        assert session.set_aside(2, False).wait(60)
        assert not mark.exists()


def test_a_capture_that_is_discarded_before_it_is_on_disk_is_marked_as_it_gets_there(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin() as session:
        with monkeypatch.context() as patch:
            full_disk(patch)
            session.capture([graded(1)], shown=shown(1))
            assert session.set_aside(1, True).wait(60)
        saved(session, 1)
        assert (tmp_path / "out" / ".frame-000001.discarded").exists()
        assert session.discard(1).wait(60)
    assert sent(tmp_path) == []


def full_disk(patch: pytest.MonkeyPatch) -> None:
    from .test_changes import full_from

    full_from(0, patch)


def test_what_an_ended_visit_had_set_aside_is_no_part_of_it_and_goes_at_the_next_start(
    begin: Begin, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with begin() as session:
        session.capture([graded(1)], shown=dataclasses.replace(shown(1), eye=None))
    (out / ".frame-000001.discarded").touch()
    (visit,) = visits_in(out)
    assert (visit.captures, visit.asks, visit.marks) == (0, 0, ())
    assert finish_deletions(out) == 0
    assert not list(out.glob("*frame-*"))
