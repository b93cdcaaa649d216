"""A camera at this machine, through OpenCV: V4L2 on Linux, the system's own way elsewhere."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.live import LiveSource
from edge.camera.local.jpeg import whole_jpeg
from edge.camera.local.v4l2 import VideoNode, find_again, node_of
from edge.camera.protocol import format_of
from edge.camera.quiet import quiet_opencv
from edge.camera.recording.lossy import JPEG, Counter
from edge.camera.recording.whole_frames import Picture
from edge.camera.shape import check_size
from edge.errors import EdgeError

_JPEG = ("MJPG", "JPEG")  # as V4L2 calls them; elsewhere OpenCV gives no compressed frames
_OPEN_S = 5.0  # a sensor that is still waking up
_OLDEST_S = 2.0  # a timestamp further off than this is of another clock


@dataclass(frozen=True)
class RequestedMode:
    """A mode that the user asks for, as ``edge-capture --list`` prints it: ``1920x1080@30/MJPG``, or less of it."""

    width: int
    height: int
    fps: float = 0.0
    pixels: str = ""


def read_wish(text: str) -> RequestedMode:
    """Read a mode.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d{2,5})x(\d{2,5})(?:@(\d+(?:\.\d+)?))?(?:/([A-Za-z0-9]{3,4}))?", text.strip())
    if found is None:
        raise ValueError(f"{text} is no mode: give one like 1920x1080, 1920x1080@30 or 1920x1080@30/MJPG.")
    return RequestedMode(int(found[1]), int(found[2]), float(found[3] or 0.0), found[4] or "")


class DeviceCamera(LiveSource):
    """One connection to a camera that OpenCV can open.

    A frame's time is the one that the driver stamped on it, where that is of the same clock.
    """

    def __init__(self, path: str | int, wish: RequestedMode | None = None) -> None:
        """Open a camera and wait for its first frame.

        Args:
            path: a node such as ``/dev/video0``, or an index where there are no nodes.
            wish: the mode to ask for; None for the camera's own.

        Raises:
            EdgeError: there is no such camera, another program holds it, it gives nothing, or not in that mode.
        """
        self._path = path
        super().__init__(f"the camera at {self._shown} gives no frames any more: check its cable.")
        self._held = True  # a frame was grabbed and not given yet
        with quiet_opencv():
            self._capture = cv2.VideoCapture(path, cv2.CAP_V4L2 if isinstance(path, str) else cv2.CAP_ANY)
        if not self._capture.isOpened():
            raise EdgeError(
                f"no camera answers at {self._shown}: plug it in, close other programs that use it, "
                "or look at edge-capture --list."
            )
        if wish is not None:
            self._ask_for(wish)
        # The driver's queue must not age the frames; where it cannot be shortened, reading at once keeps it empty.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.fps = max(0.0, float(self._capture.get(cv2.CAP_PROP_FPS)))
        self.format = format_of(*self._size(), self.fps, self._pixels())
        try:
            check_size(f"the camera at {self._shown}", *self._size())
            self._compression = Counter(JPEG if self._pixels() in _JPEG else None)
            # OpenCV would make half a picture of half a frame without a word.
            self._jpeg = self._pixels() in _JPEG and self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
            if not self._grabs(_OPEN_S):
                raise EdgeError(f"the camera at {self._shown} gives no frames: plug it in anew, or try another mode.")
        except EdgeError:
            self.close()
            raise

    @property
    def _shown(self) -> str:
        return f"index {self._path}" if isinstance(self._path, int) else self._path

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
            raise EdgeError(f"the camera at {self._shown} gives {given} instead; edge-capture --list shows its modes.")

    def _size(self) -> tuple[int, int]:
        width, height = (self._capture.get(each) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return int(width), int(height)

    def _pixels(self) -> str:
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        letters = code.to_bytes(4, "little")
        return letters.decode("ascii").strip() if letters.isalnum() or letters.strip().isalnum() else ""

    def close(self) -> None:
        self._ended = True
        with quiet_opencv():
            self._capture.release()

    def _next(self) -> Picture | None:
        if not self._held and not self._grabs(self._patience.seconds):
            return None
        self._held = False
        return self._picture

    def _picture(self) -> NDArray[np.uint8] | None:
        """The frame that was grabbed as a picture, uint8 BGR (H, W, 3); None where it is damaged."""
        found, given = self._capture.retrieve()
        if not found:
            raise self._lost()
        raw = np.asarray(given, dtype=np.uint8)
        name = f"the camera at {self._shown}"
        if self._jpeg and (raw.ndim < 3 or 1 in raw.shape[:2]):
            self._compression.came(raw.size)
            return whole_jpeg(name, np.ascontiguousarray(raw).reshape(-1))
        check_size(name, raw.shape[1], raw.shape[0])
        return raw

    def _grabs(self, seconds: float) -> bool:
        return self._waits(seconds) and self._capture.grab()

    def _waits(self, seconds: float) -> bool:
        """Whether a frame comes within so long; OpenCV's own wait is ten seconds, and only V4L2 has this one."""
        if sys.platform != "linux" or not isinstance(self._path, str):
            return True
        try:
            with quiet_opencv():
                return bool(cv2.VideoCapture.waitAny([self._capture], int(seconds * 1e9))[0])
        except cv2.error:  # the device is gone
            return False

    def _taken(self) -> float:
        """When the driver says the frame was exposed, or now."""
        now = time.monotonic()
        said = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        return said if 0 <= now - said < _OLDEST_S else now


class DeviceFinder:
    """Opens a camera, and later the same one again, whatever number it then has."""

    def __init__(self, source: str, wish: RequestedMode | None = None) -> None:
        """Remember which camera it is.

        Args:
            source: an index, or the path of a node.
            wish: the mode to ask for.
        """
        self._source, self._wish = source, wish
        self._known: VideoNode | None = None

    def __call__(self) -> DeviceCamera:
        """Open it.

        Raises:
            EdgeError: it is not there, or does not answer.
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
