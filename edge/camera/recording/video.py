"""A video file as a camera."""

from __future__ import annotations

import math
import time
from pathlib import Path

from edge.camera.protocol import Frame, format_of
from edge.camera.recording.container import is_cut_off
from edge.camera.recording.stream import Stream
from edge.camera.recording.whole_frames import Picture
from edge.errors import EdgeError

_DEFAULT_FPS = 30.0


class VideoCamera:
    """A recording, frame by frame; damaged ones are left out, counted, and reported at its end.

    One frame is always held back, not yet converted: the last one of a truncated file may be half a picture, and is
    not returned.

    Attributes:
        missed: damaged frames so far.
        odd_pixels: see ``Stream``.
    """

    live = False

    def __init__(self, path: Path) -> None:
        """Open a video.

        Raises:
            EdgeError: the file is not a video, holds no intact picture, or its pictures are too large.
        """
        self._name = str(path)
        self._cut_off = path.is_file() and is_cut_off(path)  # reading a pipe here would block
        self.missed = 0
        self._next = 0
        self._start = 0.0
        self._ended = False
        try:
            self._stream = Stream(self._name, self._name, cut_off=self._cut_off)
        except ValueError as error:
            raise self._no_video() from error
        self.fps = self._stream.fps or _DEFAULT_FPS
        self.odd_pixels = self._stream.odd_pixels
        self.format = format_of(self._stream.width, self._stream.height, self.fps)
        self._pictures = self._stream.pictures()
        self._held: Picture | None = self._first()

    def read(self) -> Frame | None:
        """The next whole frame, due at its place in the recording counted from the first ``read``.

        Raises:
            EdgeError: the recording ends in the middle of a frame, had damaged frames, or its pictures grew too large.
        """
        while (picture := self._held) is not None:
            try:
                image = picture()
            except EdgeError:  # its frames are too large from now on
                self.close()
                raise
            self.skip()
            index = self._next - 1
            if image is None:
                self.missed += 1
                continue
            self._start = self._start or time.monotonic() - index / self.fps
            lossy = self._stream.compression.lossy(math.prod(image.shape))
            return Frame(image, index, self._start + index / self.fps, lossy=lossy)
        self._report_damage()
        return None

    def skip(self) -> bool:
        """Advance to the next frame without converting it to a picture.

        Raises:
            EdgeError: as ``read`` does.
        """
        if self._held is None:
            self._report_damage()
            return False
        self._held = next(self._pictures, None)
        if self._held is None and self._cut_off:
            self._ended = True
            damaged = f", {self.missed} of them were left out" if self.missed else ""
            raise EdgeError(
                f"{self._name} ends in the middle of a frame: its first {self._next} frames could be read{damaged}; "
                "copy it again if the original is whole."
            )
        self._next += 1
        return True

    def close(self) -> None:
        self._held, self._ended = None, True
        self._pictures.close()
        self._stream.close()

    def _report_damage(self) -> None:
        """Once, at the end."""
        if self._ended or not (self.missed or self._stream.trouble):
            return
        self._ended = True
        lost = [f"{self.missed} of its {self._next} frames were left out"] if self.missed else []
        if self._stream.trouble:
            lost.append(f"nothing can be read after its first {self._next} frames ({self._stream.trouble})")
        raise EdgeError(f"{self._name} is damaged: {', and '.join(lost)}; copy it again if the original is whole.")

    def _first(self) -> Picture:
        """The first frame that can be decoded, so that a file without one is refused at once."""
        try:
            for picture in self._pictures:
                if picture() is not None:
                    return picture
                self._next += 1
                self.missed += 1
            raise self._no_video()
        except BaseException:
            self.close()
            raise

    def _no_video(self) -> EdgeError:
        if self._cut_off:
            return EdgeError(f"{self._name} is cut off before its first picture or its index; copy the video again.")
        return EdgeError(
            f"{self._name} is not a video with pictures that can be decoded: copy it again, or convert it to MP4 with "
            "H.264."
        )
