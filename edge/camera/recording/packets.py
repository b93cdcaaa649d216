"""The packets of a video, beyond corrupt places in the file.

FFmpeg stops at some of them as if the file had ended, and silently skips others.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from edge.camera.recording.ffmpeg_log import ffmpeg_messages
from edge.errors import first_line

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

_MOST_TROUBLES = 100  # in a row: reading on is pointless
_FIRST_LEAP_S, _LONGEST_LEAP_S = 0.1, 600.0  # how far beyond a corrupt place to look for more; doubled
_WORTH_A_LOOK_S = 0.5  # of a promised duration
_WARY = 16  # packets that FFmpeg may hold back to reorder their timestamps
_MOST_LOST = 100_000  # frames between two packets; a larger gap is a corrupt timestamp


class Packets:
    """Reads one packet after another.

    Attributes:
        lost: frames known to be missing before the latest packet, or, after the last one, at the end.
        trouble: the repeated error if nothing more can be read; else empty.
    """

    def __init__(
        self, av: Any, container: InputContainer, stream: Any, fps: float, promised: int | None, live: bool
    ) -> None:
        """Set up.

        Args:
            av: the module.
            container: the open file or stream.
            stream: its video stream.
            fps: 0.0 if unknown.
            promised: how many frames there should be; 0 if unknown, None for a truncated file or a live source.
            live: do not seek beyond an error, and raise those of the network.
        """
        self._av, self._container, self._stream, self._live = av, container, stream, live
        self._step = 1 / (fps * float(stream.time_base)) if fps > 0 and stream.time_base else 0.0
        self._promised, self._came = promised, 0
        self._last: int | None = None  # decoding time of the last packet
        self._wary = 0  # packets for which a jump in time means that some are missing; else a source is just irregular
        self.lost = 0
        self.trouble = ""

    def next(self) -> Packet[Any] | None:
        """The next packet, which may be empty; None after the last one.

        Raises:
            OSError: the network connection broke.
        """
        packet, spoken = self._read()
        leapt = packet is None and not self._live and self._promises_more()
        if leapt:
            packet = self._behind_what_is_broken()
        if packet is None:
            self.lost = self._missing_at_the_end(spoken)
            return None
        self.trouble = ""
        self._wary = _WARY if spoken or leapt else self._wary - 1
        self.lost = self._missing_before(packet) if self._wary > 0 else 0
        self._came += 1 + self.lost
        self._last = packet.dts if packet.dts is not None else self._last
        return packet

    def _read(self) -> tuple[Packet[Any] | None, bool]:
        """A packet, and whether FFmpeg logged a problem before it."""
        spoken, why = False, ""
        for _ in range(_MOST_TROUBLES):
            try:
                with ffmpeg_messages(self._av, self._av.logging.WARNING) as messages:
                    packet = next(self._container.demux(self._stream), None)
            except EOFError:
                return None, spoken
            except self._av.error.FFmpegError as error:
                if self._live and not isinstance(error, self._av.error.InvalidDataError):
                    raise OSError(first_line(error)) from error  # some, as of its timeout, are no OSError
                spoken, why = True, first_line(error)  # reading on finds the next intact place
                continue
            spoken = spoken or bool(messages)
            # The very last one is empty too, and the only one without a time.
            over = packet is None or (not packet.size and packet.dts is None and packet.pts is None)
            return (None if over else packet), spoken
        self.trouble = why
        return None, spoken

    def _promises_more(self) -> bool:
        return self._came < self._promised if self._promised else self._left_s() > _WORTH_A_LOOK_S

    def _left_s(self) -> float:
        """Seconds between the last packet and the end of the file by its header; 0.0 if that gives none."""
        if self._container.duration is None or self._last is None:
            return 0.0
        end = ((self._container.start_time or 0) + self._container.duration) / self._av.time_base
        base = float(self._stream.time_base)
        return float(max(0.0, end - (self._last + self._step) * base))

    def _behind_what_is_broken(self) -> Packet[Any] | None:
        """The first readable packet later than the last one; None if there is none."""
        base = float(self._stream.time_base)
        last = self._stream.start_time or 0 if self._last is None else self._last
        leap = _FIRST_LEAP_S
        while leap < _LONGEST_LEAP_S:
            with contextlib.suppress(self._av.error.FFmpegError):
                self._container.seek(last + max(1, round(leap / base)), stream=self._stream, backward=False)
                packet, _ = self._read()
                if packet is not None and (packet.dts or 0) > last:
                    return packet
            leap *= 2
        return None

    def _missing_at_the_end(self, spoken: bool) -> int:
        if self._promised:
            return max(0, self._promised - self._came)
        if self._promised is None or not spoken or not self._step:
            return 0
        return min(_MOST_LOST, round(self._left_s() / float(self._stream.time_base) / self._step))

    def _missing_before(self, packet: Packet[Any]) -> int:
        if self._last is None or packet.dts is None or not self._step:
            return 0
        lost = round((packet.dts - self._last) / self._step) - 1
        return lost if 0 < lost < _MOST_LOST else 0
