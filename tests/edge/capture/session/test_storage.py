"""Files of a session: whole or not there, and nothing foreign touched."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.assessment import Assessment, Timings, Verdict
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.capture.session.frame_store import FrameStore
from edge.capture.session.record import better, line_of
from edge.capture.session.storage import LineFile, claim_folder, why
from edge.errors import EdgeError
from edge.field.find import find_field


def graded(
    index: int = 0, score: float = 0.5, verdict: Verdict = "usable", blur: int = 0, side: int = 160, noise: bool = False
) -> Graded:
    """A disc with fine texture, and an assessment of the given score."""
    y, x = np.mgrid[:side, :side] - side / 2
    inside = np.hypot(x, y) < 0.45 * side
    texture = np.random.default_rng(index if noise else 0).integers(0, 80, (side, side, 1))
    image = np.where(inside[:, :, None], np.array([30, 70, 150]) + texture, 0).astype(np.uint8)
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur).astype(np.uint8)
    field = find_field(image)
    assert field is not None
    degradation = np.full((32, 32), 1 - score, np.float32)
    assessment = Assessment(score, verdict, degradation, field.on_grid(32), field.crop, Timings(1.0, 2.0, 3.0))
    return Graded(Frame(image, index, 100.0 + index / 30), assessment, index / 30, 12.3456)


def store(folder: Path) -> FrameStore:
    return FrameStore(folder, lambda graded, stated: {"index": graded.frame.index}, None, None, 1)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def set_of(stem: str) -> list[str]:
    return [f"{stem}.json", f"{stem}.map.png", f"{stem}.overlay.jpg", f"{stem}.png"]


def test_a_new_folder_is_claimed_itself(tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b"
    assert names(folder) == ["session.jsonl"]


def test_a_folder_that_holds_anything_gets_a_numbered_one(tmp_path: Path) -> None:
    (tmp_path / "frame-000001.png").write_text("foreign")
    assert claim_folder(tmp_path) == tmp_path / "session-2"
    assert claim_folder(tmp_path) == tmp_path / "session-3"
    assert (tmp_path / "frame-000001.png").read_text() == "foreign"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgeError, match=r"file.* cannot hold a session .*--out"):
        claim_folder(tmp_path / "file" / "below")


def test_the_kept_picture_is_untouched_and_the_others_can_be_read(tmp_path: Path) -> None:
    one = graded(7)
    store(tmp_path).keep_best(one)
    assert names(tmp_path) == set_of("frame-000007")
    assert np.array_equal(cv2.imread(str(tmp_path / "frame-000007.png")), one.frame.image)
    assert cv2.imread(str(tmp_path / "frame-000007.map.png")).ndim == 3
    height, width = one.frame.image.shape[:2]
    overlay = cv2.imread(str(tmp_path / "frame-000007.overlay.jpg"))
    assert overlay.shape[0] > height, "no caption below the frame"
    assert overlay.shape[1] >= width
    assert json.loads((tmp_path / "frame-000007.json").read_text()) == {"index": 7}


def test_a_better_frame_replaces_the_older_one(tmp_path: Path) -> None:
    best = store(tmp_path)
    (tmp_path / "frame-000003.txt").write_text("foreign")
    best.keep_best(graded(3))
    best.keep_best(graded(12))
    assert names(tmp_path) == sorted([*set_of("frame-000012"), "frame-000003.txt"])


@pytest.mark.parametrize("fails_at", range(4))
def test_a_full_disk_leaves_the_older_frame_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    best = store(tmp_path)
    best.keep_best(graded(1))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    calls = 0
    sync = os.fsync

    def full(handle: int) -> None:
        nonlocal calls
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            return sync(handle)
        calls += 1
        if calls > fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        best.keep_best(graded(2))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.undo()
    best.keep_best(graded(2))
    assert names(tmp_path) == set_of("frame-000002")


def test_lines_are_whole_when_a_file_may_not_grow(tmp_path: Path) -> None:
    """A real short write: the system takes a part of the data and refuses the rest."""
    path = tmp_path / "session.jsonl"
    program = (
        "import sys, pathlib; from edge.capture.session.storage import LineFile\n"
        "file = LineFile(pathlib.Path(sys.argv[1]))\n"
        "file.append(['a' * 99] * 5)\n"
        "try: file.append(['b' * 99] * 10)\n"
        "except OSError: print('refused')\n"
        "file.append(['c' * 99])\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (999, 999))

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], preexec_fn=limit, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
    assert path.read_text().splitlines() == ["a" * 99] * 5 + ["c" * 99]


def test_lines_are_appended(tmp_path: Path) -> None:
    file = LineFile(tmp_path / "session.jsonl")
    file.append(["one", "two"])
    file.append(["three"])
    file.close()
    assert (tmp_path / "session.jsonl").read_text() == "one\ntwo\nthree\n"


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.05, 0.11])
def test_a_kill_while_saving_leaves_no_half_file(tmp_path: Path, moment: float) -> None:
    program = (
        "import sys, pathlib, importlib.util\n"
        "spec = importlib.util.spec_from_file_location('helpers', sys.argv[2])\n"
        "helpers = importlib.util.module_from_spec(spec); spec.loader.exec_module(helpers)\n"
        "best = helpers.store(pathlib.Path(sys.argv[1]))\n"
        "frames = [helpers.graded(i, side=600, noise=True) for i in range(4)]\n"
        "best.keep_best(frames[0]); print('saving', flush=True)\n"
        "for i in range(10**6): best.keep_best(frames[(i + 1) % 4])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), __file__], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "saving\n"
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    kept = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    sidecars = [path for path in kept if path.suffix == ".json"]
    assert sidecars, "the frame that was safe is gone"
    for path in kept:
        if path.suffix == ".json":
            index = json.loads(path.read_text())["index"]
            assert [p.name for p in sorted(tmp_path.glob(f"frame-{index:06d}.*"))] == set_of(f"frame-{index:06d}")
        elif path.suffixes == [".png"]:
            index = int(path.stem.split("-")[1])
            expected = graded(index, side=600, noise=True).frame.image
            assert np.array_equal(cv2.imread(str(path)), expected)
        else:
            assert cv2.imread(str(path)) is not None


def test_the_best_frame_is_the_highest_score_that_shows_a_retina() -> None:
    assert better(graded(0, 0.4), None)
    assert better(graded(1, 0.5), graded(0, 0.4))
    assert not better(graded(1, 0.4), graded(0, 0.5))
    assert not better(graded(1, 0.0, "no_fundus"), None)
    assert better(graded(1, 0.1, "reject"), None)


def test_of_equal_frames_the_sharper_wins_then_the_later() -> None:
    assert not better(graded(1, 0.5, blur=2), graded(0, 0.5))
    assert better(graded(1, 0.5), graded(0, 0.5, blur=2))
    assert better(graded(1, 0.5), graded(0, 0.5))


def test_a_line_holds_everything_of_a_frame() -> None:
    assert json.loads(line_of(graded(30, 0.123456))) == {
        "index": 30,
        "t": 1.0,
        "score": 0.1235,
        "verdict": "usable",
        "coverage": 1.0,
        "hint": None,
        "timings": {"frame_ms": 1.0, "inference_ms": 2.0, "post_ms": 3.0},
        "latency_ms": 12.346,
    }


def test_trouble_names_the_folder_and_the_remedy() -> None:
    full = why(OSError(errno.ENOSPC, "No space left on device"), Path("out"))
    assert "the disk of out is full" in full
    assert "not all of them are kept; free some space" in full
    assert "Permission denied" in why(PermissionError(errno.EACCES, "Permission denied"), Path("out"))
