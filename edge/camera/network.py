"""A stream from the network as a camera, through FFmpeg."""

from __future__ import annotations

import time

from edge.camera.address import without_secrets
from edge.camera.protocol import Frame, format_of
from edge.camera.stream import Stream
from edge.camera.whole import Picture
from edge.errors import EdgeError

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtp", "udp", "tcp", "srt", "http", "https")
_OPEN_S, _READ_S = 10.0, 1.0
_PATIENCE_S = 1.0  # with frames that are all damaged; opened anew, a camera begins with a key frame


class NetworkCamera:
    """RTSP, RTP, MJPEG over HTTP, and whatever else FFmpeg can open by an address.

    A frame's time is when it came here: FFmpeg does not say when the camera took it.

    Attributes:
        missed: frames that came damaged; how many the network lost as a whole nobody tells.
        damaged: the same.
    """

    live = True

    def __init__(self, address: str) -> None:
        """Connect and wait for the first frame, at most ten seconds.

        Raises:
            EdgeError: nobody answers there, what comes is no video, or its pictures are too large.
        """
        shown = without_secrets(address)
        self._broken = f"{shown} broke off: check network and camera."
        self.damaged = 0
        self._given = 0
        self._ended = False
        silent = EdgeError(f"{shown} gives no video: check the address, and that the camera is switched on.")
        options = {"rtsp_transport": "tcp"} if address.lower().startswith("rtsp") else {}
        try:
            self._stream = Stream(shown, address, (_OPEN_S, _READ_S), options)
        except ValueError as error:
            raise silent from error
        self.fps = self._stream.fps
        self.format = format_of(self._stream.width, self._stream.height, self.fps)
        self._pictures = self._stream.pictures()
        self._held = self._next()  # a frame that was not given yet
        if self._held is None:
            self.close()
            raise silent

    @property
    def missed(self) -> int:
        return self.damaged

    def read(self) -> Frame | None:
        """Wait for the next whole frame.

        Raises:
            EdgeError: none comes any more, or it is too large.
        """
        began = time.monotonic()
        while (picture := self._advance()) is not None:
            taken = time.monotonic()
            try:
                image = picture()
            except EdgeError:
                self.close()
                raise
            if image is not None:
                return Frame(image, self._given - 1, taken)
            self.damaged += 1
            if taken - began > _PATIENCE_S:
                raise self._lost()
        return None

    def skip(self) -> bool:
        """Wait for the next frame without making it a picture.

        Raises:
            EdgeError: none comes any more.
        """
        return self._advance() is not None

    def close(self) -> None:
        self._ended = True
        self._held = None
        self._pictures.close()
        self._stream.close()

    def _advance(self) -> Picture | None:
        if self._ended:
            return None
        picture, self._held = self._held or self._next(), None
        if picture is None:
            raise self._lost()
        self._given += 1
        return picture

    def _next(self) -> Picture | None:
        """Wait for a frame; None where none comes."""
        try:
            return next(self._pictures, None)
        except (OSError, ValueError):  # what PyAV's errors are
            return None

    def _lost(self) -> EdgeError:
        self._ended = True
        return EdgeError(self._broken)
