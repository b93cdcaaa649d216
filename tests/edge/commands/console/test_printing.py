"""Lines of a session through a real pipe, whose reader is slow, stands still, or leaves."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from edge.commands.console import printing as module
from edge.commands.console.printing import Printing


@pytest.fixture
def pipe() -> Iterator[tuple[int, IO[str]]]:
    """Both ends of a pipe of one page."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with open(writing, "w") as output:  # noqa: PTH123
        yield reading, output
    with contextlib.suppress(OSError):
        os.close(reading)


def read_all(reading: int) -> tuple[threading.Thread, list[str]]:
    got: list[str] = []

    def work() -> None:
        with open(os.dup(reading)) as lines:  # noqa: PTH123
            for line in lines:
                got.append(line.strip())
                if got[-1] == "end":
                    return

    thread = threading.Thread(target=work)
    thread.start()
    return thread, got


def line(index: int) -> str:
    return json.dumps({"index": index, "more": "x" * 100})


def test_a_reader_that_stood_still_gets_all_that_is_kept_and_the_newest(
    pipe: tuple[int, IO[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, output = pipe
    monkeypatch.setattr(sys, "stdout", output)
    printing = Printing(lambda error: None)
    for index in range(2000):
        if index % 100 == 50:
            printing.keep(line(index))
        else:
            printing.live(index, line(index))
    printing.kept(999, line(999))  # long dropped by now
    printing.kept(1990, line(1990))  # still waits
    for index in range(2000, 2400):
        printing.live(index, line(index))
    printing.keep("end")
    thread, got = read_all(reading)
    printing.close()
    thread.join(60)
    indices = [json.loads(each)["index"] for each in got[:-1]]
    assert {*range(50, 2000, 100), 999, 1990, 2399} <= set(indices)
    assert len(indices) == len(set(indices))
    assert printing.dropped == 2400 - len(indices) > 1500
    assert [index for index in indices if index != 999] == sorted(set(indices) - {999})


def test_nothing_is_dropped_where_it_is_read(pipe: tuple[int, IO[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    reading, output = pipe
    monkeypatch.setattr(sys, "stdout", output)
    printing = Printing(lambda error: None)
    thread, got = read_all(reading)
    for index in range(200):
        printing.live(index, line(index))
    printing.keep("end")
    printing.close()
    thread.join(60)
    assert (len(got), printing.dropped) == (201, 0)


def test_a_reader_that_never_reads_again_is_not_waited_for(
    pipe: tuple[int, IO[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, output = pipe
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(module, "_STILL_S", 0.3)
    printing = Printing(lambda error: None)
    for index in range(300):
        printing.live(index, line(index))
    printing.close()
    assert printing.dropped > 200
    os.set_blocking(reading, False)
    got = os.read(reading, 65536).decode()
    assert all(json.loads(each) for each in got.rpartition("\n")[0].splitlines())


def test_what_was_kept_waits_for_a_reader_that_a_full_pipe_hides(
    pipe: tuple[int, IO[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, output = pipe
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(module, "_STILL_S", 0.2)
    printing = Printing(lambda error: None)
    for index in range(250):
        printing.live(index, line(index))
    printing.kept(200, line(200))
    printing.keep("end")
    closing = threading.Thread(target=printing.close)
    closing.start()
    closing.join(2)
    assert closing.is_alive()  # ten times as long as for live lines
    thread, got = read_all(reading)
    closing.join(60)
    thread.join(60)
    assert {"end", line(200)} <= set(got)
    assert printing.dropped == 251 - len(got) > 100
    assert printing.lost == 0


def test_at_last_what_was_kept_is_given_up_and_counted(
    pipe: tuple[int, IO[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, output = pipe
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(module, "_STILL_S", 0.2)
    monkeypatch.setattr(module, "_LAST_S", 1.0)
    printing = Printing(lambda error: None)
    for index in range(100):
        printing.keep(line(index))
    printing.close()
    os.set_blocking(reading, False)
    whole = os.read(reading, 65536).decode().count("\n")
    assert printing.dropped == 100 - whole
    assert printing.lost in (printing.dropped, printing.dropped - 1)  # one may have been in the making


@pytest.mark.parametrize("full", [False, True])
def test_one_that_leaves_ends_the_printing_and_is_told_of_once(
    pipe: tuple[int, IO[str]], full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, output = pipe
    told: list[OSError] = []
    with open("/dev/full", "w") as disk:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", disk if full else output)
        os.close(reading)
        printing = Printing(told.append)
        for index in range(1000):
            printing.live(index, line(index))
            printing.keep(line(index))
        printing.close()
    assert len(told) == 1
    assert printing.ended is told[0]
    assert isinstance(told[0], BrokenPipeError) is not full


def test_no_output_at_all_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    printing = Printing(lambda error: None)
    printing.keep("a")
    printing.close()
    assert printing.dropped == 0


def test_it_goes_into_a_file_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "lines").open("w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        printing = Printing(lambda error: None)
        for index in range(100):
            printing.keep(line(index))
        printing.close()
    assert [json.loads(each)["index"] for each in (tmp_path / "lines").read_text().splitlines()] == list(range(100))
