"""The overlay video of a session."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.quiet import quiet_opencv
from edge.capture.loop import Graded
from edge.overlay import draw_overlay, reduced

_WIDEST = 960  # pixels; encoding a larger one would take the core that grades
_LONGEST_STILL_S = 1.0  # of a pause that is longer, the rest is cut


class Film:
    """``session.mp4`` in the making, under a temporary name until it is whole.

    Frames that were not graded, or came too fast to draw, are shown as a longer still, so the film runs in the time
    of its source, less what is cut from long pauses.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._path = path
        self._part = path.with_name(f".{path.stem}.part{path.suffix}")
        # Two digits: MPEG-4 counts time in at most 65535 parts, and many more digits do not fit there.
        self._fps = round(fps, 2) if fps > 0 else 30.0
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._written = 0
        self._left_out = 0  # frames of stills that were cut short

    def add(self, graded: Graded) -> None:
        """Draw a frame and append it at its time.

        Raises:
            OSError: this OpenCV cannot write MP4, or the file cannot be made.
        """
        missing = round(graded.t * self._fps) + 1 - self._left_out - self._written
        if missing < 0:  # the source is faster than it said: this one's time is taken already
            return
        picture = _drawn(graded)
        if self._writer is None:
            self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
            self._writer = _open(self._part, self._fps, self._size)
        picture = _fit(picture, self._size)
        longest = max(1, round(_LONGEST_STILL_S * self._fps))
        self._left_out += max(0, missing - longest)
        for _ in range(max(1, min(missing, longest))):
            self._writer.write(picture)
            self._written += 1

    def discard(self) -> None:
        """Give the film up; nothing is left of it."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None
        self._part.unlink(missing_ok=True)

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            OSError: what lies on disk is not the whole film; then nothing is left of it.
        """
        if self._writer is None:
            return
        self._writer.release()
        self._writer = None
        try:
            # OpenCV does not say when a disk was full: only the file itself tells.
            if length(self._part) < self._written:
                raise OSError(0, "the overlay video could not be finished")
            with self._part.open("rb+") as file:
                os.fsync(file.fileno())
            self._part.replace(self._path)
        except BaseException:
            self.discard()
            raise


def _open(path: Path, fps: float, size: tuple[int, int]) -> cv2.VideoWriter:
    with quiet_opencv():
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    if not writer.isOpened():
        raise OSError(0, "this OpenCV cannot write an MP4 there, --no-video does without")
    return writer


def _drawn(graded: Graded) -> NDArray[np.uint8]:
    """The overlay at film size."""
    picture, assessment = reduced(graded.frame.image, graded.assessment, _WIDEST)
    drawn: NDArray[np.uint8] = draw_overlay(picture, assessment, graded.hint.text if graded.hint is not None else "")
    return drawn


def _fit(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture of any shape on a canvas of the film's size, black around it."""
    width, height = size
    if picture.shape[0] // 2 * 2 == height and picture.shape[1] // 2 * 2 == width:
        return np.ascontiguousarray(picture[:height, :width])
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA)
    return canvas


def length(path: Path) -> int:
    """Frames that a finished MP4 holds; 0 where it cannot be opened."""
    with quiet_opencv():
        capture = cv2.VideoCapture(str(path))
    try:
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    finally:
        capture.release()
