"""A stream from the network as a camera, through OpenCV's FFmpeg."""

from __future__ import annotations

import cv2

from edge.camera.address import without_secrets
from edge.camera.live_capture import LiveCapture
from edge.camera.protocol import format_of
from edge.camera.quiet import quiet_opencv
from edge.errors import EdgeError

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtp", "udp", "tcp", "srt", "http", "https")
_OPEN_MS, _READ_MS = 10_000, 1_000


class NetworkCamera(LiveCapture):
    """RTSP, RTP, MJPEG over HTTP, and whatever else FFmpeg can open by an address.

    A frame's time is when it came here: FFmpeg does not say when the camera took it.
    """

    def __init__(self, address: str) -> None:
        """Connect and wait for the first frame, at most ten seconds.

        Raises:
            EdgeError: nobody answers there, or what comes is no video.
        """
        super().__init__()
        shown = without_secrets(address)
        self._broken = f"{shown} broke off: check network and camera."
        with quiet_opencv():
            settings = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_MS]
            settings += [cv2.CAP_PROP_N_THREADS, 1]
            self._capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, settings)
        if not self._capture.isOpened() or not self._capture.grab():
            self.close()
            raise EdgeError(f"{shown} gives no video: check the address, and that the camera is switched on.")
        claimed = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(claimed) if 1.0 <= claimed <= 240.0 else 0.0
        width, height = (self._capture.get(each) for each in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        self.format = format_of(width, height, self.fps)
