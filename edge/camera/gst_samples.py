"""From the samples of a GStreamer sink to pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.camera.jpeg import whole_jpeg
from edge.camera.pixels import FORMATS, Layout, to_bgr
from edge.camera.protocol import format_of
from edge.camera.shape import check_size, with_square_pixels

TAKEN = f"video/x-raw, format=(string){{ {', '.join(FORMATS)} }}; image/jpeg"


class Samples:
    """Makes pictures of samples, each by the caps that it came with.

    Attributes:
        fps: frames per second; 30.0 where nobody says.
        format: what the newest look like, for a person.
    """

    def __init__(self, gst: Any, video: Any, shown: str) -> None:
        """Set up.

        Args:
            gst: the module ``Gst``.
            video: the module ``GstVideo``.
            shown: the name of the source, for errors.
        """
        self._gst, self._video, self._shown = gst, video, shown
        self.fps = 30.0
        self.format = ""
        self._aspect = 1.0  # width of a pixel by its height
        self._caps: Any = None
        self._info: Any = None

    def picture(self, sample: Any) -> NDArray[np.uint8] | None:
        """The picture of a frame; None where it came damaged.

        Raises:
            ValueError: it cannot be read from where it lies, or is cut short.
            TooLargeError: it has too many pixels.
        """
        caps, buffer = sample.get_caps(), sample.get_buffer()
        self.meet(caps)
        if buffer.has_flags(self._gst.BufferFlags.CORRUPTED):
            return None
        mapped, memory = buffer.map(self._gst.MapFlags.READ)
        if not mapped:
            raise ValueError("a frame cannot be read from where it lies; add nvvidconv or videoconvert to the pipeline")
        try:
            if self._info is None:
                image = whole_jpeg(self._shown, memory.data)
            else:
                image = to_bgr(memory.data, self._layout(buffer))
        finally:
            buffer.unmap(memory)
        return None if image is None else with_square_pixels(self._shown, image, self._aspect)

    def meet(self, caps: Any) -> None:
        """Learn how frames look; a source may change that in mid-stream.

        Raises:
            TooLargeError: they have too many pixels.
        """
        if self._caps is not None and caps.is_equal(self._caps):
            return
        told = caps.get_structure(0)
        jpeg = told.get_name() == "image/jpeg"
        self._caps = caps
        self._info = None if jpeg else self._video.VideoInfo.new_from_caps(caps)
        width, height = told.get_int("width").value, told.get_int("height").value
        rate, aspect = (told.get_fraction(name) for name in ("framerate", "pixel-aspect-ratio"))
        self._aspect = aspect[1] / aspect[2] if aspect[0] and aspect[2] else 1.0
        if rate[0] and rate[1] > 0 and rate[2] > 0:
            self.fps = rate[1] / rate[2]
        self.format = format_of(width, height, self.fps, "JPEG" if jpeg else self._info.finfo.name)
        check_size(self._shown, width, height)

    def _layout(self, buffer: Any) -> Layout:
        """Cameras pad their rows, and say so in the buffer rather than in the caps."""
        info = self._info
        told = self._video.buffer_get_video_meta(buffer)
        where = told if told is not None else info
        planes = told.n_planes if told is not None else info.finfo.n_planes
        return Layout(
            info.finfo.name,
            info.width,
            info.height,
            tuple(where.offset[:planes]),
            tuple(where.stride[:planes]),
            full_range=info.colorimetry.range == self._video.VideoColorRange(1),
            bt709=info.colorimetry.matrix == self._video.VideoColorMatrix.BT709,
        )
