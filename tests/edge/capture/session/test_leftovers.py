"""Files of a killed session are finished or removed, and reported once; running sessions and foreign files are not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

from edge.capture.session.leftovers import Recording, repair
from edge.capture.session.storage import claim_folder

ROOT = Path(__file__).parents[4]


def killed(folder: Path, *files: str) -> Path:
    """A folder as a session leaves it that is killed at work."""
    program = (
        "import os, pathlib, signal, sys; from edge.capture.session.leftovers import Recording\n"
        "from edge.capture.session.storage import claim_folder\n"
        "mark = Recording(claim_folder(pathlib.Path(sys.argv[1])))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL
    for name in files:
        (folder / name).write_bytes(b"x")
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


HALF = ("frame-000003.png", "frame-000003.map.png", ".frame-000004.png.0123abcd.tmp", ".session.part.webm")
WHOLE = tuple(f"frame-000001.{kind}" for kind in ("png", "map.png", "overlay.jpg", "json"))
FOREIGN = ("notes.txt", "frame-000002.txt", "my-frame-000009.png", ".hidden.tmp", ".frame-000001.png.swp")


def test_what_is_half_done_goes_and_nothing_else(tmp_path: Path) -> None:
    folder = killed(tmp_path / "out", *HALF, *WHOLE, *FOREIGN)
    (folder / "frame-000007.png").symlink_to(folder / "notes.txt")
    (folder / "session.jsonl").write_text('{"index": 0}\n{"index": 1}\n{"ind')
    said = repair(tmp_path / "out")
    assert said.startswith(f"the session in {folder} was killed")
    assert "3 half-written files are removed" in said
    assert names(folder) == {"session.jsonl", *WHOLE, *FOREIGN, "frame-000007.png"}
    assert [json.loads(line)["index"] for line in (folder / "session.jsonl").read_text().splitlines()] == [0, 1]
    assert repair(tmp_path / "out") == ""


@pytest.mark.parametrize("text", ["", "\n", "{", '{"a": 1}\n' * 3, '{"a": 1}\n' + "x" * 200_000])
def test_only_a_line_without_its_end_is_cut(tmp_path: Path, text: str) -> None:
    folder = killed(tmp_path / "out")
    (folder / "session.jsonl").write_text(text)
    assert "no file was left half-written" in repair(folder)
    assert (folder / "session.jsonl").read_text() == text[: text.rfind("\n") + 1]


def test_a_session_that_lives_or_has_ended_is_left_alone(tmp_path: Path) -> None:
    living, ended = claim_folder(tmp_path), claim_folder(tmp_path)
    mark = Recording(living)
    Recording(ended).end()
    for folder in (living, ended):
        for name in HALF:
            (folder / name).write_bytes(b"x")
    program = (
        "import pathlib; from edge.capture.session.leftovers import repair\n"
        f"print(repair(pathlib.Path({str(tmp_path)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.returncode) == ("\n", 0)
    assert set(HALF) <= names(living) & names(ended)
    mark.end()


def test_a_folder_of_no_session_is_left_alone(tmp_path: Path) -> None:
    for name in HALF:
        (tmp_path / name).write_bytes(b"x")
    assert repair(tmp_path) == ""
    assert names(tmp_path) == set(HALF)
    assert repair(tmp_path / "nowhere") == ""


def test_dicom_that_waits_for_the_archive_stays(tmp_path: Path) -> None:
    folder = killed(
        tmp_path / "out", "frame-000001.png", "frame-000001.dcm", ".frame-000001.dcm.waiting", "frame-000002.dcm"
    )
    repair(folder)
    assert names(folder) == {"session.jsonl", "frame-000001.dcm", ".frame-000001.dcm.waiting"}


def test_several_are_reported_in_one_sentence(tmp_path: Path) -> None:
    for number in range(3):
        killed(tmp_path)
        (tmp_path / (f"session-{number + 1}" if number else ".") / "frame-000001.png").write_bytes(b"x")
    said = repair(tmp_path)
    assert said.startswith(f"3 sessions in {tmp_path} were killed: 3 half-written files are removed")


@pytest.mark.chain
def test_the_next_start_finishes_the_video_and_reports_it(tmp_path: Path) -> None:
    """The whole command, killed in the middle of a session."""
    command = [sys.executable, "-m", "edge.commands.capture", "demo", "--out", str(tmp_path), "--strictness", "easy"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*command, "--json"], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while (tmp_path / ".session.part.webm").exists() is False or (
        tmp_path / ".session.part.webm"
    ).stat().st_size < 9000:
        assert process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    done = subprocess.run(
        [*command, "--fast", "--frames", "3"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"note: the session in {tmp_path} was killed: its video is finished") == 1
    with av.open(str(tmp_path / "session.webm")) as film:
        assert sum(1 for _ in film.decode(video=0)) > 3
    assert not [name for name in names(tmp_path) if name.startswith(".")]
    assert not [name for name in names(tmp_path / "session-2") if name.startswith(".")]
    again = subprocess.run(
        [*command, "--fast", "--frames", "3"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert "killed" not in again.stderr
