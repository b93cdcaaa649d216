"""--keep-days and --max-size of the real command, with and without a hand-over."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from edge.capture.retention.visits import visits_in
from edge.commands.capture import app
from edge.commands.retention import size_of

pytest.importorskip("pydicom")
ROOT = Path(__file__).parents[3]
MONTH = 40 * 86400


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "from edge.commands.capture import main; main()",
        "demo:1",
        "--fast",
        "--no-video",
    ]
    return subprocess.run(
        [*command, "--out", "out", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def age(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file():
            os.utime(path, (time.time() - MONTH, time.time() - MONTH))


def numbers(tmp_path: Path) -> list[int]:
    return [visit.number for visit in visits_in(tmp_path / "out")]


def test_with_a_hand_over_only_what_was_delivered_goes(tmp_path: Path) -> None:
    send = ("--dicom", "--hand-over", "inbox")
    assert run(tmp_path, *send).returncode == 0
    age(tmp_path / "out")
    assert run(tmp_path).returncode == 0  # of this one nothing goes to an archive: it holds no capture either
    assert run(tmp_path, "--dicom").returncode == 0  # its DICOM file was never to be sent
    for number in (2, 3):
        age(tmp_path / "out" / f"session-{number}")
    assert numbers(tmp_path) == [1, 2, 3]
    done = run(tmp_path, *send, "--keep-days", "30")
    assert done.returncode == 0
    assert "older than 30 days" in done.stderr
    assert "1 visit in out (" in done.stderr
    assert "holds captures that have not reached the archive" in done.stderr
    assert numbers(tmp_path) == [3, 4]
    assert len(list((tmp_path / "inbox").iterdir())) == 2


def test_without_a_hand_over_age_alone_decides(tmp_path: Path) -> None:
    for _ in range(2):
        assert run(tmp_path, "--dicom").returncode == 0
    age(tmp_path / "out")
    age(tmp_path / "out" / "session-2")
    done = run(tmp_path, "--keep-days", "30")
    assert "older than 30 days." in done.stderr
    assert numbers(tmp_path) == [3]


def test_the_size_is_kept_to(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 0
    assert run(tmp_path).returncode == 0
    with (tmp_path / "out" / "session-2" / "session.webm").open("wb") as video:
        video.write(b"x" * (101 << 20))
    done = run(tmp_path, "--max-size", "100M")
    assert "to stay below 100.0 MiB." in done.stderr
    assert numbers(tmp_path) == [3]


@pytest.mark.parametrize("limit", [("--keep-days", "3"), ("--max-size", "1G")])
def test_limits_want_a_folder(limit: tuple[str, str]) -> None:
    done = CliRunner().invoke(app, ["demo", *limit])
    assert done.exit_code == 2
    assert "give --out a folder" in re.sub(r"[\s│]+", " ", done.stderr)


def test_more_than_the_disk_has_is_told(tmp_path: Path) -> None:
    assert "it fills up first" in run(tmp_path, "--max-size", "900T").stderr


@pytest.mark.parametrize(
    ("text", "size"),
    [("20G", 20 << 30), ("1.5g", 3 << 29), ("500 MiB", 500 << 20), ("1TB", 1 << 40), (" 100M ", 100 << 20)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "20", "G", "-1G", "1e3G", "99M", "0G", "20K", "nan", "20 G B", "9999999G", "٣G"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="at least 100M"):
        size_of(text)
