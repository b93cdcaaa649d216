"""The thread: cleans at the start, after a visit and by the clock, tells once, and goes on whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.capture.retention import housekeeper as module
from edge.capture.retention.delete import NoSuchVisitError
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.retention.policy import Policy
from edge.capture.retention.visits import visits_in

from .folders import names, put_visit

ROOT = Path(__file__).parents[4]
LONG_AGO = time.time() - 40 * 86400
MONTH = Policy(keep_days=30)


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def numbers(out: Path) -> list[int]:
    return [visit.number for visit in visits_in(out)]


def test_it_cleans_at_the_start_after_a_visit_by_the_clock_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_S", 0.05)
    monkeypatch.setattr(module, "_CLEAN_S", 1e9)
    said: list[str] = []
    put_visit(tmp_path, 2, ended=LONG_AGO)
    put_visit(tmp_path, 9, ("waiting",))
    with Housekeeper(tmp_path, MONTH, said.append, said.append) as keeper:
        wait_for(lambda: numbers(tmp_path) == [9] and said)
        assert said == [f"1 visit in {tmp_path} is deleted: 1 older than 30 days."]
        assert keeper.waiting == 1
        assert keeper.space is not None
        put_visit(tmp_path, 3, ended=LONG_AGO)
        time.sleep(0.3)  # not yet: nobody said that a visit has ended
        assert numbers(tmp_path) == [3, 9]
        keeper.visit_ended()
        wait_for(lambda: numbers(tmp_path) == [9])
        monkeypatch.setattr(module, "_CLEAN_S", 0.1)
        keeper.visit_ended()
        wait_for(lambda: not keeper._wake.is_set())
        put_visit(tmp_path, 4, ended=LONG_AGO)
        wait_for(lambda: numbers(tmp_path) == [9])
        monkeypatch.setattr(module, "_CLEAN_S", 1e9)
        time.sleep(0.3)
        put_visit(tmp_path, 5, ended=LONG_AGO)
    assert numbers(tmp_path) == [9]


def test_nothing_goes_without_a_limit(tmp_path: Path) -> None:
    said: list[str] = []
    put_visit(tmp_path, 1, ("delivered",), ended=0)
    put_visit(tmp_path, 2, ("delivered",), ended=LONG_AGO)
    Housekeeper(tmp_path, Policy(), said.append, said.append).close()
    assert numbers(tmp_path) == [1, 2]
    assert [each for each in said if "reached the archive and may go" not in each] == []


def test_what_is_undelivered_is_told_of_once_and_again_when_it_doubles(tmp_path: Path) -> None:
    said: list[str] = []
    put_visit(tmp_path, 99)
    policy = Policy(keep_days=30, hand_over=True)
    for number in (2, 3, 4, 5):
        put_visit(tmp_path, number, ("waiting",), ended=LONG_AGO)
        if number == 2:
            keeper = Housekeeper(tmp_path, policy, said.append, said.append)
        keeper._clean()
    keeper.close()
    told = [each for each in said if "have not reached the archive" in each]
    assert len(told) == 3  # of 1, 2 and 4
    assert told[0].startswith(
        f"1 visit in {tmp_path} (0.0 MiB) holds captures that have not reached the archive (1 DICOM"
    )
    assert "kept although older than 30 days: see to the archive" in told[0]
    assert numbers(tmp_path) == [2, 3, 4, 5, 99]


def test_more_than_the_size_allows_waits_for_the_archive(tmp_path: Path) -> None:
    said: list[str] = []
    put_visit(tmp_path, 1, ("delivered",), size=1000)
    put_visit(tmp_path, 2, ("waiting",), size=1000)
    put_visit(tmp_path, 3, ("waiting",), size=1000)
    Housekeeper(tmp_path, Policy(max_bytes=1000, hand_over=True), said.append, said.append).close()
    assert numbers(tmp_path) == [2, 3]
    assert any("is deleted: 1 to stay below 0.0 MiB." in each for each in said)
    assert any(
        "kept although all visits together exceed" in each and "before the disk is full" in each for each in said
    )


def test_a_deletion_that_was_interrupted_is_finished_before_anything_else(tmp_path: Path) -> None:
    folder = put_visit(tmp_path, 2, ("waiting",))
    put_visit(tmp_path, 3)
    (folder / "session.jsonl").rename(folder / ".deleting")
    said: list[str] = []
    keeper = Housekeeper(tmp_path, Policy(), said.append, said.append)
    assert said == [f"the deletion of 1 visit in {tmp_path} was interrupted: it is finished now."]
    assert not folder.exists()
    keeper.close()


def test_a_person_deletes_what_was_not_delivered_and_it_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    put_visit(tmp_path, 1)
    put_visit(tmp_path, 2, ("waiting", None), ended=1_800_000_000)
    with Housekeeper(tmp_path, Policy(hand_over=True), said.append, said.append) as keeper:
        (_, visit) = keeper.visits()
        keeper.delete(visit.id)
        with pytest.raises(NoSuchVisitError):
            keeper.delete(visit.id)
        assert said == ["the visit of 2027-01-15 08:00 UTC was deleted, as was asked for."]
        assert numbers(tmp_path) == [1]


def test_a_folder_that_goes_and_comes_back_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_S", 0.02)
    monkeypatch.setattr(module, "_CLEAN_S", 0.02)
    said: list[str] = []
    out = tmp_path / "out"
    with Housekeeper(out, MONTH, said.append, said.append):
        put_visit(out, 1)
        time.sleep(0.1)
        out.rename(tmp_path / "away")
        time.sleep(0.1)
        (tmp_path / "away").rename(out)
        put_visit(out, 2, ended=LONG_AGO)
        put_visit(out, 3)
        wait_for(lambda: numbers(out) == [1, 3])
    assert not [each for each in said if "could not" in each]


# A disk of 4 MiB with two visits: what may go is told where it gets low, and captures go on until it is full.
LOW = """
import json, pathlib, sys, time
sys.path.insert(0, sys.argv[2])
from folders import put_visit
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.retention.policy import Policy
out, said = pathlib.Path(sys.argv[1]) / "out", []
put_visit(out, 1, ("delivered",), size=1 << 20)
put_visit(out, 2, ("waiting",))
Housekeeper(out, Policy(), said.append, said.append).close()
print(json.dumps(said))
"""


def test_a_low_disk_tells_what_may_go(own_disk: Callable[..., str]) -> None:
    (told,) = json.loads(own_disk(LOW, "size=4m"))
    assert "1 visit (1.0 MiB) reached the archive and may go, 1 visit (0.0 MiB) still wait" in told


def test_a_deletion_keeps_nobody_from_grading(tmp_path: Path) -> None:
    """Another thread, as the frame loop is one, is not held up while hundreds of visits are read and go."""
    for number in range(1, 301):
        put_visit(tmp_path, number, ("delivered", "delivered"), ended=LONG_AGO)
    program = (
        "import pathlib, sys, time; from edge.capture.retention.housekeeper import Housekeeper\n"
        "from edge.capture.retention.policy import Policy\n"
        "said, waits = [], []\n"
        "keeper = Housekeeper(pathlib.Path(sys.argv[1]), Policy(keep_days=30), said.append, said.append)\n"
        "while not said:\n"
        "    began = time.perf_counter(); time.sleep(0.001); waits.append(1000 * (time.perf_counter() - began))\n"
        "keeper.close(); waits.sort(); print(said[0]); print(waits[len(waits) // 2])\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told, typical_ms = done.stdout.splitlines()
    assert "299 visits" in told
    assert float(typical_ms) < 50  # of a busy machine too; it would be all of the time, some seconds
    assert not [name for name in names(tmp_path) if name.startswith("session-") and name != "session-300"]
