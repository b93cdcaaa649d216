"""A deleted visit is gone with every file, nothing foreign is touched, and a kill leaves nothing that looks whole."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.capture.archive.waiting import Folders
from edge.capture.retention.delete import BusyVisitError, NoSuchVisitError, delete_visit, finish_deletions
from edge.capture.retention.own import is_own
from edge.capture.retention.visits import visits_in
from edge.capture.session.leftovers import Recording
from edge.errors import EdgeError

from .folders import names, put_foreign, put_visit

ROOT = Path(__file__).parents[4]


def id_of(out: Path, number: int) -> str:
    return next(visit.id for visit in visits_in(out) if visit.number == number)


def test_every_file_goes_and_the_folder_with_it(tmp_path: Path) -> None:
    put_visit(tmp_path, 1, ("delivered",))
    folder = put_visit(tmp_path, 2, ("delivered", "waiting", "pending", None), bare=1)
    for name in (".session.part.webm", ".frame-000001.png.0123abcd.tmp", "..frame-000001.dcm.waiting.0123abcd.tmp"):
        (folder / name).touch()
    delete_visit(tmp_path, id_of(tmp_path, 2))
    assert not folder.exists()
    assert [visit.number for visit in visits_in(tmp_path)] == [1]


def test_the_first_visit_leaves_the_folder_of_all_others(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put_visit(out, 1, ("delivered",))
    put_visit(out, 2, (None,))
    delete_visit(out, id_of(out, 1))
    assert names(out) == {"session-2"}
    delete_visit(out, id_of(out, 2))
    assert out.is_dir()
    assert names(out) == set()


@pytest.mark.parametrize("number", [1, 2])
def test_what_no_session_wrote_stays(tmp_path: Path, number: int) -> None:
    put_visit(tmp_path, 2)
    folder = put_visit(tmp_path, number, ("delivered", "waiting"))
    foreign = put_foreign(folder)
    delete_visit(tmp_path, id_of(tmp_path, number))
    assert names(folder) - {"session-2"} == foreign
    assert (folder / "notes.txt").read_text() == "foreign"
    assert (folder / "frame-000098.png" / "inside").read_text() == "foreign"


def test_no_link_is_followed(tmp_path: Path) -> None:
    treasure = put_visit(tmp_path / "treasure", 1, (None,))
    whole = names(treasure)
    out = tmp_path / "out"
    folder = put_visit(out, 2, ("delivered",))
    (out / "session-3").symlink_to(treasure)
    (folder / "frame-000500.png").symlink_to(treasure / "frame-000011.png")
    (folder / ".deleting").symlink_to(treasure / "session.jsonl")
    before = id_of(out, 2)
    delete_visit(out, before)
    with pytest.raises(NoSuchVisitError):
        delete_visit(out, before.replace("-2", "-3"))
    assert finish_deletions(out) == 0
    assert names(treasure) == whole
    assert names(folder) == {"frame-000500.png"}


@pytest.mark.parametrize(
    "hostile",
    ["", ".", "..", "/", "session-2", "../session-2", "session-2/../session-3", "session-2.20270115T080000Z/..", "*",
     "session-2.20270115T080000Z\n", "session-2\0", "session-٢.20270115T080000Z", "x" * 100_000],
)  # fmt: skip
def test_an_id_that_is_none_deletes_nothing(tmp_path: Path, hostile: str) -> None:
    folder = put_visit(tmp_path / "out", 2, ended=1_800_000_000)
    whole = names(folder)
    with pytest.raises(NoSuchVisitError):
        delete_visit(tmp_path / "out", hostile)
    assert names(folder) == whole


def test_a_stale_id_does_not_delete_the_next_visit_of_that_number(tmp_path: Path) -> None:
    put_visit(tmp_path, 2, ended=1_800_000_000)
    stale = id_of(tmp_path, 2)
    delete_visit(tmp_path, stale)
    folder = put_visit(tmp_path, 2, ended=1_800_000_600)
    with pytest.raises(NoSuchVisitError):
        delete_visit(tmp_path, stale)
    assert "session.jsonl" in names(folder)


def test_a_running_session_and_a_hand_over_are_left_alone(tmp_path: Path) -> None:
    put_visit(tmp_path, 1)
    folder = put_visit(tmp_path, 2, ("waiting",))
    visit_id, whole = id_of(tmp_path, 2), names(folder)
    mark = Recording(folder)
    with pytest.raises(NoSuchVisitError):
        delete_visit(tmp_path, visit_id)
    assert names(folder) == {*whole, ".recording"}
    mark.end()
    hand_over = Folders()
    assert hand_over.hold(folder)
    with pytest.raises(BusyVisitError, match="handed over"):
        delete_visit(tmp_path, visit_id)
    assert names(folder) == {*whole, ".handing-over"}
    hand_over.release()
    delete_visit(tmp_path, visit_id)
    assert not folder.exists()


def test_a_session_runs_also_where_its_mark_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_visit(tmp_path, 1)
    folder = put_visit(tmp_path, 2)
    visit_id = id_of(tmp_path, 2)

    def no_locks(self: Recording) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(Recording, "_take", no_locks)
    mark = Recording(folder)
    with pytest.raises(NoSuchVisitError):
        delete_visit(tmp_path, visit_id)
    mark.end()
    delete_visit(tmp_path, visit_id)


def test_a_file_that_cannot_be_removed_is_told_of_and_goes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_visit(tmp_path, 1)
    folder = put_visit(tmp_path, 2, ("delivered",))
    unlink = os.unlink

    def refuse(path: str, **more: int) -> None:
        if str(path).endswith(".dcm"):
            raise PermissionError(1, "Operation not permitted")
        unlink(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(EdgeError, match=r"could not be deleted completely \(Operation not permitted\)"):
            delete_visit(tmp_path, id_of(tmp_path, 2))
        assert finish_deletions(tmp_path) == 0
    assert names(folder) == {".deleting", "frame-000011.dcm"}
    assert [visit.number for visit in visits_in(tmp_path)] == [1]
    assert finish_deletions(tmp_path) == 1
    assert not folder.exists()


# Each trial is a process of its own that kills itself with SIGKILL before its n-th step on the disk.
KILLED = """
import os, pathlib, signal, sys
from edge.capture.retention import delete
out, visit_id, step = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
steps = 0
def dying(real):
    def call(*arguments, **more):
        global steps
        steps += 1
        if steps > step: os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **more)
    return call
for name in ("rename", "unlink", "fsync", "rmdir"): setattr(os, name, dying(getattr(os, name)))
delete.delete_visit(out, visit_id)
"""


def test_a_kill_at_every_step_leaves_a_whole_visit_or_none(tmp_path: Path) -> None:
    whole_ones = 0
    for step in range(100):
        out = tmp_path / str(step)
        put_visit(out, 1)
        folder = put_visit(out, 2, ("delivered", "waiting"))
        whole = names(folder)
        foreign = put_foreign(folder)
        command = [sys.executable, "-c", KILLED, str(out), id_of(out, 2), str(step)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        if [visit.number for visit in visits_in(out)] == [1, 2]:
            assert names(folder) - {".handing-over"} == whole | foreign  # nothing is gone of what looks whole
            assert finish_deletions(out) == 0
            whole_ones += 1
        else:
            assert ".deleting" in names(folder) or not any(map(is_own, names(folder) - foreign))
            finish_deletions(out)
            assert names(folder) == foreign
            assert finish_deletions(out) == 0
        assert visits_in(out)[0].number == 1
    assert step > len(whole)  # a kill at each file, and at those around
    assert 0 < whole_ones < 4


def test_a_half_deleted_visit_is_not_handed_over_any_more(tmp_path: Path) -> None:
    put_visit(tmp_path, 1)
    folder = put_visit(tmp_path, 2, ("waiting", "waiting"))
    command = [sys.executable, "-c", KILLED, str(tmp_path), id_of(tmp_path, 2), "5"]
    assert subprocess.run(command, cwd=ROOT, timeout=300, check=False).returncode == -signal.SIGKILL
    assert any(name.endswith(".dcm") for name in names(folder))
    hand_over = Folders()
    assert hand_over.left_over(tmp_path) == []
    hand_over.release()


# A file system of 1 MiB of its own, filled to the last byte and the last inode: deleting must work there.
FULL = """
import json, os, pathlib, sys
sys.path.insert(0, sys.argv[2])
from folders import put_visit
from edge.capture.retention.delete import delete_visit
from edge.capture.retention.space import free_space
from edge.capture.retention.visits import visits_in
out = pathlib.Path(sys.argv[1]) / "out"
for number in (1, 2, 3): put_visit(out, number, ("delivered", "waiting"))
for fill in (0, 1):
    try:
        with (out.parent / "ballast").open("ab", buffering=0) as ballast:
            while True: ballast.write(b"x" * 4096)
    except OSError: pass
    try:
        for number in range(10**6): (out.parent / str(number)).touch(exist_ok=False)
    except OSError: pass
level = free_space(out).level
for visit in visits_in(out)[1:]: delete_visit(out, visit.id)
print(json.dumps([level, [visit.number for visit in visits_in(out)], sorted(os.listdir(out))]))
"""


def test_a_full_disk_can_be_emptied(tmp_path: Path, own_disk: Callable[..., str]) -> None:
    level, numbers, left = json.loads(own_disk(FULL, "size=1m,nr_inodes=200"))
    assert level == "full"
    assert numbers == [1]
    assert not any(name.startswith("session-") for name in left)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's rights")
def test_a_folder_that_may_not_be_written_stays_whole(tmp_path: Path) -> None:
    """As another user, because root may write anywhere."""
    out = tmp_path / "out"
    put_visit(out, 1)
    folder = put_visit(out, 2, ("delivered",))
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(path.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    for path in (out, folder):
        path.chmod(0o755)
    before, visit_id = names(folder), id_of(out, 2)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setresuid(65534, 65534, 65534)
            delete_visit(out, visit_id)
        except EdgeError:
            code = 42
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    assert names(folder) == before
