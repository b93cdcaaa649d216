"""The writer's thread."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.capture.loop import Counts
from edge.capture.session import frame_store as keeper_module
from edge.capture.session import overlay_video as film_module
from edge.capture.session import storage as storage_module
from edge.capture.session.session import Session
from edge.capture.session.storage import LineFile
from edge.commands.console.display import closing_words, kept_words
from edge.model import QualityModel


def graded(index: int, t: float) -> Graded:
    """A black frame, which takes no time to draw."""
    image = np.zeros((96, 128, 3), np.uint8)
    nothing = np.zeros((4, 4), bool)
    assessment = Assessment(0.0, "no_fundus", np.ones((4, 4), np.float32), nothing, None, Timings(1.0, 2.0, 3.0))
    return Graded(Frame(image, index, 100.0 + t), assessment, t, 5.0)


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


def test_a_folder_that_is_taken_away_is_trouble_and_no_crash(model: QualityModel, tmp_path: Path) -> None:
    said: list[str] = []
    with Session(tmp_path / "out", model, "source", 10.0, video=False, wait=False, report=said.append) as session:
        session.keep(graded(0, 0.0), None)
        shutil.rmtree(tmp_path / "out")
    assert session.files == []
    assert len(said) == 1
    assert "could not be written to (No such file or directory)" in said[0]


def test_captures_lost_with_their_folder_are_not_put_down_to_a_full_disk(model: QualityModel, tmp_path: Path) -> None:
    said: list[str] = []
    with Session(tmp_path / "out", model, "source", 10.0, video=False, wait=False, report=said.append) as session:
        shutil.rmtree(tmp_path / "out")
        session.keep(graded(0, 0.0), None)
        session.capture([graded(0, 0.0)])
    assert session.lost == 1
    assert not any("room" in sentence or "full" in sentence for sentence in said)
    assert said[-1].startswith(f"1 capture is lost or incomplete, because {tmp_path / 'out'} could not be written to:")
    assert f"made: nothing that is still there: {tmp_path / 'out'} is gone" in kept_words(session, None)


def test_a_film_that_fails_midway_leaves_nothing(
    model: QualityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = film_module.draw_overlay
    drawn: list[int] = []

    def fails(*given: object) -> np.ndarray:
        drawn.append(1)
        if len(drawn) == 3:
            raise OSError(0, "no more film")
        return draw(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(film_module, "draw_overlay", fails)
    said: list[str] = []
    with Session(tmp_path, model, "source", 10.0, video=True, wait=True, report=said.append) as session:
        for index in range(40):
            session.keep(graded(index, index / 10), None)
    assert [path.name for path in tmp_path.iterdir()] == ["session.jsonl"]
    assert len((tmp_path / "session.jsonl").read_text().splitlines()) == 40
    assert len(said) == 1
    assert "no more film" in said[0]


def test_no_line_is_lost_while_lines_are_written(
    model: QualityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More lines come during a write than there is room for: those being written are not what makes way."""
    append, writing, go_on = LineFile.append, threading.Event(), threading.Event()

    def slow(file: LineFile, lines: Iterable[str]) -> None:
        writing.set()
        assert go_on.wait(60)
        append(file, lines)

    monkeypatch.setattr(LineFile, "append", slow)
    monkeypatch.setattr(storage_module, "_MOST_LINES", 4)
    with Session(tmp_path, model, "source", 10.0, video=False, wait=False, report=print) as session:
        for index in range(3):
            session.keep(graded(index, index / 10), None)
        assert writing.wait(60)
        for index in range(3, 6):
            session.keep(graded(index, index / 10), None)
        go_on.set()
    assert len((tmp_path / "session.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize(("seconds", "said"), [(10.1, False), (10.3, True), (2.0, True)])
def test_the_closing_words_tell_of_another_pace(seconds: float, said: bool) -> None:
    counts = Counts(seen=300, graded=300, seconds=seconds, source_seconds=10.0)
    words = closing_words(counts)
    assert (f"10.0 s of the source took {seconds:.1f} s" in words) is said


def test_under_load_the_film_gives_way_and_captures_and_lines_do_not(
    model: QualityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = film_module.draw_overlay
    drawing, go_on, saved = threading.Event(), threading.Event(), threading.Semaphore(0)

    def slow(*given: object) -> np.ndarray:
        drawing.set()
        assert go_on.wait(60)
        return draw(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(film_module, "draw_overlay", slow)
    with Session(
        tmp_path, model, "source", 30.0, video=True, wait=False, report=print,
        on_saved=lambda picture, kept: saved.release(),
    ) as session:  # fmt: skip
        session.keep(graded(0, 0.0), None)
        assert drawing.wait(60)
        # The film hangs in one picture from here on, and nobody waits for it.
        for index in range(1, 60):
            session.keep(graded(index, index / 30), None)
            if index % 20 == 10:
                session.capture([graded(index, index / 30)])
        assert all(saved.acquire(timeout=300) for _ in range(3))
        assert session.undrawn > 20
        go_on.set()
    assert len((tmp_path / "session.jsonl").read_text().splitlines()) == 60
    with av.open(str(tmp_path / "session.webm")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 60 - session.undrawn


def test_where_the_disk_is_full_the_film_makes_room_for_what_was_captured(
    model: QualityModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = keeper_module.save_frame

    def save_where_no_film_is(folder: Path, *given: object) -> None:
        if list(folder.glob(".session.part.*")):
            raise OSError(errno.ENOSPC, "No space left on device")
        save(folder, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(keeper_module, "save_frame", save_where_no_film_is)
    said: list[str] = []
    with Session(
        tmp_path / "out", model, "source", 30.0, video=True, wait=True, report=said.append
    ) as session:  # fmt: skip
        for index in range(12):
            session.keep(graded(index, index / 30), None)
        deadline = time.monotonic() + 300
        while not list(session.folder.glob(".session.part.*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        session.capture([graded(5, 5 / 30)])
    names = {path.name for path in session.files}
    assert {"frame-000005.png", "frame-000005.json", "session.jsonl"} <= names
    assert "session.webm" not in names
    assert [sentence for sentence in said if "is full" in sentence]
