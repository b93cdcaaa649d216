"""A video file as a camera."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.container import is_cut_off
from edge.camera.protocol import Frame, format_of
from edge.camera.quiet import quiet_opencv
from edge.errors import EdgeError

DEFAULT_FPS = 30.0
_FASTEST = 240.0  # a container that claims more has no honest frame rate


class VideoCamera:
    """A recording, frame by frame.

    One frame is always held back, grabbed but not yet made a picture: the last one of a file that was cut off may be
    half a picture, and is not given out.
    """

    live = False
    missed = 0

    def __init__(self, path: Path) -> None:
        """Open a video.

        Raises:
            EdgeError: the file is not a video, or not one picture of it can be decoded.
        """
        self._name = str(path)
        self._cut_off = is_cut_off(path)
        self._capture = _open(self._name)
        claimed = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(claimed) if 1.0 <= claimed <= _FASTEST else DEFAULT_FPS
        width, height = (self._capture.get(each) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        self.format = format_of(width, height, self.fps)
        self._given = 0
        self._start = 0.0
        self._held = self._capture.grab() and self._capture.retrieve()[0]
        if not self._held:
            self.close()
            if self._cut_off:
                raise EdgeError(f"{path} is cut off before its first picture or its index; copy the video again.")
            raise EdgeError(f"{path} is not a video with pictures that can be decoded; convert it to MP4 with H.264.")

    def read(self) -> Frame | None:
        """The next frame, due at its place in the recording counted from the first ``read``."""
        image = self._picture() if self._held else None
        if image is None or not self.skip():
            return None
        index = self._given - 1
        if index == 0:
            self._start = time.monotonic()
        return Frame(image, index, self._start + index / self.fps)

    def skip(self) -> bool:
        """Decode the next frame without making it a picture.

        Raises:
            EdgeError: as ``read`` does.
        """
        if not self._held:
            return False
        self._held = self._capture.grab()
        if not self._held and self._cut_off:
            raise EdgeError(
                f"{self._name} ends in the middle of a frame: its first {self._given} frames could be read; "
                "copy it again if the original is whole."
            )
        self._given += 1
        return True

    def close(self) -> None:
        self._held = False
        self._capture.release()

    def _picture(self) -> NDArray[np.uint8] | None:
        # OpenCV hands out a new array each time, so the reader may keep it.
        found, image = self._capture.retrieve()
        self._held = found
        return np.asarray(image, dtype=np.uint8) if found else None


def _open(name: str) -> cv2.VideoCapture:
    """A capture that decodes on one thread: the other core belongs to inference, and each thread holds pictures."""
    backends = cv2.videoio_registry.getStreamBackends()
    with quiet_opencv():
        if cv2.CAP_FFMPEG in backends:
            return cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        # An OpenCV built without FFmpeg, as JetPack's may be.
        backend = cv2.CAP_GSTREAMER if cv2.CAP_GSTREAMER in backends else cv2.CAP_OPENCV_MJPEG
        return cv2.VideoCapture(name, backend)
