"""A camera without hardware: a synthetic eye seen by a handheld camera."""

from __future__ import annotations

import time

from edge.camera.protocol import Frame, format_of
from edge.phantom.sequence import Sequence


class DemoCamera:
    """Plays a phantom sequence like a recording: the loop sets the pace and counts dropped frames.

    Args:
        seed: of the eye and of the disturbances.
        frames: length of the sequence.
        fps: frames per second.
        width, height: of a frame in pixels.

    Raises:
        ValueError: no frames, no frame rate, or frames below 128 pixels.
    """

    live = False
    missed = 0

    def __init__(
        self,
        seed: int = 0,
        frames: int = 300,
        fps: float = 30.0,
        width: int = 960,
        height: int = 720,
    ) -> None:
        self._sequence: Sequence | None = Sequence(seed, frames, fps, width, height)
        self.fps = fps
        self.format = format_of(width, height, fps)
        self._next = 0
        self._start = 0.0

    def read(self) -> Frame | None:
        """The next frame, or None after the last one."""
        if self._sequence is None or not self.skip():
            return None
        index = self._next - 1
        if index == 0:
            self._start = time.monotonic()
        return Frame(self._sequence.render(index).image, index, self._start + index / self.fps)

    def skip(self) -> bool:
        """Skip the next frame without rendering it."""
        if self._sequence is None or self._next >= len(self._sequence):
            return False
        self._next += 1
        return True

    def close(self) -> None:
        self._sequence = None
