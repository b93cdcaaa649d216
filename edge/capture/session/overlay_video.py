"""The overlay video of a session: VP8 in WebM, which every browser plays."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.recording.stream import load_av
from edge.capture.background import give_way
from edge.capture.loop import Graded
from edge.overlay import draw_overlay, reduced

if TYPE_CHECKING:
    from av.container import OutputContainer

_LARGEST = 1280  # pixels on a side; encoding a larger one would take the core that grades
_QUEUE = 8  # frames that wait to be drawn; each is a full one in memory
_TICKS = 1000  # of a second: the clock of WebM
_BITS_PER_S = 4_000_000
# As fast as VP8 can, one picture out for one in, and no picture worse than one can look at.
_ENCODER = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0", "crf": "12", "g": "60"}
# What was written plays up to its last second, also where nobody came to finish it.
_CONTAINER = {"cluster_time_limit": "1000", "flush_packets": "1"}


class OverlayVideo:
    """``session.webm`` in the making, under a temporary name until it is whole.

    Each frame is shown from its own time on the source's clock until that of the next one. Frames are drawn and encoded
    on a thread of its own; what comes while too many wait is left out, and shows as a longer still.

    Attributes:
        undrawn: frames left out.
    """

    def __init__(self, path: Path, fps: float, failed: Callable[[Exception], None]) -> None:
        """Set up; the file is made with the first frame.

        Args:
            path: where the whole film shall be.
            fps: of the source; 0.0 where it is not known. Only says how long the last frame is shown.
            failed: told, from the film's thread, what ended it before its time; nothing is left of it then.
        """
        self._path = path
        self._part = path.with_name(f".{path.stem}.part{path.suffix}")
        self._step = max(1, round(_TICKS / fps)) if fps > 0 else _TICKS // 30
        self._failed = failed
        self.undrawn = 0
        self._changed = threading.Condition()
        self._waiting: deque[Graded] = deque()
        self._closing = self._given_up = False
        self._container: OutputContainer | None = None
        self._stream: Any = None
        self._last = -1  # ticks
        self._thread = threading.Thread(target=self._work, name="film", daemon=True)
        self._thread.start()

    def add(self, graded: Graded, wait: bool = False) -> None:
        """Take a frame, unless too many wait already; with ``wait``, once there is room."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: len(self._waiting) < _QUEUE or self._given_up)
            if self._given_up:
                return
            if len(self._waiting) < _QUEUE:
                self._waiting.append(graded)
                self._changed.notify_all()
            else:
                self.undrawn += 1

    def discard(self) -> bool:
        """Give the film up, so that nothing is left of it; False where that was done before, and made no room."""
        with self._changed:
            given_up, self._given_up = self._given_up, True
            self._changed.notify_all()
        self._thread.join()
        return not given_up

    def close(self) -> None:
        """Draw what waits, finish the file and give it its name."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        give_way()
        try:
            while (graded := self._next()) is not None:
                self._draw(graded)
            if not self._given_up:
                self._finish()
        except Exception as error:
            with self._changed:
                self._given_up = True
                self._changed.notify_all()
            self._remove()
            self._failed(error)
        else:
            if self._given_up:
                self._remove()

    def _next(self) -> Graded | None:
        """Wait for a frame; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing or self._given_up)
            if self._given_up or not self._waiting:
                return None
            graded = self._waiting.popleft()
            self._changed.notify_all()
            return graded

    def _draw(self, graded: Graded) -> None:
        now = round(graded.t * _TICKS)
        if now <= self._last:  # faster than the clock of the container can tell
            return
        self._last = now
        small, assessment = reduced(graded.frame.image, graded.assessment, _LARGEST)
        picture = draw_overlay(small, assessment, graded.hint.text if graded.hint is not None else "")
        if self._container is None:
            self._open(*_canvas(picture))
        av = load_av()
        frame = av.VideoFrame.from_ndarray(_fit(picture, (self._stream.width, self._stream.height)), format="bgr24")
        frame.pts, frame.duration, frame.time_base = now, self._step, Fraction(1, _TICKS)
        self._mux(frame)

    def _open(self, width: int, height: int) -> None:
        av = load_av()
        self._container = av.open(str(self._part), "w", format="webm", container_options=_CONTAINER)
        self._stream = self._container.add_stream("libvpx", rate=_TICKS, options=_ENCODER)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt, self._stream.bit_rate = "yuv420p", _BITS_PER_S
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        self._stream.codec_context.thread_count = 1

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            packet.duration = self._step  # of the last one: how long the film is
            self._container.mux(packet)  # type: ignore[union-attr]

    def _finish(self) -> None:
        if self._container is None:
            return
        self._mux(None)
        container, self._container = self._container, None
        container.close()
        with self._part.open("rb+") as file:
            os.fsync(file.fileno())
        self._part.replace(self._path)

    def _remove(self) -> None:
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        except Exception:  # on a full disk it cannot be finished, and need not be
            pass
        self._part.unlink(missing_ok=True)


def _canvas(picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Width and height of the film whose first picture this is: even, and not too large."""
    height, width = picture.shape[:2]
    scale = min(1.0, _LARGEST / max(width, height))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


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
