"""A stream from the network as a camera, through FFmpeg."""

from __future__ import annotations

from edge.camera.address import without_secrets
from edge.camera.live import LiveSource
from edge.camera.protocol import format_of
from edge.camera.recording.stream import Stream
from edge.camera.recording.whole_frames import Picture
from edge.errors import EdgeError

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtp", "udp", "tcp", "srt", "http", "https")
_OPEN_S = 10.0


class NetworkCamera(LiveSource):
    """RTSP, RTP, MJPEG over HTTP, and whatever else FFmpeg can open by an address.

    A frame's timestamp is its time of arrival: FFmpeg does not give the time of exposure.
    """

    def __init__(self, address: str) -> None:
        """Connect and wait for the first frame, at most ten seconds.

        Raises:
            EdgeError: nothing answers there, it sends no video, or its pictures are too large.
        """
        shown = without_secrets(address)
        super().__init__(f"{shown} broke off: check network and camera.")
        silent = EdgeError(f"{shown} gives no video: check the address, and that the camera is switched on.")
        options = {"rtsp_transport": "tcp"} if address.lower().startswith("rtsp") else {}
        try:
            self._stream = Stream(shown, address, (_OPEN_S, self._patience), options)
        except ValueError as error:
            raise silent from error
        self._compression = self._stream.compression
        self.fps = self._stream.fps
        self.odd_pixels = self._stream.odd_pixels
        self.format = format_of(self._stream.width, self._stream.height, self.fps)
        self._pictures = self._stream.pictures()
        self._held = self._next()
        if self._held is None:
            self.close()
            raise silent

    def close(self) -> None:
        self._ended = True
        self._pictures.close()
        self._stream.close()

    def _next(self) -> Picture | None:
        try:
            return next(self._pictures, None)
        except (OSError, ValueError):  # PyAV's errors are subclasses
            return None
