"""edge-grade as a process: signals, readers that are slow or leave, disks that are full, names of any kind."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[4]
COMMAND = [sys.executable, "-m", "edge.commands.grade", "--threads", "1"]
# A machine that halts between two signals makes them no two.
ONE_PRESS = (
    "from edge.commands.console import endings; endings._ONE_PRESS_S = 60.0; from edge.commands.grade import main"
)
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def photographs(folder: Path, number: int) -> Path:
    folder.mkdir()
    frame = np.zeros((48, 64, 3), np.uint8)
    cv2.circle(frame, (32, 24), 20, (40, 90, 180), -1)
    for index in range(number):
        cv2.imwrite(str(folder / f"{index:03d}.png"), frame)
    return folder


def hanging(folder: Path) -> Path:
    """One photograph, and then ones that take a decoder all of its eight seconds."""
    photographs(folder, 1)
    for number in range(1, 6):
        (folder / f"{number}.pgm").write_bytes(b"P2 6000 6000 255 " + b"7 " * 36_000_000)
    return folder


def start(*arguments: object, **settings: object) -> subprocess.Popen[str]:
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], cwd=ROOT, text=True, **settings)  # type: ignore[call-overload, no-any-return]


def paths_of(table: Path) -> list[str]:
    with table.open(newline="", encoding="utf-8") as file:
        return [Path(row["path"]).name for row in csv.DictReader(file)]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_batch_with_its_rows_kept(tmp_path: Path, number: signal.Signals) -> None:
    """Again and again in a moment, as `timeout` and a terminal that closes send it: that must not cost the rows."""
    table = tmp_path / "grades.csv"
    command = [sys.executable, "-c", f"{ONE_PRESS}; main()", "--threads", "1", hanging(tmp_path / "in"), "--json"]
    run = subprocess.Popen(
        [*command, "--csv", table], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert "000.png" in run.stdout.readline()
    for _ in range(20):
        run.send_signal(number)
        time.sleep(0.01)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 128 + number
    assert "Traceback" not in said
    assert paths_of(table) == ["000.png"]
    assert not list(tmp_path.glob(".*"))


def test_nohup_is_heeded(tmp_path: Path) -> None:
    run = start(
        photographs(tmp_path / "in", 60), "--json",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    assert run.stdout is not None
    first = run.stdout.readline()
    run.send_signal(signal.SIGHUP)
    rest = run.stdout.read()  # communicate() would pass over what was read beside the first line
    assert run.wait(timeout=300) == 0
    assert len((first + rest).splitlines()) == 61


def test_a_slow_reader_is_waited_for_and_gets_every_row(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        import fcntl

        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    except (ImportError, AttributeError, OSError):
        pytest.skip("no pipe can be made small here")
    run = start(photographs(tmp_path / "in", 80), "--json", stdout=writing)
    os.close(writing)
    with open(reading, "rb", buffering=0) as rows:  # noqa: PTH123
        got = rows.read(10)
        with pytest.raises(subprocess.TimeoutExpired):  # it stands at the full pipe
            run.wait(timeout=5)
        while more := rows.read(100):
            got += more
    assert run.wait(timeout=300) == 0
    *each, last = map(json.loads, got.decode().splitlines())
    assert [Path(row["path"]).name for row in each] == [f"{index:03d}.png" for index in range(80)]
    assert last["summary"]["graded"] == 80


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_leaves_ends_a_batch_quietly(tmp_path: Path, form: list[str]) -> None:
    run = start(photographs(tmp_path / "in", 60), *form)
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.close()
    said = run.stderr.read()
    run.stderr.close()
    assert run.wait(timeout=300) == 1
    assert said == ""


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_what_cannot_be_printed_costs_no_file(tmp_path: Path, form: list[str], full: bool) -> None:
    table, maps = tmp_path / "grades.csv", tmp_path / "maps"
    with open("/dev/full", "wb") as nowhere:  # noqa: PTH123
        settings: dict[str, object] = {"stdout": nowhere} if full else {}
        run = start(photographs(tmp_path / "in", 12), *form, "--csv", table, "--maps", maps, **settings)
        if run.stdout is not None:
            run.stdout.close()
        assert run.stderr is not None
        said = run.stderr.read()
        run.stderr.close()
    assert run.wait(timeout=300) == 1
    assert len(paths_of(table)) == 12
    assert len(list(maps.iterdir())) == 24
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert said.count("No space left on device") == full
    assert len(said.splitlines()) == full


@pytest.mark.parametrize("form", [["IN"], ["IN", "--json"], ["--help"]])
def test_a_full_output_is_one_sentence(tmp_path: Path, form: list[str]) -> None:
    photographs(tmp_path / "in", 2)
    with open("/dev/full", "wb") as nowhere:  # noqa: PTH123
        run = start(*[tmp_path / "in" if each == "IN" else each for each in form], stdout=nowhere)
        _, said = run.communicate(timeout=300)
    assert run.returncode == 1
    (line,) = said.splitlines()
    assert line.startswith("error: what is printed cannot be written (No space left on device)")


def test_full_words_along_the_way_cost_nothing(tmp_path: Path) -> None:
    folder = photographs(tmp_path / "in", 3)
    (folder / "bad.png").write_bytes(b"no picture")
    with open("/dev/full", "wb") as nowhere:  # noqa: PTH123
        run = start(folder, "--csv", tmp_path / "grades.csv", stderr=nowhere)
        out, _ = run.communicate(timeout=300)
    assert run.returncode == 1  # of the bad one
    assert "3 graded" in out
    assert len(paths_of(tmp_path / "grades.csv")) == 4


def test_rows_go_into_a_pipe_and_closing_words_do_not(tmp_path: Path) -> None:
    folder = photographs(tmp_path / "in", 3)
    done = subprocess.run(
        [*COMMAND, str(folder), "--csv", "/dev/stdout"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0
    assert [Path(row["path"]).name for row in csv.DictReader(done.stdout.splitlines())] == [
        f"00{n}.png" for n in range(3)
    ]
    assert "3 graded" in done.stderr
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    assert start(folder, "--csv", pipe).wait(timeout=300) == 0
    reader.join(60)
    assert len(got[0].splitlines()) == 4
    assert pipe.is_fifo()


@pytest.mark.parametrize("option", ["--csv", "--maps", "--model"])
def test_no_output_takes_the_place_of_what_was_given(tmp_path: Path, option: str) -> None:
    folder = photographs(tmp_path / "in", 2)
    (folder / "000.png").rename(folder / "001.map.png")  # a photograph all the same, if it is named
    before = {path: path.read_bytes() for path in folder.iterdir()}
    arguments: list[object] = [folder / "001.png", folder / "001.map.png"]
    if option == "--model":
        (tmp_path / "mine.efiqa").write_bytes(b"bundle")
        arguments += ["--model", tmp_path / "mine.efiqa", "--csv", tmp_path / "mine.efiqa"]
    else:
        arguments += [option, folder / "001.map.png" if option == "--csv" else folder]
    run = start(*arguments)
    out, said = run.communicate(timeout=300)
    assert (run.returncode, out) == (1, "")
    assert "is an input" in said
    assert len(said.splitlines()) == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert option != "--model" or (tmp_path / "mine.efiqa").read_bytes() == b"bundle"


NAMES = [b"a:b.png", b"=1+1.png", b"\xff\xfe.png", "ü漢.png".encode(), b"e\x1b[31m\x07.png", b"n\nl.png", b"-x.png"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_names_of_any_kind_end_no_batch(tmp_path: Path, form: list[str], encoding: str) -> None:
    folder = photographs(tmp_path / "in", 1)
    for number, name in enumerate(NAMES):
        data = (folder / "000.png").read_bytes() if number % 2 else b"no picture"
        (folder / os.fsdecode(name)).write_bytes(data)
    done = subprocess.run(
        [*COMMAND, ".", *form, "--csv", str(tmp_path / "grades.csv"), "--maps", str(tmp_path / "maps")],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
        capture_output=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1  # four are no pictures
    assert b"Traceback" not in done.stderr
    assert not any(sign < 32 and sign != 10 for sign in done.stdout + done.stderr)
    assert len(paths_of(tmp_path / "grades.csv")) == 8
    assert len(list((tmp_path / "maps").iterdir())) == 8
    if form:
        assert len([json.loads(line) for line in done.stdout.splitlines()]) == 9


def test_nothing_steers_a_terminal(tmp_path: Path) -> None:
    """A real one: colours are its own, what a name holds is not."""
    folder = photographs(tmp_path / "in", 1)
    (folder / "e\x1b]0;title\x07\x1b[2J.png").write_bytes(b"no picture")
    ours, theirs = pty.openpty()
    run = subprocess.Popen([*COMMAND, str(folder)], cwd=ROOT, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    got = b""
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:
            break
        if not more:
            break
        got += more
    os.close(ours)
    assert run.wait(timeout=300) == 1
    assert b"\\x1b]0;title\\x07\\x1b[2J" in got.replace(b"\r\n", b"")
    assert b"\x1b]0;" not in got
    assert b"\x1b[2J" not in got
