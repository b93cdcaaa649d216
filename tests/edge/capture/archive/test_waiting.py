"""Marks of what waits and what was delivered, and the lock of a folder while something of it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.capture.archive.stow import HandOver
from edge.capture.archive.waiting import Folders, mark_delivered, mark_of
from edge.capture.retention.policy import Policy, clean
from edge.capture.retention.visits import visits_in


class Gated:
    """A target that takes a file once it is let."""

    shown = "the archive"

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)

    def send(self, file: Path, until: Callable[[], float]) -> None:
        self.asked.release()
        assert self.let.acquire(timeout=60)


def put(folder: Path, *stems: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "session.jsonl").touch()
    files = [folder / f"{stem}.dcm" for stem in stems]
    for file in files:
        file.write_bytes(b"x")
        mark_of(file).touch()
    return files


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_delivered_file_is_marked_and_its_folder_unlocked_while_others_wait(tmp_path: Path) -> None:
    one, two = put(tmp_path, "frame-000001")[0], put(tmp_path / "session-2", "frame-000001", "frame-000002")
    put(tmp_path / "session-3")
    target, said = Gated(), list[str]()
    hand_over = HandOver(target, said.append, said.append)
    for file in (one, *two):
        hand_over.take(file)
    assert target.asked.acquire(timeout=60)
    assert clean(tmp_path, Policy(max_bytes=0, hand_over=True)).large == ()
    target.let.release()
    assert target.asked.acquire(timeout=60)  # the next file is on its way, so the first has arrived
    wait_until(lambda: ".handing-over" not in names(tmp_path))
    assert names(tmp_path) >= {".frame-000001.dcm.delivered", "frame-000001.dcm"}
    assert ".handing-over" in names(tmp_path / "session-2")
    (gone,) = clean(tmp_path, Policy(max_bytes=0, hand_over=True)).large
    assert gone.number == 1
    target.let.release()
    assert target.asked.acquire(timeout=60)  # one of two has arrived: the folder stays locked
    assert ".handing-over" in names(tmp_path / "session-2")
    assert clean(tmp_path, Policy(max_bytes=0, hand_over=True)).large == ()
    target.let.release()
    wait_until(lambda: hand_over.delivered == 3)
    wait_until(lambda: ".handing-over" not in names(tmp_path / "session-2"))
    assert [visit.arrived for visit in visits_in(tmp_path)] == [True, False]
    hand_over.close()
    assert said == []


def test_a_folder_is_locked_again_for_its_next_file(tmp_path: Path) -> None:
    first, second = put(tmp_path, "frame-000001", "frame-000002")
    target = Gated()
    hand_over = HandOver(target, print, print)
    other = Folders()
    for number, file in enumerate((first, second), 1):
        hand_over.take(file)
        assert target.asked.acquire(timeout=60)
        assert not other.hold(tmp_path)
        target.let.release()
        wait_until(lambda number=number: hand_over.delivered == number)
        wait_until(lambda: other.hold(tmp_path))
        other.release()
    hand_over.close()


def test_a_mark_that_somebody_removed_is_made(tmp_path: Path) -> None:
    (file,) = put(tmp_path, "frame-000001")
    mark_of(file).unlink()
    mark_delivered(file)
    assert ".frame-000001.dcm.delivered" in names(tmp_path)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_more_sessions_than_files_may_be_opened_are_delivered_in_turns(tmp_path: Path) -> None:
    """An archive that was away for weeks: thousands of visits wait, and each lock is an open file."""
    resource = pytest.importorskip("resource")
    for number in range(2, 702):
        put(tmp_path / f"session-{number}", "frame-000001")
    sent: list[int] = []

    class Open:
        shown = "the archive"

        def send(self, file: Path, until: Callable[[], float]) -> None:
            sent.append(int(file.parent.name.removeprefix("session-")))

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = len(list(Path("/proc/self/fd").iterdir()))  # by the tests before, browsers among them
    allowed = opened + 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    said: list[str] = []
    try:
        hand_over = HandOver(Open(), said.append, said.append)
        hand_over.take_left_over(tmp_path)
        wait_until(lambda: hand_over.delivered == 700)
        hand_over.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert sent == list(range(2, 702))
    assert said == [
        f"more than {allowed // 4} DICOM files of earlier sessions in {tmp_path} wait for the archive: "
        "handing them over."
    ]
    assert all(visit.arrived for visit in visits_in(tmp_path))
