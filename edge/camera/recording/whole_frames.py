"""Which frames of a video are intact: a decoder conceals what is missing, and each codec reports that differently.

JPEG is decoded by a library that turns warnings into errors. FFmpeg's decoders of H.264 and older codecs mark each
frame that they concealed, and log what is missing: a frame that is missing as a whole shows only there. That of HEVC
marks none, but can be set to refuse damaged packets with an error. Frames predicted from a damaged one are damaged too,
until the next key frame. VP8 and VP9 cannot detect damage.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.abi.library import LIBRARY
from edge.camera.local.jpeg import whole_jpeg
from edge.camera.recording.ffmpeg_log import ffmpeg_messages
from edge.camera.shape import check_size, sane_aspect, with_square_pixels
from edge.images.raw import Image, image_of_planes

if TYPE_CHECKING:
    from av import VideoFrame
    from av.packet import Packet

Picture = Callable[[], "Image | None"]  # decodes a frame; returns None if it is damaged
# What libavcodec logs when it decodes a packet that is damaged, or follows a missing one. The mark of a frame comes
# only when it is output, and those predicted from it may be output before.
_BT709, _FULL = 1, 2  # numbers of FFmpeg
_MATRICES = (_BT709, 2, 5, 6)  # the others: unknown, and BT.601 by two names
_REORDERED = 64  # packets; no decoder holds back more
_FAULTS = ("frame num gap", "missing reference", "reference picture missing", "error while decoding", "concealing")


class WholeFrames:
    """Decodes the packets of one video stream and decides which frames are damaged."""

    def __init__(self, av: Any, name: str, stream: Any) -> None:
        """Prepare a decoder on one thread: the other cores belong to inference, and each thread would hold pictures.

        Args:
            av: the module.
            name: of the source, for error messages.
            stream: the video stream of the packets.
        """
        self._av, self._name, self._stream = av, name, stream
        av.logging.set_skip_repeated(False)  # else a repeated fault would not be logged
        self._codec = stream.codec_context
        self._codec.thread_count = 1
        if self._codec.name in ("hevc", "mjpeg"):  # MJPEG only if a packet is not exactly one JPEG
            self._codec.options = {"err_detect": "explode"}
        self._strict: bool | None = None if self._codec.name == "mjpeg" else False  # None: not known yet
        self._rotation = 0
        self._spoilt = False
        self._spoilt_by = -1  # the newest packet that was damaged
        self._taken = self._given = 0  # packets, pictures
        self._shown_less = 0  # packets that gave no picture although nothing was damaged
        # Numbers of the newest packets, by presentation time: in a file that was concatenated the times start again.
        self._numbers: deque[tuple[int | None, int]] = deque(maxlen=_REORDERED)

    def take(self, packet: Packet[Any]) -> list[Picture]:
        """The frames that come out with one packet, oldest first."""
        if not packet.size:  # it would end the decoder; here it is a missing frame
            return self.miss(1)
        self._numbers.append((packet.pts, self._taken))
        self._taken += 1
        found = self._found(packet)
        self._given += len(found)
        return found

    def _found(self, packet: Packet[Any]) -> list[Picture]:
        if self._strict is None:
            self._strict = self._is_one_jpeg(packet)
            if self._strict is None:
                return [damaged]
        if self._strict:
            return [functools.partial(self._jpeg, bytes(packet), packet.is_corrupt)]
        frames, fault = self._decode(packet)
        if fault:
            self._spoil(self._taken - 1)
        found = self._judged(frames)
        return [*found, damaged] if fault and not frames else found

    def miss(self, frames: int) -> list[Picture]:
        """Count missing frames: those predicted from them are damaged too."""
        if frames:
            self._spoilt = True
        self._taken, self._given = self._taken + frames, self._given + frames
        return [damaged] * frames

    def rest(self) -> list[Picture]:
        """The frames that the decoder still holds, after the last packet."""
        found = [] if self._strict else self._judged(self._decode(None)[0])
        self._given += len(found)
        swallowed = self._taken - self._given - self._shown_less if self._spoilt else 0
        return found + [damaged] * swallowed

    def _decode(self, packet: Packet[Any] | None) -> tuple[list[VideoFrame], bool]:
        """Frames, and whether something was lost before or in this packet."""
        try:
            with ffmpeg_messages(self._av, self._av.logging.DEBUG) as messages:
                frames = self._codec.decode(packet)
        except EOFError:
            return [], False
        except self._av.error.FFmpegError:
            return [], True
        lost = packet is not None and packet.is_corrupt
        return frames, lost or any(fault in line.lower() for _, _, line in messages for fault in _FAULTS)

    def _judged(self, frames: list[VideoFrame]) -> list[Picture]:
        found: list[Picture] = []
        for frame in frames:
            number = self._number(frame)
            if frame.is_corrupt:
                self._spoil(number)
            elif frame.key_frame and number > self._spoilt_by:
                found += self._swallowed(number, self._given + len(found))
                self._spoilt = False
            found.append(damaged if self._spoilt else functools.partial(self._picture, frame))
        return found

    def _number(self, frame: VideoFrame) -> int:
        """The number of the packet that a frame came in, as far as known."""
        at = frame.pts if frame.pts is not None else frame.dts
        return next((number for pts, number in reversed(self._numbers) if pts == at), self._taken - 1)

    def _swallowed(self, number: int, given: int) -> list[Picture]:
        """At a key frame: the frames before it that a decoder dropped because of damage."""
        less = number - given
        if self._spoilt:
            return [damaged] * (less - self._shown_less)
        self._shown_less = max(0, less)
        return []

    def _spoil(self, number: int) -> None:
        self._spoilt = True
        self._spoilt_by = max(self._spoilt_by, number)

    def _is_one_jpeg(self, packet: Packet[Any]) -> bool | None:
        """Whether packets can be decoded strictly: a JPEG decoder cannot handle two fields in one packet.

        None if this one is damaged: the next one decides.
        """
        frames, _ = self._decode(packet)
        image = whole_jpeg(self._name, bytes(packet))
        if frames:
            self._rotation = frames[0].rotation
        elif image is None:
            return None
        return image is None or not frames or image.shape[:2] == (frames[0].height, frames[0].width)

    def _jpeg(self, data: bytes, cut_short: bool) -> NDArray[np.uint8] | None:
        image = None if cut_short else whole_jpeg(self._name, data)
        return None if image is None else self._upright(image, self._rotation)

    def _picture(self, frame: VideoFrame) -> Image:
        check_size(self._name, frame.width, frame.height)
        plain = not frame.rotation and sane_aspect(float(self._stream.sample_aspect_ratio or 1)) == 1
        if LIBRARY is not None and plain and frame.format.name == "yuv420p" and frame.colorspace in _MATRICES:
            return image_of_planes(*_planes(frame), frame.color_range == _FULL, frame.colorspace == _BT709)
        picture = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
        return self._upright(picture, frame.rotation)

    def _upright(self, image: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
        aspect = self._stream.sample_aspect_ratio
        image = with_square_pixels(self._name, image, float(aspect) if aspect else 1.0)
        quarters = round(rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def _planes(frame: Any) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Luma and chroma of a frame of three planes."""
    rows = [np.frombuffer(each, np.uint8).reshape(-1, each.line_size) for each in frame.planes]
    luma, blue, red = (all_[: each.height, : each.width] for all_, each in zip(rows, frame.planes, strict=True))
    return luma, blue, red


def damaged() -> None:
    """Decode a damaged frame: it has no picture."""
