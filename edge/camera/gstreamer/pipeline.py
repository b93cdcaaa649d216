"""A GStreamer pipeline as a camera: through PyGObject, because pip's OpenCV comes without GStreamer."""

from __future__ import annotations

import re
import time
from collections import deque
from typing import Any

from edge.camera.address import without_secrets
from edge.camera.gstreamer.bindings import load_gstreamer
from edge.camera.gstreamer.samples import TAKEN, Samples, is_decoder
from edge.camera.local.device import RequestedMode
from edge.camera.patience import Patience
from edge.camera.protocol import Frame
from edge.errors import EdgeError

_OPEN_S = 10.0  # a network camera or an image sensor takes seconds until its first frame
_OLDEST_S = 10.0  # an older timestamp is invalid

# Only the newest frame waits, undecoded; a recording waits for its reader instead.
_SINK = "appsink name=efiqa drop=true max-buffers=1 sync=false enable-last-sample=false"
# GStreamer's JPEG decoder silently conceals what is missing: at the end of a pipeline ours replaces it.
_JPEGDEC = re.compile(r"!\s*jpegdec\s*(!\s*videoconvert\s*)?$")


class GStreamerCamera:
    """The frames of a pipeline.

    Attributes:
        live: whether the pipeline has a live source; one that reads a file is a recording.
        missed: frames of a live source that newer ones replaced before they were read; and damaged ones.
        damaged: frames that arrived damaged, or that the decoder could not decode.
    """

    def __init__(self, pipeline: str) -> None:
        """Start a pipeline and wait for its first frame.

        Args:
            pipeline: as for ``gst-launch-1.0``, without a sink: ``v4l2src device=/dev/video0 ! videoconvert``.

        Raises:
            EdgeError: GStreamer is missing, the pipeline is wrong, or no frame comes within ten seconds.
        """
        self._gst, video = load_gstreamer()
        gst = self._gst
        self._shown = f"the pipeline '{without_secrets(pipeline)}'"
        self._samples = Samples(gst, video, self._shown)
        self._patience = Patience()
        self._start = 0.0
        self._next = 0
        self._arrived = 0
        self._numbers: deque[tuple[int, int]] = deque(maxlen=8)  # time and number of the newest that arrived
        self.missed = 0
        self.damaged = 0
        self._closed = False
        self._held: Any = None
        try:
            self._pipeline = gst.parse_launch(f"{_JPEGDEC.sub('', pipeline.rstrip())} ! {_SINK}")
        except Exception as error:  # GLib.Error, which exists only once GStreamer is loaded
            if _message(error).endswith('"nvarguscamerasrc"'):
                raise EdgeError(
                    "GStreamer has no nvarguscamerasrc here, which reads the image sensor of a Jetson: "
                    "install JetPack's multimedia packages there, or give another camera (edge-capture --list)."
                ) from error
            raise EdgeError(f"{self._shown} is wrong ({_message(error)}); try it with gst-launch-1.0.") from error
        self._sink = self._pipeline.get_by_name("efiqa")
        self._sink.set_property("caps", gst.Caps.from_string(TAKEN))
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
                raise EdgeError(f"{self._shown} ended without a frame; try it with gst-launch-1.0.")
            self._samples.meet(self._held.get_caps())
            self._samples.watch(self._pipeline)
        except BaseException:
            self.close()
            raise

    @property
    def fps(self) -> float:
        return self._samples.fps

    @property
    def format(self) -> str:
        return self._samples.format

    def read(self) -> Frame | None:
        """Wait for the next intact frame of a recording, or the newest one of a live source.

        Raises:
            EdgeError: a live source times out, the pipeline failed, a frame is truncated or too large, or a recording
                that ended had damaged frames.
        """
        began = time.monotonic()
        while self._hold():
            sample, self._held = self._held, None
            index = self._number(sample)
            self.missed += index - self._next
            self._next = index + 1
            try:
                image = self._samples.picture(sample)
            except EdgeError:  # its frames are too large from now on
                self._closed = True
                raise
            except ValueError as error:
                raise EdgeError(f"{self._shown}: {error}.") from error
            if image is not None:
                return Frame(image, index, self._timestamp(sample, index), lossy=self._samples.lossy(image))
            self._lose_one()
            if self.live and time.monotonic() - began > self._patience.seconds:
                self._closed = True
                raise EdgeError(f"{self._shown} gives only damaged frames: check cable and network.")
        self._report_damage()
        return None

    def skip(self) -> bool:
        """Skip the next frame without decoding it.

        Raises:
            EdgeError: as ``read`` does.
        """
        if not self._hold():
            self._report_damage()
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
            self._held = self._pull(self._patience.seconds)
            if self._held is not None:
                self._patience.came()
        return self._held is not None

    def _pull(self, seconds: float) -> Any:
        """The next sample; None at the end of the stream."""
        gst = self._gst
        until = time.monotonic() + seconds
        while not self._closed:
            sample = self._sink.try_pull_sample(int(0.1 * gst.SECOND))
            if sample is not None:
                return sample
            self._handle_messages()
            if self._sink.is_eos():
                return None
            if time.monotonic() > until:
                raise EdgeError(f"{self._shown} gives no frames; try it with gst-launch-1.0.")
        return None

    def _handle_messages(self) -> None:
        """Handle messages of elements: an error ends the pipeline, a warning of a decoder is a lost frame."""
        kinds = self._gst.MessageType
        while (message := self._pipeline.get_bus().pop_filtered(kinds.ERROR | kinds.WARNING)) is not None:
            if message.type == kinds.ERROR:
                error, _ = message.parse_error()
                self._closed = True
                raise EdgeError(f"{self._shown} failed ({_message(error)}); try it with gst-launch-1.0.")
            if is_decoder(message.src):
                self._lose_one()

    def _lose_one(self) -> None:
        self.damaged += 1
        self.missed += 1

    def _report_damage(self) -> None:
        """Report the damaged frames of a recording, once, at its end."""
        if not self.live and self.damaged and not self._closed:
            self._closed = True
            raise EdgeError(
                f"{self._shown} gave {self.damaged} damaged frames, which were left out; "
                "copy the recording again if the original is whole."
            )

    def _count(self, _pad: Any, info: Any) -> Any:
        """Called in GStreamer's thread for every frame that reaches the sink."""
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
        """When a live frame was taken, by ``time.monotonic``; when one of a recording is due."""
        now = time.monotonic()
        pts = sample.get_buffer().pts
        running = sample.get_segment().to_running_time(self._gst.Format.TIME, pts)
        if self.live:
            taken = (self._pipeline.get_base_time() + running) / 1e9
            return taken if running != self._gst.CLOCK_TIME_NONE and 0 <= now - taken < _OLDEST_S else now
        due = index / self.fps if running == self._gst.CLOCK_TIME_NONE else running / 1e9
        self._start = self._start or now - due
        return self._start + due


def _message(error: Any) -> str:
    """The first line of an error of GStreamer, without its final full stop."""
    lines = str(getattr(error, "message", error)).strip().splitlines() or ["no reason given"]
    return without_secrets(lines[0].rstrip("."))


def pipeline_of_sensor(number: int, wish: RequestedMode | None) -> str:
    """The pipeline of a Jetson's image sensor: exposed and coloured by the ISP, out of its memory as NV12."""
    size = f",width={wish.width},height={wish.height}" if wish is not None else ""
    rate = f",framerate={round(wish.fps * 1000)}/1000" if wish is not None and wish.fps else ""
    return (
        f"nvarguscamerasrc sensor-id={number} ! video/x-raw(memory:NVMM),format=NV12{size}{rate} ! "
        "nvvidconv ! video/x-raw,format=NV12"
    )
