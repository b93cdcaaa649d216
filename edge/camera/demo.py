"""A camera without hardware: a synthetic eye in a shaky hand."""

from __future__ import annotations

import time

from edge.camera.protocol import Frame
from edge.phantom.sequence import Sequence


class DemoCamera:
    """Plays a phantom sequence.

    Args:
        seed: decides the eye and what happens to the picture.
        frames: after how many it ends.
        fps: frames per second.
        live: at its own pace, dropping what a late reader missed, as a camera does; else every frame, at once.
        width, height: of a frame in pixels.

    Raises:
        ValueError: no frames, no frame rate, or frames below 128 pixels.
    """

    def __init__(
        self,
        seed: int = 0,
        frames: int = 300,
        fps: float = 30.0,
        live: bool = True,
        width: int = 960,
        height: int = 720,
    ) -> None:
        self._sequence: Sequence | None = Sequence(seed, frames, fps, width, height)
        self._fps = fps
        self._live = live
        self._next = 0
        self._start = 0.0

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def live(self) -> bool:
        return self._live

    def read(self) -> Frame | None:
        """The next frame, or None after the last one."""
        if self._sequence is None:
            return None
        now = time.monotonic()
        if self._next == 0:
            self._start = now
        index = max(self._next, int((now - self._start) * self._fps)) if self._live else self._next
        if index >= len(self._sequence):
            return None
        due = self._start + index / self._fps
        if self._live and due > now:
            time.sleep(due - now)
        self._next = index + 1
        return Frame(self._sequence.render(index).image, index, due)

    def close(self) -> None:
        self._sequence = None
