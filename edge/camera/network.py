"""A stream from the network as a camera, through OpenCV's FFmpeg."""

from __future__ import annotations

import time

import cv2
import numpy as np

from edge.camera.address import without_secrets
from edge.camera.protocol import Frame, format_of
from edge.camera.quiet import quiet_opencv
from edge.errors import EdgeError

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtp", "udp", "tcp", "srt", "http", "https")
_OPEN_MS, _READ_MS = 10_000, 1_000


class NetworkCamera:
    """RTSP, RTP, MJPEG over HTTP, and whatever else FFmpeg can open by an address.

    A frame's time is when it came here: FFmpeg does not say when the camera took it.
    """

    live = True
    missed = 0  # what the network lost is not told

    def __init__(self, address: str) -> None:
        """Connect and wait for the first frame, at most ten seconds.

        Raises:
            EdgeError: nobody answers there, or what comes is no video.
        """
        self._shown = without_secrets(address)
        self._given = 0
        self._ended = False
        with quiet_opencv():
            settings = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_MS]
            settings += [cv2.CAP_PROP_N_THREADS, 1]
            self._capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, settings)
        if not self._capture.isOpened() or not self._capture.grab():
            self.close()
            raise EdgeError(f"{self._shown} gives no video: check the address, and that the camera is switched on.")
        self._held = True
        claimed = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(claimed) if 1.0 <= claimed <= 240.0 else 0.0
        width, height = (self._capture.get(each) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        self.format = format_of(width, height, self.fps)

    def read(self) -> Frame | None:
        """Wait for the next frame.

        Raises:
            EdgeError: the stream broke off.
        """
        if not self.skip():
            return None
        taken = time.monotonic()
        found, image = self._capture.retrieve()
        if not found:
            raise self._lost()
        return Frame(np.asarray(image, dtype=np.uint8), self._given - 1, taken)

    def skip(self) -> bool:
        """Wait for the next frame without making it a picture.

        Raises:
            EdgeError: the stream broke off.
        """
        if self._ended:
            return False
        if not self._held and not self._capture.grab():
            raise self._lost()
        self._held = False
        self._given += 1
        return True

    def _lost(self) -> EdgeError:
        self._ended = True
        return EdgeError(f"{self._shown} broke off: check network and camera.")

    def close(self) -> None:
        self._ended = True
        with quiet_opencv():
            self._capture.release()
