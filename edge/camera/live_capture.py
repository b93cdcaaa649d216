"""A live source that OpenCV reads."""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.protocol import Frame
from edge.camera.quiet import quiet_opencv
from edge.errors import EdgeError

_PATIENCE_S = 1.0  # with frames that are all damaged, before the source counts as broken


class LiveCapture:
    """A live source behind ``cv2.VideoCapture``. Who derives from it opens ``_capture`` and grabs the first frame."""

    live = True
    damaged = 0  # frames that came damaged, and are never given
    _capture: cv2.VideoCapture
    _broken: str  # one sentence, for when no frame comes any more

    def __init__(self) -> None:
        self._given = 0
        self._ended = False
        self._held = True  # a frame was grabbed and not given yet

    @property
    def missed(self) -> int:
        """Damaged frames; OpenCV does not tell what the driver dropped."""
        return self.damaged

    def read(self) -> Frame | None:
        """Wait for the next whole frame.

        Raises:
            EdgeError: none comes any more, or it is too large.
        """
        began = time.monotonic()
        while self.skip():
            taken = self._taken()
            found, raw = self._capture.retrieve()
            if not found:
                raise self._lost()
            image = self._picture(np.asarray(raw, dtype=np.uint8))
            if image is not None:
                return Frame(image, self._given - 1, taken)
            self.damaged += 1
            if time.monotonic() - began > _PATIENCE_S:
                raise self._lost()
        return None

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

    def _picture(self, raw: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """What OpenCV gave as a picture, uint8 BGR (H, W, 3); None where it is damaged."""
        return raw

    def _taken(self) -> float:
        """When the frame was exposed, as well as can be told."""
        return time.monotonic()

    def _lost(self) -> EdgeError:
        self._ended = True
        return EdgeError(self._broken)
