"""Files and addresses through FFmpeg, by PyAV: OpenCV's FFmpeg does not report damaged frames."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, SupportsFloat

from edge.camera.recording.ffmpeg_log import ffmpeg_messages
from edge.camera.recording.lossy import Counter, method_of_codec
from edge.camera.recording.packets import Packets
from edge.camera.recording.whole_frames import Picture, WholeFrames, damaged
from edge.camera.shape import check_size, sane_aspect
from edge.errors import EdgeError, first_line

if TYPE_CHECKING:
    from av.container import InputContainer

_SLOWEST, _FASTEST = 1.0, 240.0  # a frame rate beyond these is an error of the container


def load_av() -> Any:
    """PyAV.

    Raises:
        EdgeError: it is not installed, or does not load.
    """
    try:
        import av
    except ImportError as error:
        raise EdgeError(
            f"recordings and network streams are read by PyAV, which does not load ({first_line(error)}): "
            "pip install av."
        ) from error
    return av


class Stream:
    """The video in a file or behind an address.

    Attributes:
        fps: frames per second; 0.0 if unknown.
        width, height: of a frame with square pixels, before it is turned upright.
        compression: its lossy compression.
        odd_pixels: its pixel aspect ratio if that is implausible and ignored; else 0.0.
    """

    def __init__(
        self,
        name: str,
        address: str,
        timeout: tuple[float, SupportsFloat] | None = None,
        options: dict[str, str] | None = None,
        cut_off: bool = False,
    ) -> None:
        """Open it and find its video.

        Args:
            name: the address without secrets, for messages.
            address: a path, or an address with all its secrets.
            timeout: for a live source, seconds to open it, and to wait for its next packet, evaluated for each; None
                for a recording, which may take any time.
            options: of FFmpeg's demuxer.
            cut_off: whether the end of the file is missing.

        Raises:
            EdgeError: PyAV is missing, or its frames are too large.
            ValueError: there is no video in it, or it cannot be opened.
        """
        av = load_av()
        try:
            with ffmpeg_messages(av, av.logging.ERROR) as messages:
                self._container: InputContainer = av.open(address, timeout=timeout, options=options or {})
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise ValueError(first_line(error)) from error
        try:
            self._stream = self._container.streams.best("video")
            if self._stream is None:
                raise ValueError("no video in it")
            self._read_header(name)
            self._frames = WholeFrames(av, name, self._stream)
            codec = self._stream.codec_context.codec
            self.compression = Counter(method_of_codec(codec.canonical_name, codec.lossy))
            live = timeout is not None
            promised = None if live or cut_off else _promised(self._stream, bool(messages))
            self._packets = Packets(av, self._container, self._stream, self.fps, promised, live)
        except BaseException:
            self._container.close()
            raise

    def _read_header(self, name: str) -> None:
        stream: Any = self._stream
        claimed = float(stream.guessed_rate or stream.average_rate or 0.0)
        self.fps = claimed if _SLOWEST <= claimed <= _FASTEST else 0.0
        width, self.height = stream.codec_context.width, stream.codec_context.height
        check_size(name, width, self.height)
        aspect = float(stream.sample_aspect_ratio or 1)
        self.odd_pixels = aspect if sane_aspect(aspect) != aspect else 0.0
        self.width = round(width * sane_aspect(aspect))
        check_size(name, self.width, self.height)

    @property
    def trouble(self) -> str:
        """Why it could not be read to its end; empty if it could, or is still being read."""
        return self._packets.trouble

    def pictures(self) -> Generator[Picture, None, None]:
        """Its frames in presentation order, each a function that decodes it.

        Corrupt data is skipped; a frame known to be missing counts as damaged.

        Raises:
            OSError: the network connection broke.
        """
        while (packet := self._packets.next()) is not None:
            yield from self._frames.miss(self._packets.lost)
            self.compression.came(packet.size)
            yield from self._frames.take(packet)
        yield from self._frames.rest()
        yield from [damaged] * self._packets.lost

    def close(self) -> None:
        self._container.close()


def _promised(stream: Any, index_broken: bool) -> int:
    """How many frames a file should hold by its metadata; 0 if unknown.

    Frames that an editor cut away are counted in the header but missing in the index.
    """
    indexed = len(stream.index_entries)
    return int(stream.frames if index_broken or not indexed else min(stream.frames, indexed))
