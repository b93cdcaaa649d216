"""A camera at this machine, by its index."""

from __future__ import annotations

import time

import cv2
import numpy as np

from edge.camera.protocol import Frame
from edge.camera.quiet import quiet_opencv
from edge.errors import EdgeError


class DeviceCamera:
    """A camera that OpenCV can open: V4L2 on Linux, the system's own way elsewhere."""

    live = True

    def __init__(self, index: int) -> None:
        """Open camera ``index``.

        Raises:
            EdgeError: there is no such camera, or another program holds it.
        """
        self._index = index
        self._given = 0
        self._ended = False
        with quiet_opencv():
            self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            raise EdgeError(
                f"no camera answers at index {index}: plug it in, close other programs that use it, "
                "or try another index."
            )
        # The driver's queue must not age the frames; where it cannot be shortened, reading at once keeps it empty.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.fps = max(0.0, float(self._capture.get(cv2.CAP_PROP_FPS)))

    def read(self) -> Frame | None:
        """Wait for the next frame.

        Raises:
            EdgeError: the camera stopped giving frames.
        """
        if not self.skip():
            return None
        taken = time.monotonic()
        found, image = self._capture.retrieve()
        if not found:
            raise self._lost()
        return Frame(np.asarray(image, dtype=np.uint8), self._given - 1, taken)

    def skip(self) -> bool:
        """Wait for the next frame without decoding it.

        Raises:
            EdgeError: the camera stopped giving frames.
        """
        if self._ended:
            return False
        if not self._capture.grab():
            raise self._lost()
        self._given += 1
        return True

    def _lost(self) -> EdgeError:
        self._ended = True
        return EdgeError(f"camera {self._index} gives no frames any more: check its cable and start again.")

    def close(self) -> None:
        self._ended = True
        self._capture.release()
