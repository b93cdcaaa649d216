"""What a user names as an output: links, pipes, devices, folders, read-only files, inputs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from edge.errors import EdgeError
from edge.files.atomic import write_atomically
from edge.files.output import check_output, is_stream, write_output

ROOT = Path(__file__).parents[3]
WRITE = "import sys; from pathlib import Path; from edge.files.output import write_output; "


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real = tmp_path / "far" / "real.csv"
    real.write_bytes(b"old")
    (tmp_path / "middle.csv").symlink_to("far/real.csv")
    (tmp_path / "link.csv").symlink_to("middle.csv")
    before = real.stat().st_ino
    with real.open("rb") as reader:
        write_output(tmp_path / "link.csv", b"new")
        assert reader.read() == b"old"  # replaced, not written over
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "middle.csv").is_symlink()
    assert real.read_bytes() == b"new"
    assert real.stat().st_ino != before
    assert list((tmp_path / "far").iterdir()) == [real]


def test_a_link_to_what_is_not_there_yet_makes_it_there(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("later.csv")
    write_output(tmp_path / "link.csv", b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "later.csv").read_bytes() == b"new"


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    data = os.urandom(300_000)  # more than a pipe holds
    write_output(pipe, data)
    reader.join(60)
    assert got == [data]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert is_stream(pipe)


@pytest.mark.parametrize("name", ["null", "link"])
def test_a_device_is_written_into(tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    path = Path("/dev/null") if name == "null" else tmp_path / "link"
    check_output(path, "the CSV")
    write_output(path, b"gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert (tmp_path / "link").is_symlink()
    assert is_stream(path)


def test_a_full_device_says_so() -> None:
    with pytest.raises(OSError, match="No space left"):
        write_output(Path("/dev/full"), b"x")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "LINK"])
@pytest.mark.parametrize("into", ["pipe", "file", "socket"])
def test_our_own_output_is_written_into_behind_what_was_printed(tmp_path: Path, name: str, into: str) -> None:
    """As root too: there the name was replaced by a file."""
    (tmp_path / "LINK").symlink_to("/dev/stdout")
    target = str(tmp_path / "LINK") if name == "LINK" else name
    program = WRITE + f"print('before'); write_output(Path({target!r}), b'rows\\n'); print('after')"
    command = [sys.executable, "-c", program]
    if into == "file":
        with (tmp_path / "said").open("wb") as said:
            subprocess.run(command, cwd=ROOT, stdout=said, check=True, timeout=300)
        text = (tmp_path / "said").read_bytes()
    elif into == "pipe":
        text = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=300).stdout
    else:  # a service's output goes to one
        import socket

        ours, theirs = socket.socketpair()
        with ours, theirs:
            subprocess.run(command, cwd=ROOT, stdout=theirs, check=True, timeout=300)
            text = ours.recv(1000)
    assert text == b"before\nrows\nafter\n"
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_permissions_of_an_existing_file_are_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "grades.csv"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_output(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.geteuid() != 0, reason="another user can be taken on by root alone")
def test_a_read_only_file_is_refused_and_left_alone() -> None:
    """Its folder would let us replace it."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are for their owner alone
        Path(folder).chmod(0o777)
        path = Path(folder, "grades.csv")
        path.write_bytes(b"old")
        path.chmod(0o444)
        program = (
            "import os; from pathlib import Path; from edge.files.output import check_output, write_output\n"
            f"path = Path({str(path)!r}); os.setuid(65534)\n"
            "try: check_output(path, 'the CSV')\n"
            "except Exception as error: print(error)\n"
            "try: write_output(path, b'new')\n"
            "except PermissionError as error: print(error.strerror)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300)
        refused = f"{path} cannot be the CSV: it is read-only; give another name."
        assert done.stdout.splitlines() == [refused, "Permission denied"], done.stderr
        assert path.read_bytes() == b"old"


def test_what_cannot_be_an_output_is_one_sentence(tmp_path: Path) -> None:
    photograph = tmp_path / "eye.png"
    photograph.write_bytes(b"x")
    (tmp_path / "soft.csv").symlink_to("eye.png")
    os.link(photograph, tmp_path / "hard.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    for path, words in (
        (tmp_path, "it is a folder"),
        (tmp_path / "nowhere" / "x.csv", "there is no folder"),
        (photograph, "it is an input"),
        (tmp_path / "soft.csv", "it is an input"),
        (tmp_path / "hard.csv", "it is an input"),
        (tmp_path / "loop.csv", "symbolic links"),
        (tmp_path / ("x" * 300), "File name too long"),
        (photograph / "below.csv", "Not a directory"),
    ):
        with pytest.raises(EdgeError) as refused:
            check_output(path, "the CSV", [None, tmp_path / "gone.png", photograph])
        said = str(refused.value)
        assert words in said
        assert said.startswith(str(path))
        assert said.endswith(".")
        assert not is_stream(path)
    check_output(tmp_path / "new.csv", "the CSV", [photograph])


@pytest.mark.parametrize("name", ["ü" * 120, "漢" * 80, "x" * 250, "a:b\n\x1b[31m=.csv", "eye\udcff.csv"])
def test_any_name_that_the_disk_takes_can_be_written(tmp_path: Path, name: str) -> None:
    for write in (write_output, write_atomically):
        write(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.skipif(sys.platform != "linux", reason="locks and SIGKILL")
def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path: Path) -> None:
    """But nothing that somebody is writing now, and no file that is not ours."""
    table, slow = tmp_path / "grades.csv", "import os, sys; os.fsync = lambda file: (print(flush=True), input()); "
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", slow + WRITE + f"write_output(Path({str(table)!r}), b'slow')"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    killed, alive = writers
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline()
        killed.kill()
        killed.wait(60)
        (tmp_path / ".notes.txt.01234567.tmp").touch()
        assert len(list(tmp_path.glob(".grades.csv.*.tmp"))) == 2
        subprocess.run(
            [sys.executable, "-c", WRITE + f"write_output(Path({str(table)!r}), b'new')"], cwd=ROOT, check=True
        )
        assert table.read_bytes() == b"new"
        assert len(list(tmp_path.glob(".grades.csv.*.tmp"))) == 1
        alive.communicate(b"\n", 60)
        assert table.read_bytes() == b"slow"
        assert sorted(path.name for path in tmp_path.iterdir()) == [".notes.txt.01234567.tmp", "grades.csv"]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/fd")
def test_what_is_not_open_for_writing_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "input").touch()
    with (tmp_path / "input").open("rb") as read_only:
        closed = os.dup(read_only.fileno())
        os.close(closed)
        for descriptor in (read_only.fileno(), closed):
            with pytest.raises(EdgeError, match=r"cannot be the CSV: nothing is open there to write into"):
                check_output(Path(f"/dev/fd/{descriptor}"), "the CSV")
    with (tmp_path / "output").open("wb") as writable:
        check_output(Path(f"/dev/fd/{writable.fileno()}"), "the CSV")
