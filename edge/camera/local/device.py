"""A local camera, through OpenCV: V4L2 on Linux, the system's own API elsewhere."""

from __future__ import annotations

import math
import re
import sys
import time
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.live import LiveSource
from edge.camera.local.jpeg import whole_jpeg
from edge.camera.local.v4l2 import VideoNode, find_again, node_of, pixel_name
from edge.camera.protocol import format_of
from edge.camera.quiet import quiet_opencv
from edge.camera.recording.lossy import JPEG, Counter
from edge.camera.recording.whole_frames import Picture
from edge.camera.shape import check_size
from edge.errors import EdgeError
from edge.images.pixels import PixelLayout
from edge.images.raw import Image, image_of

_RAW = {"YUYV": "YUY2", "NV12": "NV12"}  # names of V4L2, and of ``PixelLayout``
_JPEG = ("MJPG", "JPEG")  # names of V4L2; elsewhere OpenCV gives no compressed frames
_OPEN_S = 5.0  # for a sensor that is still starting
_OLDEST_S = 2.0  # a timestamp further off is of another clock


@dataclass(frozen=True)
class RequestedMode:
    """A mode that the user requests, as ``edge-capture --list`` prints it: ``1920x1080@30/MJPG``, or a part of it."""

    width: int
    height: int
    fps: float = 0.0
    pixels: str = ""


def read_wish(text: str) -> RequestedMode:
    """Read a mode.

    Raises:
        ValueError: it is not a mode.
    """
    found = re.fullmatch(r"(\d{2,5})x(\d{2,5})(?:@(\d+(?:\.\d+)?))?(?:/([A-Za-z0-9]{3,4}))?", text.strip())
    if found is None:
        raise ValueError(f"{text} is no mode: give one like 1920x1080, 1920x1080@30 or 1920x1080@30/MJPG.")
    return RequestedMode(int(found[1]), int(found[2]), float(found[3] or 0.0), found[4] or "")


class DeviceCamera(LiveSource):
    """One connection to a camera that OpenCV can open.

    A frame's timestamp is that of the driver, if it is of the same clock.
    """

    def __init__(self, path: str | int, wish: RequestedMode | None = None) -> None:
        """Open a camera and wait for its first frame.

        Args:
            path: a node such as ``/dev/video0``, or an index on systems without nodes.
            wish: the mode to request; None for the camera's default.

        Raises:
            EdgeError: there is no such camera, another program uses it, it delivers nothing, or not in that mode.
        """
        self._path = path
        where = f"index {path}" if isinstance(path, int) else path
        self._name = f"the camera at {where}"
        super().__init__(f"{self._name} gives no frames any more: check its cable.")
        with quiet_opencv():
            self._capture = cv2.VideoCapture(path, cv2.CAP_V4L2 if isinstance(path, str) else cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise EdgeError(
                f"no camera answers at {where}: plug it in, close other programs that use it, "
                "or look at edge-capture --list."
            )
        if wish is not None:
            self._ask_for(wish)
        # Frames must not wait in the driver's queue; if it cannot be shortened, reading at once keeps it empty.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.fps = max(0.0, float(self._capture.get(cv2.CAP_PROP_FPS)))
        self.format = format_of(*self._size(), self.fps, self._pixels())
        try:
            check_size(self._name, *self._size())
            self._compression = Counter(JPEG if self._pixels() in _JPEG else None)
            # OpenCV would silently decode half a frame to half a picture, and convert what is only looked at.
            unconverted = (*_JPEG, *_RAW) if isinstance(path, str) else _JPEG
            kept = self._pixels() in unconverted and self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
            self._unconverted = self._pixels() if kept else ""
            if not self._grabs(_OPEN_S):
                raise EdgeError(f"{self._name} gives no frames: unplug it and plug it in again, or try another mode.")
        except EdgeError:
            self.close()
            raise
        self._held = self._picture

    def _ask_for(self, wish: RequestedMode) -> None:
        if wish.pixels:
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wish.pixels.ljust(4)))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, wish.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wish.height)
        if wish.fps:
            self._capture.set(cv2.CAP_PROP_FPS, wish.fps)
        if self._size() != (wish.width, wish.height) or (wish.pixels and self._pixels() != wish.pixels.strip()):
            given = format_of(*self._size(), self._capture.get(cv2.CAP_PROP_FPS), self._pixels())
            self.close()
            raise EdgeError(f"{self._name} gives {given} instead; edge-capture --list shows its modes.")

    def _size(self) -> tuple[int, int]:
        width, height = (self._capture.get(each) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return int(width), int(height)

    def _pixels(self) -> str:
        name = pixel_name(int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF)
        return name if name.isalnum() else ""

    def close(self) -> None:
        self._ended = True
        with quiet_opencv():
            self._capture.release()

    def _next(self) -> Picture | None:
        return self._picture if self._grabs(self._patience.seconds) else None

    def _picture(self) -> Image | None:
        """The grabbed frame; None if it is damaged."""
        found, given = self._capture.retrieve()
        if not found:
            raise self._lost()
        raw = np.asarray(given, dtype=np.uint8)
        if self._unconverted in _JPEG and (raw.ndim < 3 or 1 in raw.shape[:2]):
            self._compression.came(raw.size)
            return whole_jpeg(self._name, np.ascontiguousarray(raw).reshape(-1))
        check_size(self._name, raw.shape[1], raw.shape[0])
        if self._unconverted in _RAW and raw.shape[2:] != (3,):
            return self._raw(raw)
        return raw

    def _raw(self, raw: NDArray[np.uint8]) -> Image | None:
        """A frame that OpenCV did not convert; None where it is not laid out as its format is, and later ones are."""
        width, height = self._size()
        rows = {"YUYV": (height, width, 2), "NV12": (height * 3 // 2, width)}[self._unconverted]
        if raw.size != math.prod(rows) or height % 2:
            self._unconverted = ""
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 1)
            return None
        row = raw.size // rows[0]
        planes = 2 if self._unconverted == "NV12" else 1
        layout = PixelLayout(_RAW[self._unconverted], width, height, (0, height * row)[:planes], (row,) * planes)
        return image_of(np.ascontiguousarray(raw).reshape(-1).data, layout)

    def _grabs(self, seconds: float) -> bool:
        """Grab a frame if one comes in time; OpenCV's own timeout is ten seconds, and only V4L2 has this one."""
        if sys.platform == "linux" and isinstance(self._path, str):
            try:
                with quiet_opencv():
                    if not cv2.VideoCapture.waitAny([self._capture], int(seconds * 1e9))[0]:
                        return False
            except cv2.error:  # the device is gone
                return False
        return bool(self._capture.grab())

    def _taken(self) -> float:
        """When the frame was exposed by the driver's timestamp, or now."""
        now = time.monotonic()
        stamped = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        return stamped if 0 <= now - stamped < _OLDEST_S else now


class DeviceFinder:
    """Opens a camera, and later the same one again, even under another number."""

    def __init__(self, source: str, wish: RequestedMode | None = None) -> None:
        """Remember which camera it is.

        Args:
            source: an index, or the path of a node.
            wish: the mode to request.
        """
        self._source, self._wish = source, wish
        self._known: VideoNode | None = None

    def __call__(self) -> DeviceCamera:
        """Open it.

        Raises:
            EdgeError: it is missing, or does not answer.
        """
        if sys.platform != "linux":
            return DeviceCamera(int(self._source), self._wish)
        path = f"/dev/video{self._source}" if self._source.isdigit() else self._source
        if self._known is not None:
            now = find_again(self._known)
            if now is None:
                raise EdgeError(f"the camera {self._known.name} is not plugged in.")
            path = now.path
        camera = DeviceCamera(path, self._wish)
        self._known = self._known or node_of(path)
        return camera
