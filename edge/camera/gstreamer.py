"""A GStreamer pipeline as a camera: through PyGObject, because pip's OpenCV comes without GStreamer."""

from __future__ import annotations

import re
import time
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.camera.address import without_secrets
from edge.camera.device import Wish
from edge.camera.gi_bindings import load_gstreamer
from edge.camera.jpeg import whole_jpeg
from edge.camera.pixels import FORMATS, Layout, to_bgr
from edge.camera.protocol import Frame, format_of
from edge.camera.shape import check_size, with_square_pixels
from edge.errors import EdgeError

_OPEN_S = 10.0  # a network camera or an image sensor takes seconds until its first frame
_STALL_S = 1.0
_PATIENCE_S = 1.0  # with live frames that are all damaged
_OLDEST_S = 10.0  # a timestamp older than that is none

# Only the newest frame waits, as it came; a recording is told to wait for its reader instead.
_SINK = "appsink name=efiqa drop=true max-buffers=1 sync=false enable-last-sample=false"
_TAKEN = f"video/x-raw, format=(string){{ {', '.join(FORMATS)} }}; image/jpeg"
# GStreamer's decoder of JPEG paints over what is missing without a word: at the end of a pipeline ours takes its place.
_JPEGDEC = re.compile(r"!\s*jpegdec\s*(!\s*videoconvert\s*)?$")


class GStreamerCamera:
    """What a pipeline gives, frame by frame.

    Attributes:
        live: whether the pipeline has a live source; a file in it is read like any recording.
        missed: frames of a live source that came while nobody read, and made way for newer ones; and damaged ones.
        damaged: frames that came damaged, or whose decoder could make nothing of them.
    """

    def __init__(self, pipeline: str) -> None:
        """Start a pipeline and wait for its first frame.

        Args:
            pipeline: as for ``gst-launch-1.0``, without a sink: ``v4l2src device=/dev/video0 ! videoconvert``.

        Raises:
            EdgeError: there is no GStreamer here, the pipeline is wrong, or no frame comes within ten seconds.
        """
        self._gst, self._video = load_gstreamer()
        gst = self._gst
        self._name = without_secrets(pipeline)
        self._shown = f"the pipeline '{self._name}'"
        self._aspect = 1.0  # width of a pixel by its height
        self._start = 0.0
        self._next = 0
        self._arrived = 0
        self._numbers: deque[tuple[int, int]] = deque(maxlen=8)  # time and number of the newest that arrived
        self.missed = 0
        self.damaged = 0
        self.fps = 30.0
        self.format = ""
        self._closed = False
        self._caps: Any = None
        self._info: Any = None
        self._held: Any = None
        try:
            self._pipeline = gst.parse_launch(f"{_JPEGDEC.sub('', pipeline.rstrip())} ! {_SINK}")
        except Exception as error:  # GLib.Error, known only once GStreamer is
            if _said(error).endswith('"nvarguscamerasrc"'):
                raise EdgeError(
                    "GStreamer has no nvarguscamerasrc here, which reads the image sensor of a Jetson: "
                    "install JetPack's multimedia packages there, or give another camera (edge-capture --list)."
                ) from error
            raise EdgeError(
                f"the pipeline '{self._name}' is wrong ({_said(error)}); try it with gst-launch-1.0."
            ) from error
        self._sink = self._pipeline.get_by_name("efiqa")
        self._sink.set_property("caps", gst.Caps.from_string(_TAKEN))
        self._sink.get_static_pad("sink").add_probe(gst.PadProbeType.BUFFER, self._count)
        # The system's clock is the one of time.monotonic, so that a timestamp means the same to both.
        self._pipeline.use_clock(gst.SystemClock.obtain())
        self.live = self._pipeline.set_state(gst.State.PAUSED) == gst.StateChangeReturn.NO_PREROLL
        if not self.live:
            self._sink.set_property("drop", False)
        self._pipeline.set_state(gst.State.PLAYING)
        try:
            self._held = self._pull(_OPEN_S)
            if self._held is None:
                raise EdgeError(f"the pipeline '{self._name}' ended without a frame; try it with gst-launch-1.0.")
            self._meet(self._held.get_caps())
        except EdgeError:
            self.close()
            raise

    def read(self) -> Frame | None:
        """The next whole frame of a recording; of a live source the newest one, waited for.

        Raises:
            EdgeError: a live source gives nothing for a second, the pipeline failed, a frame is cut short or too
                large, or a recording that ended had damaged frames.
        """
        began = time.monotonic()
        while self._hold():
            sample, self._held = self._held, None
            index = self._number(sample)
            self.missed += index - self._next
            self._next = index + 1
            try:
                image = self._whole(sample)
            except ValueError as error:
                raise EdgeError(f"the pipeline '{self._name}': {error}.") from error
            if image is not None:
                return Frame(image, index, self._timestamp(sample, index))
            self._lose_one()
            if self.live and time.monotonic() - began > _PATIENCE_S:
                self._closed = True
                raise EdgeError(f"the pipeline '{self._name}' gives only damaged frames: check cable and network.")
        self._tell_damage()
        return None

    def skip(self) -> bool:
        """Pass over the next frame without making it a picture.

        Raises:
            EdgeError: as ``read`` does.
        """
        if not self._hold():
            self._tell_damage()
            return False
        self._next = self._number(self._held) + 1
        self._held = None
        return True

    def close(self) -> None:
        self._held, self._closed = None, True
        self._pipeline.set_state(self._gst.State.NULL)

    def _hold(self) -> bool:
        """Wait for a frame unless one is held already; False at the end."""
        if self._held is None and not self._closed:
            self._held = self._pull(_STALL_S)
        return self._held is not None

    def _pull(self, seconds: float) -> Any:
        """The next sample; None at the end of the stream."""
        gst = self._gst
        until = time.monotonic() + seconds
        while not self._closed:
            sample = self._sink.try_pull_sample(int(0.1 * gst.SECOND))
            if sample is not None:
                return sample
            self._hear()
            if self._sink.is_eos():
                return None
            if time.monotonic() > until:
                raise EdgeError(f"the pipeline '{self._name}' gives no frames; try it with gst-launch-1.0.")
        return None

    def _hear(self) -> None:
        """What elements say: one that failed ends the pipeline, a decoder that warns has lost a frame."""
        kinds = self._gst.MessageType
        while (message := self._pipeline.get_bus().pop_filtered(kinds.ERROR | kinds.WARNING)) is not None:
            if message.type == kinds.ERROR:
                error, _ = message.parse_error()
                self._closed = True
                raise EdgeError(f"the pipeline '{self._name}' failed ({_said(error)}); try it with gst-launch-1.0.")
            made_by = message.src.get_factory() if hasattr(message.src, "get_factory") else None
            if made_by is not None and "Decoder" in (made_by.get_metadata("klass") or ""):
                self._lose_one()

    def _lose_one(self) -> None:
        self.damaged += 1
        self.missed += 1

    def _tell_damage(self) -> None:
        """Of a recording, once, at its end."""
        if not self.live and self.damaged and not self._closed:
            self._closed = True
            raise EdgeError(
                f"the pipeline '{self._name}' gave {self.damaged} damaged frames, which were left out; "
                "copy the recording again if the original is whole."
            )

    def _count(self, _pad: Any, info: Any) -> Any:
        """Called in GStreamer's thread for every frame that comes to the sink."""
        self._numbers.append((info.get_buffer().pts, self._arrived))
        self._arrived += 1
        return self._gst.PadProbeReturn.OK

    def _number(self, sample: Any) -> int:
        """How many frames came before this one; a recording loses none."""
        if not self.live:
            return self._next
        pts = sample.get_buffer().pts
        return max((number for time_, number in tuple(self._numbers) if time_ == pts), default=self._next)

    def _timestamp(self, sample: Any, index: int) -> float:
        """When a live frame was taken by the clock of ``time.monotonic``; when one of a recording is due."""
        now = time.monotonic()
        pts = sample.get_buffer().pts
        running = sample.get_segment().to_running_time(self._gst.Format.TIME, pts)
        if self.live:
            taken = (self._pipeline.get_base_time() + running) / 1e9
            return taken if running != self._gst.CLOCK_TIME_NONE and 0 <= now - taken < _OLDEST_S else now
        due = index / self.fps if running == self._gst.CLOCK_TIME_NONE else running / 1e9
        self._start = self._start or now - due
        return self._start + due

    def _whole(self, sample: Any) -> NDArray[np.uint8] | None:
        """The picture of a frame; None where it came damaged."""
        caps, buffer = sample.get_caps(), sample.get_buffer()
        self._meet(caps)
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

    def _meet(self, caps: Any) -> None:
        """Learn how frames look; a source may change that in mid-stream."""
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
        try:
            check_size(self._shown, width, height)
        except EdgeError:
            self._closed = True
            raise

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


def _said(error: Any) -> str:
    """The first line of what GStreamer says, without its final stop."""
    said = str(getattr(error, "message", error)).strip().splitlines() or ["no reason given"]
    return without_secrets(said[0].rstrip("."))


def pipeline_of_sensor(number: int, wish: Wish | None) -> str:
    """The pipeline of a Jetson's image sensor: exposed and coloured by the ISP, out of its memory as NV12."""
    size = f",width={wish.width},height={wish.height}" if wish is not None else ""
    rate = f",framerate={round(wish.fps * 1000)}/1000" if wish is not None and wish.fps else ""
    return (
        f"nvarguscamerasrc sensor-id={number} ! video/x-raw(memory:NVMM),format=NV12{size}{rate} ! "
        "nvvidconv ! video/x-raw,format=NV12"
    )
