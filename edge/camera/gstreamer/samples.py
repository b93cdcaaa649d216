"""Convert the samples of a GStreamer sink to pictures."""

from __future__ import annotations

import math
from typing import Any

from edge.camera.local.jpeg import whole_jpeg
from edge.camera.protocol import format_of
from edge.camera.recording.lossy import JPEG, Counter, Lossy, method_of_codec
from edge.camera.shape import check_size, with_square_pixels
from edge.errors import EdgeError
from edge.images.pixels import FORMATS, PixelLayout
from edge.images.raw import Image, bgr_of, image_of

TAKEN = f"video/x-raw, format=(string){{ {', '.join(FORMATS)} }}; image/jpeg"


class Samples:
    """Converts samples to pictures, each by its caps.

    Attributes:
        fps: frames per second; 30.0 if unknown.
        format: of the newest samples, in words.
    """

    def __init__(self, gst: Any, video: Any, shown: str) -> None:
        """Set up.

        Args:
            gst: the module ``Gst``.
            video: the module ``GstVideo``.
            shown: the name of the source, for error messages.
        """
        self._gst, self._video, self._shown = gst, video, shown
        self.fps = 30.0
        self.format = ""
        self._aspect = 1.0  # width of a pixel by its height
        self._caps: Any = None
        self._info: Any = None
        self._jpeg = Counter(JPEG)
        self._decoder = Counter(None)  # of another decoder in the pipeline

    def watch(self, pipeline: Any) -> None:
        """Count what goes into the decoder of a pipeline that has started to deliver frames."""
        elements = pipeline.iterate_recurse()
        while (found := elements.next())[0] == self._gst.IteratorResult.OK:
            pad: Any = found[1].get_static_pad("sink") if is_decoder(found[1]) else None
            caps = None if pad is None else pad.get_current_caps()
            method = None if caps is None else method_of_caps(caps.get_structure(0))
            if method is not None:
                self._decoder = Counter(method)
                pad.add_probe(self._gst.PadProbeType.BUFFER, self._count)
                return

    def lossy(self, image: Image) -> Lossy | None:
        """How the newest picture was compressed."""
        return (self._jpeg if self._info is None else self._decoder).lossy(math.prod(image.shape))

    def _count(self, _pad: Any, info: Any) -> Any:
        """Called in GStreamer's thread."""
        self._decoder.came(info.get_buffer().get_size())
        return self._gst.PadProbeReturn.OK

    def picture(self, sample: Any) -> Image | None:
        """The picture of a frame; None if it is damaged.

        Raises:
            ValueError: its memory cannot be read, or it is truncated.
            EdgeError: it is not a picture, or has too many pixels.
        """
        caps, buffer = sample.get_caps(), sample.get_buffer()
        self.meet(caps)
        if buffer.has_flags(self._gst.BufferFlags.CORRUPTED):
            return None
        mapped, memory = buffer.map(self._gst.MapFlags.READ)
        if not mapped:
            raise ValueError("the memory of a frame cannot be read; add nvvidconv or videoconvert to the pipeline")
        try:
            if self._info is None:
                self._jpeg.came(len(memory.data))
                image: Image | None = whole_jpeg(self._shown, memory.data)
            else:
                image = image_of(memory.data, self._layout(buffer))
        finally:
            buffer.unmap(memory)
        if image is None or self._aspect == 1:
            return image
        return with_square_pixels(self._shown, bgr_of(image), self._aspect)

    def meet(self, caps: Any) -> None:
        """Take over the format of new frames; a source may change it in mid-stream.

        Raises:
            EdgeError: they have no declared format, or too many pixels.
        """
        if caps is None:  # GStreamer lets elements without caps through
            raise EdgeError(
                f"{self._shown} does not declare its format: add a decoder, such as decodebin ! "
                "videoconvert, at its end."
            )
        if self._caps is not None and caps.is_equal(self._caps):
            return
        structure = caps.get_structure(0)
        jpeg = structure.get_name() == "image/jpeg"
        self._caps = caps
        self._info = None if jpeg else self._video.VideoInfo.new_from_caps(caps)
        width, height = structure.get_int("width").value, structure.get_int("height").value
        rate, aspect = (structure.get_fraction(name) for name in ("framerate", "pixel-aspect-ratio"))
        self._aspect = aspect[1] / aspect[2] if aspect[0] and aspect[2] else 1.0
        if rate[0] and rate[1] > 0 and rate[2] > 0:
            self.fps = rate[1] / rate[2]
        self.format = format_of(width, height, self.fps, "JPEG" if jpeg else self._info.finfo.name)
        check_size(self._shown, width, height)

    def _layout(self, buffer: Any) -> PixelLayout:
        """Cameras pad their rows; the padding is in the metadata of the buffer rather than in the caps."""
        info = self._info
        meta = self._video.buffer_get_video_meta(buffer)
        where = meta if meta is not None else info
        planes = meta.n_planes if meta is not None else info.finfo.n_planes
        return PixelLayout(
            info.finfo.name,
            info.width,
            info.height,
            tuple(where.offset[:planes]),
            tuple(where.stride[:planes]),
            full_range=info.colorimetry.range == self._video.VideoColorRange(1),
            bt709=info.colorimetry.matrix == self._video.VideoColorMatrix.BT709,
        )


def is_decoder(element: Any) -> bool:
    """Whether an element, or any other source of messages, is a decoder."""
    made_by = element.get_factory() if hasattr(element, "get_factory") else None
    return made_by is not None and "Decoder" in (made_by.get_metadata("klass") or "").split("/")


# Names of FFmpeg; any other format that is not lossless counts as lossy, under its own name.
_CODECS = {
    "image/jpeg": "mjpeg",
    "image/jp2": "jpeg2000",
    "image/x-jpc": "jpeg2000",
    "image/x-j2c": "jpeg2000",
    "video/x-h264": "h264",
    "video/x-h265": "hevc",
}
_LOSSLESS = ("image/png", "image/bmp", "image/tiff", "image/gif", "video/x-ffv", "video/x-huffyuv", "image/x-portable")


def method_of_caps(structure: Any) -> str | None:
    """The lossy compression of a decoder's input; None if it is lossless, or no picture."""
    kind = structure.get_name()
    if not kind.startswith(("image/", "video/")) or kind.startswith((*_LOSSLESS, "video/x-raw")):
        return None
    if kind == "video/mpeg":
        version = structure.get_int("mpegversion").value
        return method_of_codec("mpeg4" if version == 4 else f"mpeg{version}video", True)
    return method_of_codec(_CODECS.get(kind, kind.partition("/")[2].removeprefix("x-")), True)
