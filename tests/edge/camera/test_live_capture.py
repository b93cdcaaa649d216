"""What every live source that OpenCV reads promises: frames in turn, one sentence when it breaks, then its end."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.live_capture import LiveCapture
from edge.errors import EdgeError


class Breaking(LiveCapture):
    """Breaks where its video ends."""

    _broken = "it broke."

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._capture = cv2.VideoCapture(str(path))
        assert self._capture.grab()


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
