"""From the samples of a GStreamer sink to pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.camera.local.jpeg import whole_jpeg
from edge.camera.local.pixels import FORMATS, PixelLayout, to_bgr
from edge.camera.protocol import format_of
from edge.camera.recording.lossy import JPEG, Counter, Lossy, method_of_codec
from edge.camera.shape import check_size, with_square_pixels
from edge.errors import EdgeError

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
        self._jpeg = Counter(JPEG)
        self._decoder = Counter(None)  # of another one in the pipeline

    def watch(self, pipeline: Any) -> None:
        """Count what goes into the decoder of a pipeline that has begun to give frames."""
        elements = pipeline.iterate_recurse()
        while (found := elements.next())[0] == self._gst.IteratorResult.OK:
            made_by = found[1].get_factory()
            if made_by is None or "Decoder" not in (made_by.get_metadata("klass") or "").split("/"):
                continue
            pad = found[1].get_static_pad("sink")
            caps = None if pad is None else pad.get_current_caps()
            method = None if caps is None else method_of_caps(caps.get_structure(0))
            if method is not None:
                self._decoder = Counter(method)
                pad.add_probe(self._gst.PadProbeType.BUFFER, self._count)
                return

    def lossy(self, image: NDArray[np.uint8]) -> Lossy | None:
        """How the newest picture was compressed."""
        return (self._jpeg if self._info is None else self._decoder).lossy(image.nbytes)

    def _count(self, _pad: Any, info: Any) -> Any:
        """Called in GStreamer's thread."""
        self._decoder.came(info.get_buffer().get_size())
        return self._gst.PadProbeReturn.OK

    def picture(self, sample: Any) -> NDArray[np.uint8] | None:
        """The picture of a frame; None where it came damaged.

        Raises:
            ValueError: it cannot be read from where it lies, or is cut short.
            EdgeError: it is none, or has too many pixels.
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
                self._jpeg.came(len(memory.data))
                image = whole_jpeg(self._shown, memory.data)
            else:
                image = to_bgr(memory.data, self._layout(buffer))
        finally:
            buffer.unmap(memory)
        return None if image is None else with_square_pixels(self._shown, image, self._aspect)

    def meet(self, caps: Any) -> None:
        """Learn how frames look; a source may change that in mid-stream.

        Raises:
            EdgeError: nobody says that they are pictures, or they have too many pixels.
        """
        if caps is None:  # an element that says nothing of what it gives is let through
            raise EdgeError(
                f"{self._shown} does not say what it gives: add what makes pictures of it, such as decodebin ! "
                "videoconvert, at its end."
            )
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

    def _layout(self, buffer: Any) -> PixelLayout:
        """Cameras pad their rows, and say so in the buffer rather than in the caps."""
        info = self._info
        told = self._video.buffer_get_video_meta(buffer)
        where = told if told is not None else info
        planes = told.n_planes if told is not None else info.finfo.n_planes
        return PixelLayout(
            info.finfo.name,
            info.width,
            info.height,
            tuple(where.offset[:planes]),
            tuple(where.stride[:planes]),
            full_range=info.colorimetry.range == self._video.VideoColorRange(1),
            bt709=info.colorimetry.matrix == self._video.VideoColorMatrix.BT709,
        )


# As FFmpeg calls them; what is not here and no lossless kind is taken for lossy, under its own name.
_CODECS = {
    "image/jpeg": "mjpeg",
    "image/jp2": "jpeg2000",
    "image/x-jpc": "jpeg2000",
    "image/x-j2c": "jpeg2000",
    "video/x-h264": "h264",
    "video/x-h265": "hevc",
}
_LOSSLESS = ("image/png", "image/bmp", "image/tiff", "image/gif", "video/x-ffv", "video/x-huffyuv", "image/x-portable")


def method_of_caps(told: Any) -> str | None:
    """How what goes into a decoder was compressed; None where it lost nothing, or is no picture."""
    kind = told.get_name()
    if not kind.startswith(("image/", "video/")) or kind.startswith((*_LOSSLESS, "video/x-raw")):
        return None
    if kind == "video/mpeg":
        version = told.get_int("mpegversion").value
        return method_of_codec("mpeg4" if version == 4 else f"mpeg{version}video", True)
    return method_of_codec(_CODECS.get(kind, kind.partition("/")[2].removeprefix("x-")), True)
