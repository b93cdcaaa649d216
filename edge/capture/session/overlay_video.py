"""The overlay video of a session: VP8 in WebM, which every browser plays."""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.recording.stream import load_av
from edge.capture.background import give_way
from edge.capture.graded import Graded
from edge.overlay import draw_overlay, reduced

if TYPE_CHECKING:
    from av.container import OutputContainer

_LARGEST = 1280  # pixels on a side; encoding a larger one would slow grading down
_QUEUE = 8  # frames that wait to be drawn; each is a full one in memory
_TICKS = 1000  # of a second: the clock of WebM
_BITS_PER_S = 4_000_000
# The fastest settings of VP8, one picture out for one in, at an acceptable quality.
_ENCODER = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0", "crf": "12", "g": "60"}
# An unfinished file plays up to its last second.
_CONTAINER = {"cluster_time_limit": "1000", "flush_packets": "1"}


class OverlayVideo:
    """Writes ``session.webm``, under a temporary name until it is complete.

    Each frame is shown from its own time on the source's clock until that of the next one. Frames are drawn and encoded
    on a separate thread; while too many wait, further ones are left out, and the frame before is shown longer.

    Attributes:
        undrawn: frames left out.
    """

    def __init__(self, path: Path, fps: float, failed: Callable[[Exception], None]) -> None:
        """Set up; the file is made with the first frame.

        Args:
            path: of the complete video.
            fps: of the source; 0.0 if unknown. Only decides how long the last frame is shown.
            failed: called, from the video's thread, with the error that ended it; its file is removed then.
        """
        self._path = path
        self._part = path.with_name(f".{path.stem}.part{path.suffix}")
        self._step = max(1, round(_TICKS / fps)) if fps > 0 else _TICKS // 30
        self._failed = failed
        self.undrawn = 0
        self._waiting: queue.Queue[Graded | None] = queue.Queue(_QUEUE)  # None ends it
        self._given_up = False
        self._container: OutputContainer | None = None
        self._stream: Any = None
        self._last = -1  # ticks
        self._thread = threading.Thread(target=self._work, name="overlay video", daemon=True)
        self._thread.start()

    def add(self, graded: Graded, wait: bool = False) -> None:
        """Take a frame, unless too many wait already; with ``wait``, once there is room."""
        if self._given_up:
            return
        try:
            self._waiting.put(graded, block=wait)
        except queue.Full:
            self.undrawn += 1

    def discard(self) -> bool:
        """Abandon the video and remove its file; False if that was done before, and freed no space."""
        if self._given_up:
            return False
        self._given_up = True
        self.close()
        return True

    def close(self) -> None:
        """Draw the waiting frames, finish the file and rename it."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        give_way()
        while (graded := self._waiting.get()) is not None:
            self._try(functools.partial(self._draw, graded))
        self._try(self._finish)
        if self._given_up:
            self._remove()

    def _try(self, step: Callable[[], None]) -> None:
        """Run one step unless the video was abandoned; later frames are dropped, so that no caller blocks."""
        if self._given_up:
            return
        try:
            step()
        except Exception as error:
            self._given_up = True
            # The thread must survive these two and drain the queue, or ``close`` would hang.
            with contextlib.suppress(Exception):
                self._remove()
            with contextlib.suppress(Exception):
                self._failed(error)

    def _draw(self, graded: Graded) -> None:
        now = round(graded.t * _TICKS)
        if now <= self._last:  # faster than the clock of the container
            return
        self._last = now
        small, assessment = reduced(graded.frame.image, graded.assessment, _LARGEST)
        # A note in every frame, if only an empty one: the pictures of a video are of one size.
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
            packet.duration = self._step  # that of the last one decides the length of the video
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
        if container is not None:
            with contextlib.suppress(Exception):  # on a full disk it cannot be finished, and need not be
                container.close()
        self._part.unlink(missing_ok=True)


def _canvas(picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Width and height of the video by its first picture: even, and not too large."""
    height, width = picture.shape[:2]
    scale = min(1.0, _LARGEST / max(width, height))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def _fit(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture of any shape on a canvas of the video's size, with black borders."""
    width, height = size
    if picture.shape[0] // 2 * 2 == height and picture.shape[1] // 2 * 2 == width:
        return np.ascontiguousarray(picture[:height, :width])
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(picture, inner, interpolation=cv2.INTER_AREA)
    return canvas
