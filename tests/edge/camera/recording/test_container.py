"""The promised length of video containers."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.camera.recording.container import is_cut_off, promised_length


def write_video(path: Path, code: str, frames: int = 8) -> bytes:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 30, (64, 48))
    assert writer.isOpened()
    rng = np.random.default_rng(0)
    for _ in range(frames):
        writer.write(rng.integers(0, 255, (48, 64, 3), np.uint8))
    writer.release()
    return path.read_bytes()


@pytest.mark.parametrize(("suffix", "code"), [("avi", "MJPG"), ("mp4", "mp4v"), ("mkv", "MJPG")])
def test_a_whole_file_keeps_its_promise_and_a_shorter_one_does_not(tmp_path: Path, suffix: str, code: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    data = write_video(path, code)
    assert not is_cut_off(path)
    for length in (len(data) - 2, len(data) // 2, 200):
        path.write_bytes(data[:length])
        assert is_cut_off(path), length


def test_what_is_appended_does_not_make_a_file_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    path.write_bytes(write_video(path, "MJPG") + bytes(100))
    assert not is_cut_off(path)


def test_a_length_left_open_is_no_promise() -> None:
    assert promised_length(io.BytesIO(b"RIFF\0\0\0\0AVI "), 12) is None
    assert promised_length(io.BytesIO(b"\0\0\0\x14ftyp" + bytes(12) + b"\0\0\0\0mdat" + bytes(50)), 78) is None
    assert promised_length(io.BytesIO(b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01" + b"\xff" * 7), 17) is None


def test_a_large_box_has_its_length_behind_its_name() -> None:
    box = b"\0\0\0\x01mdat" + (1 << 33).to_bytes(8, "big")
    assert promised_length(io.BytesIO(box), len(box)) == 1 << 33


@given(
    st.sampled_from([b"", b"RIFF", b"\0\0\0\x14ftyp", b"\0\0\0\x01mdat", b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67"]),
    st.binary(max_size=200),
)
def test_any_bytes_are_read_without_an_error(head: bytes, tail: bytes) -> None:
    data = head + tail
    promised = promised_length(io.BytesIO(data), len(data))
    assert promised is None or promised >= 0
