from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from benchmarks.commands import clip
from edge.errors import EdgeError

SMALL = ["--seconds", "1", "--width", "128", "--height", "128"]


def test_a_clip_has_its_size_and_length(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    assert CliRunner().invoke(clip.app, [str(path), *SMALL]).exit_code == 0
    capture = cv2.VideoCapture(str(path))
    names = (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    assert [round(capture.get(name)) for name in names] == [30, 128, 128]
    capture.release()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("arguments", [["--width", "127"], ["--height", "100"], ["--seed", "-1"]])
def test_wrong_arguments_leave_with_2(tmp_path: Path, arguments: list[str]) -> None:
    assert CliRunner().invoke(clip.app, [str(tmp_path / "clip.mp4"), *SMALL, *arguments]).exit_code == 2


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    error = CliRunner().invoke(clip.app, [str(tmp_path / "nowhere" / "clip.mp4"), *SMALL]).exception
    assert isinstance(error, EdgeError)
    assert "clip.mp4 could not be written (OpenCV can write no video there" in str(error)


def test_a_clip_that_fails_midway_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"an older clip")
    monkeypatch.setattr(clip, "length", lambda path: 3)  # as after a full disk
    error = CliRunner().invoke(clip.app, [str(path), *SMALL]).exception
    assert isinstance(error, EdgeError)
    assert "could not be finished" in str(error)
    assert [(p, p.read_bytes()) for p in tmp_path.iterdir()] == [(path, b"an older clip")]
