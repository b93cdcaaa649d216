"""What cameras at this machine and in the network share where OpenCV reads them."""

from __future__ import annotations

import time

import cv2
import numpy as np

from edge.camera.protocol import Frame
from edge.camera.quiet import quiet_opencv
from edge.errors import EdgeError


class LiveCapture:
    """A live source behind ``cv2.VideoCapture``. Who derives from it opens ``_capture`` and grabs the first frame."""

    live = True
    missed = 0  # OpenCV does not tell what the driver dropped, nor what the network lost
    _capture: cv2.VideoCapture
    _broken: str  # one sentence, for when no frame comes any more

    def __init__(self) -> None:
        self._given = 0
        self._ended = False
        self._held = True  # a frame was grabbed and not given yet

    def read(self) -> Frame | None:
        """Wait for the next frame.

        Raises:
            EdgeError: none comes any more.
        """
        if not self.skip():
            return None
        taken = self._taken()
        found, image = self._capture.retrieve()
        if not found:
            raise self._lost()
        return Frame(np.asarray(image, dtype=np.uint8), self._given - 1, taken)

    def skip(self) -> bool:
        """Wait for the next frame without making it a picture.

        Raises:
            EdgeError: none comes any more.
        """
        if self._ended:
            return False
        if not self._held and not self._grabs():
            raise self._lost()
        self._held = False
        self._given += 1
        return True

    def close(self) -> None:
        self._ended = True
        with quiet_opencv():
            self._capture.release()

    def _grabs(self) -> bool:
        """Wait for a frame; False where none comes."""
        return self._capture.grab()

    def _taken(self) -> float:
        """When the frame was exposed, as well as can be told."""
        return time.monotonic()

    def _lost(self) -> EdgeError:
        self._ended = True
        return EdgeError(self._broken)
