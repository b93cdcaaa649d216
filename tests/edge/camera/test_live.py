"""What every live source promises: frames in turn, one sentence when it breaks, then its end."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.live import LiveSource
from edge.camera.recording.whole_frames import Picture
from edge.errors import EdgeError


class Breaking(LiveSource):
    """Breaks where its video ends."""

    def __init__(self, path: Path) -> None:
        super().__init__("it broke.")
        self._capture = cv2.VideoCapture(str(path))

    def _next(self) -> Picture | None:
        if not self._capture.grab():
            return None
        return lambda: np.asarray(self._capture.retrieve()[1], dtype=np.uint8)

    def close(self) -> None:
        self._ended = True
        self._capture.release()


@pytest.fixture
def camera(tmp_path: Path) -> Breaking:
    path = tmp_path / "three.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for grey in (0, 100, 200):
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()
    return Breaking(path)


def test_the_first_frame_is_the_one_that_was_grabbed_and_a_skipped_one_is_counted(camera: Breaking) -> None:
    first = camera.read()
    assert camera.skip()
    third = camera.read()
    assert first is not None
    assert third is not None
    assert (first.index, third.index) == (0, 2)
    assert first.image.mean() < 5
    assert third.image.mean() == pytest.approx(200, abs=5)
    assert third.timestamp >= first.timestamp


def test_it_breaks_once_and_has_ended_from_then_on(camera: Breaking) -> None:
    assert all(camera.skip() for _ in range(3))
    with pytest.raises(EdgeError, match=r"it broke\."):
        camera.read()
    assert camera.read() is None
    assert not camera.skip()


def test_closed_it_has_ended(camera: Breaking) -> None:
    camera.close()
    assert camera.read() is None
