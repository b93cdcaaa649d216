"""Pixels that are not square, pictures that lie on their side, and frames that are too large."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("av")

from edge.camera.open import open_camera
from edge.camera.protocol import Camera, Frame
from edge.camera.reconnecting import ReconnectingCamera
from edge.camera.recording.video import VideoCamera
from edge.camera.shape import TooLargeError, check_size, with_square_pixels
from edge.errors import EdgeError
from edge.images import MOST_PIXELS

Writer = Callable[..., list[np.ndarray]]


@pytest.mark.parametrize(
    ("aspect", "width"), [((4, 3), 427), ((8, 9), 284), ((1, 2), 160), ((10, 1), 320), ((1, 9), 320), (None, 320)]
)
@pytest.mark.parametrize(("codec", "suffix"), [("libx264", "mp4"), ("mpeg4", "mkv"), ("mjpeg", "mov")])
def test_a_recording_is_given_with_square_pixels(
    tmp_path: Path, write_clip: Writer, codec: str, suffix: str, aspect: tuple[int, int] | None, width: int
) -> None:
    path = tmp_path / f"clip.{suffix}"
    write_clip(path, codec, 3, aspect=aspect)
    camera = open_camera(str(path))
    frame = camera.read()
    camera.close()
    assert frame is not None
    assert frame.image.shape == (240, width, 3)
    assert camera.format.startswith(f"{width}x240")


@pytest.mark.parametrize("aspect", [0.25, 0.5, 12 / 11, 1.5, 4.0])
def test_an_ellipse_becomes_the_circle_that_was_filmed(aspect: float) -> None:
    squeezed = np.zeros((400, round(400 / aspect), 3), np.uint8)
    cv2.ellipse(squeezed, (squeezed.shape[1] // 2, 200), (round(150 / aspect), 150), 0, 0, 360, (255, 255, 255), -1)
    image = with_square_pixels("it", squeezed, aspect)
    _, _, width, height = cv2.boundingRect((image[:, :, 0] > 127).astype(np.uint8))
    assert width == pytest.approx(height, abs=9)  # a wide pixel is coarse


def test_a_recording_on_its_side_is_turned_upright(tmp_path: Path, write_clip: Writer) -> None:
    path = tmp_path / "clip.mp4"
    (lying, *_) = write_clip(path, "libx264", 3)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one, none, minus = 0x10000.to_bytes(4, "big"), bytes(4), (-0x10000 & 0xFFFFFFFF).to_bytes(4, "big")
    clockwise, counter = none + one + none + minus + none, none + minus + none + one + none
    for turned, quarters in ((clockwise, -1), (counter, 1), (minus + none * 3 + minus, 2)):
        data[matrix : matrix + 20] = turned
        path.write_bytes(data)
        frame = VideoCamera(path).read()
        assert frame is not None
        assert np.array_equal(frame.image, np.rot90(lying, quarters))


def test_the_limit_is_that_of_photographs() -> None:
    check_size("it", 12_000, MOST_PIXELS // 12_000)
    with pytest.raises(TooLargeError, match=r"^it gives frames of 12000x10001, more than the 120 megapixels[^\n]+$"):
        check_size("it", 12_000, 10_001)


@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_a_recording_that_is_too_large_is_refused_when_it_is_opened(
    tmp_path: Path, write_clip: Writer, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, codec, 3)
    monkeypatch.setattr("edge.camera.shape.MOST_PIXELS", 320 * 240 - 1)
    with pytest.raises(EdgeError, match=r"clip\.mkv gives frames of 320x240, more than the"):
        open_camera(str(path))


def test_a_recording_that_grows_too_large_ends(
    tmp_path: Path, write_clip: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.mkv"
    large = cv2.imencode(".jpg", np.zeros((480, 640, 3), np.uint8))[1].tobytes()
    write_clip(path, "mjpeg", 6, lambda number, data: large if number >= 4 else data)
    monkeypatch.setattr("edge.camera.shape.MOST_PIXELS", 320 * 240)
    camera = VideoCamera(path)
    assert [camera.read() is not None for _ in range(4)] == [True] * 4
    with pytest.raises(TooLargeError, match=r"640x480"):
        camera.read()
    assert camera.read() is None
    assert not camera.skip()


class Growing:
    """A camera whose frames grow too large; opened again they still are."""

    live, fps, format, missed = True, 30.0, "", 0

    def __init__(self) -> None:
        self._given = 0

    def read(self) -> Frame | None:
        time.sleep(0.005)
        self._given += 1
        if self._given > 3:
            raise TooLargeError("the camera gives frames of 99999x99999.")
        return Frame(np.zeros((8, 8, 3), np.uint8), self._given - 1, time.monotonic())

    def skip(self) -> bool:
        return self.read() is not None

    def close(self) -> None:
        pass


def test_a_camera_that_grows_too_large_is_not_opened_for_ever() -> None:
    opened: list[Camera] = []

    def open_once() -> Camera:
        opened.append(Growing())
        return opened[-1]

    said: list[str] = []
    camera = ReconnectingCamera("camera 0", open_once, said.append, threading.Event(), stall_s=60.0)
    with pytest.raises(TooLargeError, match="99999x99999"):
        list(iter(camera.read, None))
    assert camera.read() is None
    assert (len(opened), said) == (1, [])
