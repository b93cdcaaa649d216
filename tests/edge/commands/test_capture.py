"""edge-capture as a user runs it: real sources, the shipped model, files on disk."""

from __future__ import annotations

import configparser
import errno
import fcntl
import json
import os
import pty
import re
import resource
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import typer.main
from typer.testing import CliRunner

import edge
from edge.bundle.bundle import default_model, read_bundle
from edge.camera.demo import DemoCamera
from edge.capture import reading
from edge.commands.capture import app
from edge.model import QualityModel
from edge.phantom.retina import make_retina
from edge.phantom.sequence import Sequence

COMMAND = [sys.executable, "-m", "edge.commands.capture"]
# The same, but a reader that stands still has three seconds at the end, in which nothing happens, and not thirty.
# Lines that wait for it are dropped beyond one second of them, and not beyond eight.
IMPATIENT = (
    "from edge.commands.console import printing; printing._LAST_S = 3.0; printing._MOST_LIVE = 32; "
    "from edge.commands.capture import main"
)
# The same, but a machine that halts between two signals makes them no two.
ONE_PRESS = (
    "from edge.capture.service import signals; signals._ONE_PRESS_S = 60.0; from edge.commands.capture import main"
)
REPOSITORY = Path(edge.__file__).parents[1]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def run(*arguments: str | Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, for exit codes, signals and limits."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*COMMAND, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        **settings,
    )


def invoke(*arguments: str | Path) -> tuple[int, str, str]:
    """The command in this process, which is quicker; an EdgeError is told as ``main`` tells it."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    said = result.stderr
    if isinstance(result.exception, edge.EdgeError):
        said += f"error: {result.exception}"
    elif result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, said


@pytest.fixture(scope="module")
def eye() -> list[np.ndarray]:
    """Sixteen frames of a synthetic eye, reduced: clear ones, a reflex, and a blur at the end."""
    sequence = Sequence(seed=0)
    pictures = [sequence.render(index).image for index in range(66, 162, 6)]
    return [np.asarray(cv2.resize(picture, (480, 360), interpolation=cv2.INTER_AREA)) for picture in pictures]


def write_clip(path: Path, pictures: list[np.ndarray]) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (480, 360))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path


@pytest.fixture(scope="module")
def clip(eye: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.avi", eye)


@pytest.fixture(scope="module")
def long_clip(eye: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen seconds."""
    return write_clip(tmp_path_factory.mktemp("clip") / "long.avi", eye * 30)


@pytest.fixture(scope="module")
def session(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a session of the clip without a film; not to be changed."""
    out = tmp_path_factory.mktemp("session") / "out"
    assert invoke(clip, "--out", out, "--fast", "--no-video")[0] == 0
    return out


def lines_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "session.jsonl").read_text().splitlines()]


def check_session(folder: Path, graded: int, film: int | None) -> dict[str, object]:
    """Everything in a session's folder belongs together; returns the sidecar of the best frame.

    A film of None is one that must not be there, one of 0 may be of any length.
    """
    lines = lines_of(folder)
    assert len(lines) == graded
    assert [line["index"] for line in lines] == sorted(int(str(line["index"])) for line in lines)
    retinas = [line for line in lines if line["verdict"] != "no_fundus"]
    best = max(float(str(line["score"])) for line in retinas)
    (sidecar_path,) = folder.glob("frame-*.json")
    sidecar: dict[str, object] = json.loads(sidecar_path.read_text())
    stem = sidecar_path.stem
    assert round(float(str(sidecar["score"])), 4) == best
    expected = {"session.jsonl", f"{stem}.json", f"{stem}.png", f"{stem}.map.png", f"{stem}.overlay.jpg"}
    if film is not None:
        expected.add("session.webm")
    if film:
        with av.open(str(folder / "session.webm")) as container:
            assert sum(1 for _ in container.decode(video=0)) == film
    assert {path.name for path in folder.iterdir()} == expected
    return sidecar


def test_a_clip_becomes_a_session(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, errors = invoke(clip, "--out", out, "--fast")
    assert (code, errors) == (0, "")
    sidecar = check_session(out, graded=16, film=16)
    stem = next(out.glob("frame-*.json")).stem
    assert f"best frame: {out / stem}.png (score " in said
    assert f"open {out / 'session.webm'} to watch the map follow the picture" in said
    assert "16 frames seen, 16 graded, 0 dropped" in said
    bundle = read_bundle(default_model())
    assert sidecar["model"]["sha256"] == bundle.sha256  # type: ignore[index]
    assert sidecar["model"]["signature"] is None  # nobody asked who signed it
    assert sidecar["model"]["name"] == bundle.manifest.name  # type: ignore[index]
    assert sidecar["model"]["pooling"] == bundle.manifest.pooling  # type: ignore[index]
    assert sidecar["software"]["efiqa-edge"] == edge.__version__  # type: ignore[index]
    assert sidecar["engine"]


def test_the_kept_frame_gives_its_verdict_again(session: Path) -> None:
    sidecar = check_session(session, graded=16, film=None)
    image = cv2.imread(str(next(session.glob("frame-??????.png"))))
    with QualityModel.load(threads=1) as model:
        again = model.assess(np.asarray(image, dtype=np.uint8))
    assert again.score == pytest.approx(sidecar["score"], abs=1e-6)
    assert again.verdict == sidecar["verdict"]
    assert again.crop is not None
    assert {"x": again.crop.x, "y": again.crop.y, "side": again.crop.side} == sidecar["crop"]


def test_the_best_frame_is_a_clear_one(session: Path) -> None:
    sidecar = check_session(session, graded=16, film=None)
    truth = Sequence(seed=0).render(66 + 6 * int(sidecar["frame"]["index"])).truth  # type: ignore[index]
    assert truth > 0.9


def test_a_second_session_leaves_the_first_alone(session: Path, clip: Path, tmp_path: Path) -> None:
    out = shutil.copytree(session, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    code, said, _ = invoke(clip, "--out", out, "--fast", "--no-video", "--frames", "8")
    assert code == 0
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert len(lines_of(out / "session-2")) == 8
    assert str(out / "session-2") in said


def test_without_out_nothing_is_written(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said, _ = invoke(clip, "--fast")
    assert code == 0
    assert "16 graded" in said
    assert "best frame: number" in said
    assert list(tmp_path.iterdir()) == []


def test_json_is_a_line_per_frame_and_nothing_else(clip: Path) -> None:
    done = run(clip, "--fast", "--json", "--frames", "5")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["index"] for line in lines] == [0, 1, 2, 3, 4]
    assert all(0 <= line["score"] <= 1 and line["latency_ms"] > 0 for line in lines)
    assert set(lines[0]) == {"index", "t", "score", "verdict", "coverage", "hint", "timings", "latency_ms"}
    assert "5 frames seen" in done.stderr


def test_the_pace_is_the_clips_own(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    wait_until = reading._wait_until

    def noting(moment: float, ended: Callable[[], bool]) -> bool:
        waited.append(moment)
        return wait_until(moment, ended)

    monkeypatch.setattr(reading, "_wait_until", noting)
    code, _, _ = invoke(clip, "--out", tmp_path / "out")
    assert code == 0
    assert waited[-1] - waited[0] >= 15 / 30 - 1e-6  # each frame is waited for until it is due
    lines = lines_of(tmp_path / "out")  # a busy machine skips frames, but never calls one another's time
    assert [line["t"] for line in lines] == pytest.approx([int(str(line["index"])) / 30 for line in lines], abs=0.001)
    assert int(str(lines[-1]["index"])) > 10


def test_the_seconds_end_a_session(clip: Path, tmp_path: Path) -> None:
    assert invoke(clip, "--out", tmp_path / "out", "--fast", "--seconds", "0.2")[0] == 0
    check_session(tmp_path / "out", graded=6, film=6)


def test_a_cut_off_clip_is_graded_as_far_as_it_goes(clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.avi"
    data = clip.read_bytes()
    cut.write_bytes(data[: int(len(data) * 0.6)])
    done = run(cut, "--fast", "--out", tmp_path / "out")
    assert done.returncode == 1
    problems = [line for line in done.stderr.splitlines() if line]
    assert len(problems) == 1, done.stderr
    assert "cut.avi ends in the middle of a frame" in problems[0]
    graded = len(lines_of(tmp_path / "out"))
    assert 5 <= graded < 12
    check_session(tmp_path / "out", graded=graded, film=graded)


def test_a_folder_with_a_corrupt_frame(eye: list[np.ndarray], tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, picture in enumerate(eye[:6]):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:500])
    code, said, errors = invoke(folder, "--fast", "--out", tmp_path / "out")
    assert code == 1
    assert "3.png" in errors
    assert len(errors.strip().splitlines()) == 1
    assert "5 graded" in said
    assert [line["index"] for line in lines_of(tmp_path / "out")] == [0, 1, 2, 4, 5]


def test_frames_of_different_sizes_go_into_one_film(eye: list[np.ndarray], tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, size in enumerate([(401, 301), (200, 300), (1001, 751)]):
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(eye[number], size))
    assert invoke(folder, "--fast", "--out", tmp_path / "out")[0] == 0
    assert len(lines_of(tmp_path / "out")) == 3
    assert (tmp_path / "out" / "session.webm").exists()


@pytest.mark.parametrize("name", ["garbage.mp4", "missing.mp4"])
def test_what_cannot_be_opened_is_one_sentence_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "garbage.mp4").write_bytes(os.urandom(4000))
    done = run(tmp_path / name, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = run(tmp_path / "missing.mp4", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["demo", "--frames", "0"], ["demo", "--seconds", "x"], ["demo", "--engine", "abacus"], ["demo", "--no"]],
)
def test_wrong_arguments_leave_with_2(arguments: list[str]) -> None:
    assert invoke(*arguments)[0] == 2


def test_help_has_an_example() -> None:
    code, said, _ = invoke("--help")
    assert code == 0
    assert "edge-capture demo --out demo" in said


def test_a_full_disk_does_not_stop_the_grading(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def full(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    code, said, errors = invoke(clip, "--fast", "--out", tmp_path / "out")
    assert code == 1
    assert "16 graded" in said
    assert "not kept" in said
    assert len(errors.strip().splitlines()) == 1
    assert f"the disk of {tmp_path / 'out'} is full" in errors
    assert {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()} == {"session.jsonl": 0}


def test_files_that_may_not_grow_are_left_away_whole(clip: Path, tmp_path: Path) -> None:
    """Real refusals in the middle of a write: pictures and film are too large here, the lines are not."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = run(clip, "--fast", "--out", tmp_path / "out", preexec_fn=limit)
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(lines_of(tmp_path / "out")) == 16
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"session.jsonl"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_session_with_its_files_whole(long_clip: Path, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{ONE_PRESS}; main()", str(long_clip), "--out", str(out), "--json"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(12):
        assert process.stdout.readline()
    process.send_signal(number)
    process.send_signal(number)  # as `timeout` and a terminal that closes do
    if number == signal.SIGINT:
        process.send_signal(signal.SIGHUP)
    assert process.stderr is not None
    rest = process.stdout.read()  # communicate() would pass over what was read beside the twelfth line
    errors = process.stderr.read()
    assert process.wait(timeout=300) == 130
    graded = 12 + len(rest.splitlines())
    assert graded < 250
    assert "Traceback" not in errors
    check_session(out, graded=graded, film=0)
    assert "frames seen" in errors


def test_a_kill_leaves_the_best_frame_of_a_second_ago(long_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, str(long_clip), "--out", str(out), "--json"], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    read = [json.loads(process.stdout.readline())]
    began = read[0]["t"]
    while read[-1]["t"] - began < 2.45:  # a busy machine skips frames
        read.append(json.loads(process.stdout.readline()))
        if read[-1]["t"] - read[-2]["t"] > 0.5:  # it has halted, and what it keeps meanwhile is no second old
            began = read[-1]["t"]
    process.kill()
    process.wait()
    process.stdout.close()
    last = float(str(lines_of(out)[-1]["t"]))
    assert read[-1]["t"] - last < 2.0
    kept = {json.loads(path.read_text())["frame"]["index"]: path.stem for path in out.glob("frame-*.json")}
    assert kept
    for index, stem in kept.items():
        assert stem == f"frame-{index:06d}"
        assert cv2.imread(str(out / f"{stem}.png")) is not None
    # What was best two seconds before the kill is kept, or something better.
    scores = {line["index"]: line["score"] for line in read}
    early = [line["score"] for line in read if line["t"] < read[-1]["t"] - 2 and line["verdict"] != "no_fundus"]
    assert max(scores.get(index, 1.0) for index in kept) >= max(early, default=0.0)


def test_the_synthetic_eye_needs_no_data(tmp_path: Path) -> None:
    done = run("demo", "--fast", "--out", tmp_path / "demo", "--frames", "45")
    assert done.returncode == 0, done.stderr
    check_session(tmp_path / "demo", graded=45, film=45)


def test_a_reader_that_goes_away_ends_the_command(long_clip: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, str(long_clip), "--fast", "--json"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(timeout=300) == 1
    assert "Traceback" not in errors
    process.stderr.close()


@pytest.mark.parametrize("both", [False, True], ids=["lines", "lines and words"])
def test_a_reader_that_stands_still_holds_up_no_session(long_clip: Path, tmp_path: Path, both: bool) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with (tmp_path / "said").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{IMPATIENT}; main()", str(long_clip), "--fast", "--json", "--no-video", "--frames",
             "120", "--out", str(tmp_path / "out")],
            env=environment(), stdout=writing, stderr=writing if both else said,
        )  # fmt: skip
        os.close(writing)
        assert process.wait(timeout=300) == 0  # nobody has read a byte
        said.seek(0)
        errors = said.read()
    assert len(lines_of(tmp_path / "out")) == 120
    if not both:
        assert "120 graded, 0 dropped" in errors
        assert "lines of --json dropped" in errors
        assert "Fatal" not in errors
    os.close(reading)


def test_a_terminal_that_stands_still_holds_up_no_session(clip: Path, tmp_path: Path) -> None:
    """As after Ctrl-S: the live line, notes and closing words wait, and nothing else."""
    ours, theirs = pty.openpty()
    termios.tcflow(theirs, termios.TCOOFF)
    process = subprocess.Popen(
        [*COMMAND, str(clip), "--out", str(tmp_path / "out"), "--json", "--seconds", "0.4"],
        env=environment(), stdout=subprocess.DEVNULL, stderr=theirs,
    )  # fmt: skip
    assert process.wait(timeout=300) == 0
    assert len(lines_of(tmp_path / "out")) >= 1
    assert (tmp_path / "out" / "session.webm").exists()
    os.close(theirs)
    os.close(ours)


def test_a_reader_that_leaves_ends_the_lines_and_not_the_session(long_clip: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, str(long_clip), "--fast", "--json", "--no-video", "--frames", "60", "--out", str(tmp_path / "out")],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=300) == 0
    assert len(lines_of(tmp_path / "out")) == 60
    assert "Traceback" not in errors


def test_a_full_disk_behind_the_lines_is_told_of_once(clip: Path, tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, str(clip), "--fast", "--json", "--no-video", "--out", str(tmp_path / "out")],
            env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, timeout=300,
        )  # fmt: skip
    assert done.returncode == 1
    assert len(lines_of(tmp_path / "out")) == 16
    assert done.stderr.count("No space left on device") == 1
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def captures_of(folder: Path) -> list[dict[str, object]]:
    """What the sidecars say of how their frames were captured; every set must be whole."""
    told = []
    for path in sorted(folder.glob("frame-*.json")):
        for kind in (".png", ".map.png", ".overlay.jpg"):
            assert cv2.imread(str(path.with_suffix(kind))) is not None
        told.append(json.loads(path.read_text())["capture"])
    return told


def test_automatic_capture_keeps_what_fired_and_its_runners_up(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(
        "demo", "--fast", "--no-video", "--strictness", "easy", "--keep", "2", "--out", out, "--json", "--frames", "90"
    )
    assert done.returncode == 0, done.stderr
    told = captures_of(out)
    assert told
    assert {(each["by"], each["of"]) for each in told} == {("auto", 2)}
    events = [json.loads(line) for line in done.stdout.splitlines() if '"event"' in line]
    assert [Path(event["file"]).exists() for event in events if event["event"] == "captured"] == [True] * len(told)
    assert done.stderr.count("captured: ") == len(told)
    [made] = [line for line in done.stderr.splitlines() if line.startswith("made: ")]
    assert made.count(str(out)) == (2 if len(told) > 1 else 5)  # many files are counted, not named


def test_a_signal_captures_the_frame_at_hand(long_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, str(long_clip), "--out", str(out), "--no-video", "--json"],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    for _ in range(5):
        assert process.stdout.readline()
    process.send_signal(signal.SIGUSR1)
    line = process.stdout.readline()
    while '"event"' not in line:
        assert line
        line = process.stdout.readline()
    assert Path(json.loads(line)["file"]).exists()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert [(each["by"], each["of"]) for each in captures_of(out)] == [("hand", 1)]


@pytest.mark.parametrize(
    "arguments", [["demo", "--strictness", "easy"], ["0", "--mode", "huge"], ["demo", "--keep", "0", "--out", "x"]]
)
def test_arguments_that_do_not_fit_leave_with_2(arguments: list[str]) -> None:
    assert invoke(*arguments)[0] == 2


@pytest.mark.parametrize(
    ("name", "why"),
    [("file", "it is not a folder"), ("link", "it is a link to nowhere, which is not there"), ("x" * 300, "too long")],
)
def test_what_can_be_no_folder_is_one_sentence(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    code, _, said = invoke("demo:1", "--out", tmp_path / name)
    assert code == 1
    assert re.fullmatch(rf"error: .*{name} cannot hold a session \(.*{why}\); give another folder with --out\.", said)


def test_a_source_that_is_empty_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a variable that a script has not set: it does not mean the folder that one is in."""
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((48, 64, 3), np.uint8))
    monkeypatch.chdir(tmp_path)
    code, _, said = invoke("")
    assert code == 2
    assert "give a SOURCE" in said


def test_a_name_breaks_no_line_of_the_closing_words(clip: Path, tmp_path: Path) -> None:
    code, told, _ = invoke(clip, "--fast", "--frames", "2", "--no-video", "--out", tmp_path / "a\n\x1b[1m")
    assert code == 0
    words = [line for line in told.splitlines() if not line[0].isdigit()]  # how far it is, and its last line, begin so
    assert [line.split(" ")[0] for line in words] == ["made:", "best"]
    assert "\x1b" not in told


def test_a_camera_is_given_back_where_the_session_cannot_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr(DemoCamera, "close", lambda camera: closed.append(camera))
    assert invoke("demo", "--model", tmp_path / "missing.efiqa")[0] == 1
    assert len(closed) == 1


def test_a_source_without_modes_says_so() -> None:
    code, _, errors = invoke("demo", "--mode", "640x480")
    assert code == 1
    assert "demo has no modes" in errors


def test_the_list_of_cameras_needs_no_source() -> None:
    code, said, _ = invoke("--list", "--json")
    assert code == 0
    assert isinstance(json.loads(said), list)
    assert invoke("--list")[0] == 0


def test_a_session_as_dicom_tells_nobody_whose_eye_it_is(clip: Path, tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    (tmp_path / "study.yaml").write_text("patient_id: 00123\npatient_name: Doe^Jane\n")
    done = run(
        clip, "--fast", "--no-video", "--json", "--out", tmp_path / "out", "--dicom", "--laterality", "L",
        "--study", tmp_path / "study.yaml", "--hand-over", tmp_path / "inbox",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (given,) = (tmp_path / "inbox").iterdir()
    (kept,) = (tmp_path / "out").glob("*.dcm")
    assert given.read_bytes() == kept.read_bytes()
    image = pydicom.dcmread(kept)
    assert (image.PatientID, image.ImageLaterality) == ("00123", "L")
    sidecar = json.loads(kept.with_suffix(".json").read_text())
    assert float(image.AcquisitionContextSequence[0].NumericValue) == pytest.approx(sidecar["score"], abs=1e-4)
    for said in (done.stdout, done.stderr, kept.with_suffix(".json").read_text()):
        assert "00123" not in said
        assert "Jane" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--dicom", "--laterality", "R"],
        ["--study", "x.yaml", "--out", "x"],
        ["--hand-over", "x", "--out", "x"],
        ["--dicom", "--laterality", "B", "--out", "x"],
    ],
)
def test_dicom_wants_all_that_it_needs(arguments: list[str]) -> None:
    assert invoke("demo", *arguments)[0] == 2


def test_a_camera_that_mirrors_is_told_of_once_and_kept_in_the_record(tmp_path: Path) -> None:
    right = make_retina(950_001, 480)
    assert right.laterality == "right"
    (tmp_path / "frames").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), right.image[:, ::-1])
    code, _, errors = invoke(
        tmp_path / "frames", "--fast", "--no-video", "--out", tmp_path / "out", "--laterality", "R"
    )  # fmt: skip
    assert code == 0
    assert errors.count("these frames show a left eye, but --laterality R was given") == 1
    (sidecar,) = (tmp_path / "out").glob("frame-*.json")
    eye = json.loads(sidecar.read_text())["eye"]
    assert (eye["stated"], eye["told"], eye["contradicts"]) == ("right", "left", True)
    code, _, errors = invoke(tmp_path / "frames", "--fast", "--laterality", "L")
    assert (code, "eye" in errors) == (0, False)


def test_systemd_hears_of_a_session(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        command = [*COMMAND, "demo", "--frames", "36"]
        with subprocess.Popen(command, env={**environment(), **told}, stdout=subprocess.DEVNULL) as process:
            heard = [manager.recv(200).decode()]
            while heard[-1] != "STOPPING=1":
                heard.append(manager.recv(200).decode())
        assert process.returncode == 0
    first, *beats = [words.split("\nSTATUS=") for words in heard[:-1]]
    assert first == ["READY=1\nWATCHDOG=1", "0 frames graded"]
    assert {alive for alive, _ in beats} == {"WATCHDOG=1"}
    assert len(beats) >= 4  # more than a second, a beat at least every 200 ms
    graded = [int(status.split()[0]) for _, status in beats]
    assert graded == sorted(graded)
    assert graded[-1] > 0


@pytest.mark.parametrize("option", ["--laterality", "--strictness", "--engine"])
def test_a_wrong_choice_is_told_in_plain_words(option: str) -> None:
    code, _, said = invoke("demo", option, "Q")
    assert code == 2
    assert re.search(rf"Invalid value for '{option}': 'Q' is not one of ", said)


def test_the_unit_of_the_docs_starts_this_command() -> None:
    page = (REPOSITORY / "docs" / "edge-capture.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```ini\n(.*?)```", page, re.S)
    unit = configparser.ConfigParser(interpolation=None, strict=False)  # a setting may stand twice
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text.replace("\\\n", ""))
    assert (unit["Service"]["Type"], unit["Service"]["WatchdogSec"]) == ("notify", "20")
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/edge-capture")
    arguments = [argument.replace("${EYE}", "L") for argument in arguments]
    typer.main.get_command(app).make_context("edge-capture", arguments)


@pytest.mark.parametrize("field", ["circle:5000,5000,100", "MASK"])
def test_a_field_that_does_not_fit_ends_the_session_with_one_sentence(
    long_clip: Path, tmp_path: Path, field: str
) -> None:
    mask = tmp_path / "mask.png"
    cv2.imwrite(str(mask), np.full((100, 120), 255, np.uint8))
    code, _, said = invoke(long_clip, "--frames", "40", "--fast", "--field", mask if field == "MASK" else field)
    assert code == 1
    assert "480 x 360" in said.replace("\n", " ")
    assert "in a row" not in said
    assert len(said.strip().splitlines()) == 1, said


def test_a_field_that_is_none_is_a_wrong_argument() -> None:
    code, _, said = invoke("demo", "--field", "oval")
    assert code == 2
    assert "circle:X,Y,R" in said


def test_the_sidecar_says_how_the_field_was_given(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "s"
    code, _, said = invoke(clip, "--fast", "--no-video", "--field", "circle:240,180,170", "--out", out)
    assert code == 0, said
    (sidecar,) = out.glob("frame-*.json")
    told = json.loads(sidecar.read_text())
    assert told["field"] == "circle:240,180,170"
    assert 0.9 <= told["coverage"] <= 1


def test_a_criterion_judges_what_is_kept(clip: Path, tmp_path: Path) -> None:
    code, out, _ = invoke(clip, "--fast", "--no-video", "--out", tmp_path / "a", "--criterion", "nhs-desp")
    assert code == 0
    assert re.search(r"^nhs-desp \(unverified\): (not )?adequate", out, re.M)
    assert re.search(r"^[01] of 1 kept adequate by nhs-desp \(unverified\); no programme has approved it$", out, re.M)
    assert "still missing: " in out
    (sidecar,) = (tmp_path / "a").glob("frame-*.json")
    assert json.loads(sidecar.read_text())["criterion"]["criterion"] == "nhs-desp"
    assert [line.get("event") for line in lines_of(tmp_path / "a")[-2:]] == ["kept", "summary"]
    code, out, said = invoke(clip, "--fast", "--json", "--criterion", "eurodiab", "--laterality", "R")
    assert code == 0
    assert "eurodiab (unverified): " in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"name: a\nsharpness: 1\n", "it lacks title"),
        (b"\xff\xfe\x00", "is not YAML"),
        (b"a: &a [1]\nb: *a\n", "an anchor"),
        (None, "is a folder and no criterion"),
    ],
)
def test_a_criterion_that_cannot_serve_is_refused_before_a_camera_is_opened(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "ours.yaml"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    code, _, words = invoke("no-such-camera.mp4", "--criterion", path)
    assert code == 2
    assert said in re.sub(r"[\s│]+", " ", words)
