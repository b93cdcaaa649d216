"""Real GStreamer pipelines: pixel formats, files, live sources that drop, and RTSP over the loopback."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.camera.gstreamer.bindings import load_gstreamer
from edge.camera.gstreamer.pipeline import GStreamerCamera, pipeline_of_sensor
from edge.camera.local.device import RequestedMode
from edge.camera.open import open_camera
from edge.camera.protocol import Camera, Frame
from edge.camera.reconnecting import ReconnectingCamera
from edge.camera.recording.network import NetworkCamera
from edge.errors import EdgeError

try:
    Gst, _ = load_gstreamer()
except EdgeError as missing:
    pytest.skip(str(missing), allow_module_level=True)
from gi.repository import GLib

ROOT = Path(__file__).parents[4]
BARS = "videotestsrc pattern=smpte num-buffers={n} ! video/x-raw,{caps}"


def read_all(camera: Camera) -> list[Frame]:
    frames = list(iter(camera.read, None))
    camera.close()
    return frames


def wait_until(happened: Callable[[], object]) -> None:
    until = time.monotonic() + 300
    while not happened() and time.monotonic() < until:
        time.sleep(0.01)
    assert happened()


def picture(source: str, pixels: str) -> np.ndarray:
    (frame,) = read_all(GStreamerCamera(f"{source} ! video/x-raw,format={pixels}"))
    return frame.image


@pytest.mark.parametrize("colours", ["bt601", "bt709", "1:4:0:0"])
@pytest.mark.parametrize("pixels", ["NV12", "I420", "YUY2"])
def test_colours_are_those_that_gstreamer_sees(pixels: str, colours: str) -> None:
    """Our own conversion, range and matrix included, beside videoconvert's."""
    caps = f"width=644,height=480,colorimetry={colours}"
    source = BARS.format(n=1, caps=f"format=AYUV,{caps}") + " ! videoconvert dither=none"
    ours = picture(source, f"{pixels},{caps}").astype(int)
    theirs = picture(source, "BGR").astype(int)
    middles = np.abs(ours - theirs)[:300, 46::92]  # of the seven bars
    assert middles.shape[1] == 7
    assert middles.max() <= 5
    assert theirs[:300, 46::92].std() > 80


@pytest.mark.parametrize("pixels", ["NV12", "I420", "YUY2", "BGR", "BGRx", "GRAY8"])
@pytest.mark.parametrize("size", [(322, 242), (321, 241)])
def test_rows_may_be_padded_and_sizes_odd(pixels: str, size: tuple[int, int]) -> None:
    """A ball on black is where it is in any format: a wrong stride would shear it."""
    source = f"videotestsrc pattern=ball num-buffers=1 ! video/x-raw,format={{}},width={size[0]},height={size[1]}"
    (ours,) = read_all(GStreamerCamera(source.format(pixels)))
    (theirs,) = read_all(GStreamerCamera(source.format("BGR")))
    if pixels == "YUY2" and size[0] % 2:  # its last column has no colour of its own
        assert ours.image.shape[1] == size[0] - 1
    height, width = ours.image.shape[:2]
    assert theirs.image.shape[0] == height
    expected = theirs.image[:, :width].astype(float)
    if pixels == "GRAY8":  # the test source paints no grey above and below the range of video
        expected = 16 + expected * 219 / 255
    assert np.abs(ours.image - expected).mean() < 2
    assert theirs.image.max() > 200


def test_a_recording_loses_no_frame_and_keeps_its_time() -> None:
    camera = open_camera("gst:" + BARS.format(n=40, caps="format=NV12,width=320,height=240,framerate=25/1"))
    assert not camera.live
    assert (camera.fps, camera.format) == (25.0, "320x240 NV12, 25 fps")
    assert camera.skip()
    frames = read_all(camera)
    assert [frame.index for frame in frames] == list(range(1, 40))
    assert np.diff([frame.timestamp for frame in frames]) == pytest.approx(1 / 25, abs=1e-6)
    assert camera.missed == 0


def test_a_file_comes_through_filesrc(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
    for number in range(12):
        writer.write(np.full((240, 320, 3), 20 * number, np.uint8))
    writer.release()
    frames = read_all(open_camera(f"gst:filesrc location={path} ! avidemux ! jpegdec"))
    means = [round(float(frame.image.mean()) / 20) for frame in frames]
    assert means == list(range(12))
    # JPEG uses the whole range: white and black do not clip, and the steps stay even.
    assert np.diff([float(frame.image.mean()) for frame in frames]) == pytest.approx(20, abs=1.5)


def test_a_live_source_drops_for_the_newest_and_counts() -> None:
    camera = GStreamerCamera("videotestsrc is-live=true ! video/x-raw,format=NV12,width=320,height=240,framerate=60/1")
    assert camera.live
    first = camera.read()
    come = camera._arrived
    wait_until(lambda: camera._arrived > come + 30)
    come = camera._arrived
    held, late = camera.read(), camera.read()
    assert first is not None
    assert held is not None
    assert late is not None
    assert held.index >= come - 2
    assert late.index > held.index
    assert camera.missed == late.index + 1 - 3 >= 28
    camera.close()


def test_a_source_may_change_its_size() -> None:
    camera = GStreamerCamera(
        "concat name=c videotestsrc num-buffers=3 ! video/x-raw,format=NV12,width=320,height=240,framerate=30/1 ! c. "
        "videotestsrc num-buffers=3 ! video/x-raw,format=NV12,width=640,height=480,framerate=30/1 ! c. c."
    )
    shapes = [frame.image.shape for frame in read_all(camera)]
    assert shapes == [(240, 320, 3)] * 3 + [(480, 640, 3)] * 3
    assert camera.format.startswith("640x480")


def jpeg_clip(path: Path, damaged: tuple[int, ...], frames: int = 12) -> Path:
    """A recording of JPEGs, numbered by their brightness."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        for number in range(frames):
            noise = np.random.default_rng(number).integers(0, 40, (240, 320, 3), np.uint8)
            data = cv2.imencode(".jpg", noise + 15 * number)[1].tobytes()
            packet = av.Packet(data[: len(data) // 2] if number in damaged else data)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = stream.codec_context.time_base or Fraction(1, 20), stream
            container.mux(packet)
    return path


@pytest.mark.parametrize("tail", ["", " ! jpegdec", " ! jpegdec ! videoconvert"])
def test_a_damaged_jpeg_is_left_out_and_counted(tmp_path: Path, tail: str) -> None:
    path = jpeg_clip(tmp_path / "clip.avi", (0, 5, 6))
    camera = GStreamerCamera(f"filesrc location={path} ! avidemux{tail}")
    frames: list[Frame] = []
    with pytest.raises(EdgeError, match="gave 3 damaged frames"):
        frames.extend(iter(camera.read, None))
    assert [frame.index for frame in frames] == [1, 2, 3, 4, 7, 8, 9, 10, 11]
    lower = [float(frame.image[200:].mean()) for frame in frames]
    assert lower == pytest.approx([20 + 15 * number for number in (1, 2, 3, 4, 7, 8, 9, 10, 11)], abs=3)
    assert (camera.missed, camera.damaged) == (3, 3)
    camera.close()


def test_a_frame_that_its_decoder_flags_is_left_out_and_counted() -> None:
    camera = GStreamerCamera(
        "videotestsrc num-buffers=12 ! video/x-raw,format=NV12,width=64,height=48 ! identity name=flag sleep-time=1000"
    )
    passed = []

    def flag(_pad: Any, info: Any) -> Any:
        passed.append(info.get_buffer().pts)
        if len(passed) % 3 == 0:
            info.get_buffer().set_flags(Gst.BufferFlags.CORRUPTED)
        return Gst.PadProbeReturn.OK

    already = camera._arrived
    camera._pipeline.get_by_name("flag").get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, flag)
    frames = []
    with pytest.raises(EdgeError, match="damaged frames, which were left out"):
        frames.extend(iter(camera.read, None))
    assert already < 12
    assert camera.damaged == camera.missed == len(passed) // 3 > 0
    assert len(frames) == 12 - camera.damaged
    assert camera.read() is None


def test_what_a_decoder_warns_of_counts() -> None:
    camera = GStreamerCamera("videotestsrc num-buffers=3 ! jpegenc ! jpegdec name=decoder ! videoconvert ! identity")
    decoder = camera._pipeline.get_by_name("decoder")
    warning = Gst.Message.new_warning(decoder, GLib.Error.new_literal(Gst.StreamError.quark(), "lost", 7), "")
    camera._pipeline.get_bus().post(warning)
    with pytest.raises(EdgeError, match="gave 1 damaged frames"):
        list(iter(camera.read, None))
    camera.close()


@pytest.mark.parametrize(("aspect", "width"), [("12/11", 384), ("1/2", 176), ("40/1", 352)])
def test_pixels_that_are_not_square_are_made_so(aspect: str, width: int) -> None:
    source = f"videotestsrc num-buffers=1 ! video/x-raw,format=NV12,width=352,height=288,pixel-aspect-ratio={aspect}"
    (frame,) = read_all(GStreamerCamera(source))
    assert frame.image.shape == (288, width, 3)


def test_frames_that_are_too_large_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.camera.shape.MOST_PIXELS", 320 * 240)
    source = (
        "concat name=c videotestsrc num-buffers=3 ! video/x-raw,format=NV12,width=320,height=240,framerate=30/1 ! c. "
        "videotestsrc num-buffers=3 ! video/x-raw,format=NV12,width=640,height=480,framerate=30/1 ! c. c."
    )
    camera = GStreamerCamera(source)
    assert [camera.read() is not None for _ in range(3)] == [True] * 3
    with pytest.raises(EdgeError, match="gives frames of 640x480, more than the"):
        camera.read()
    assert camera.read() is None
    camera.close()
    with pytest.raises(EdgeError, match="gives frames of 640x480, more than the"):
        GStreamerCamera("videotestsrc ! video/x-raw,format=NV12,width=640,height=480")


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        ("nosuchthing", "no element"),
        ("filesrc location=/nowhere/at.all ! decodebin", "Resource not found"),
        ("filesrc location={garbage} ! decodebin", "failed"),
        ("fakesrc", "does not declare its format"),
        ("videotestsrc num-buffers=0", "ended without a frame"),
        ("videotestsrc ! video/x-raw,format=RGB16", "is wrong|failed"),
    ],
)
def test_a_pipeline_that_gives_nothing_is_one_sentence(tmp_path: Path, pipeline: str, words: str) -> None:
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(EdgeError, match=words) as told:
        GStreamerCamera(pipeline.format(garbage=garbage))
    assert "\n" not in str(told.value)


def test_no_password_is_shown() -> None:
    with pytest.raises(EdgeError) as told:
        GStreamerCamera("nosuchthing location=rtsp://me:secret@host/x?token=hidden user-pw=secret")
    assert "secret" not in str(told.value)
    assert "hidden" not in str(told.value)


def test_a_stalled_pipeline_is_noticed() -> None:
    camera = GStreamerCamera(
        "videotestsrc is-live=true ! identity name=stall ! video/x-raw,format=NV12,width=64,height=48"
    )
    assert camera.read() is not None
    camera._pipeline.get_by_name("stall").set_property("drop-probability", 1.0)
    with pytest.raises(EdgeError, match="gives no frames"):
        list(iter(camera.read, None))
    camera.close()


def test_the_sensor_of_a_jetson_is_asked_for_its_mode() -> None:
    """No Jetson is here: the text is checked, and that GStreamer takes it but for what only a Jetson has."""
    pipeline = pipeline_of_sensor(1, RequestedMode(1920, 1080, 29.97))
    assert "sensor-id=1 " in pipeline
    assert "width=1920,height=1080,framerate=29970/1000" in pipeline
    stood_in = pipeline.replace("nvarguscamerasrc sensor-id=1", "videotestsrc num-buffers=2 is-live=true")
    stood_in = stood_in.replace("(memory:NVMM)", "").replace("nvvidconv", "videoconvert")
    frames = read_all(GStreamerCamera(stood_in))
    assert frames
    assert frames[0].image.shape == (1080, 1920, 3)
    with pytest.raises(EdgeError, match="nvarguscamerasrc"):
        GStreamerCamera(pipeline)


def test_an_engine_can_be_built_after_a_pipeline_ran(tmp_path: Path) -> None:
    """GStreamer's libunwind must not take the place of the unwinder that OpenVINO's exceptions need."""
    program = (
        "from edge.camera.gstreamer.pipeline import GStreamerCamera; from edge.model import QualityModel\n"
        "camera = GStreamerCamera('videotestsrc num-buffers=2'); camera.read(); camera.close()\n"
        "with QualityModel.load(engine='openvino', threads=1) as model: print(model.engine.name)\n"
    )
    environment = {**os.environ, "EFIQA_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "openvino\n"), done.stderr


# --- RTSP over the loopback, with GStreamer's own server

SERVER = """
import sys
from edge.camera.gstreamer.bindings import load_gstreamer
load_gstreamer()
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, GstRtspServer
server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1"); server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory.new()
caps = "video/x-raw,format=I420,width=320,height=240,framerate=30/1"
factory.set_launch(f"( videotestsrc is-live=true ! {caps} ! jpegenc ! rtpjpegpay name=pay0 )")
factory.set_shared(True)
server.get_mount_points().add_factory("/eye", factory)
server.attach(None)
print("serving", flush=True)
GLib.MainLoop().run()
"""


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextmanager
def rtsp_server(port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "serving\n":
            assert process.stderr is not None
            said = process.stderr.read()
            if "GstRtspServer" in said:
                pytest.skip("gir1.2-gst-rtsp-server-1.0 is not installed")
            raise AssertionError(said)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("way", ["gstreamer", "ffmpeg"])
def test_rtsp(way: str) -> None:
    port = free_port()
    with rtsp_server(port):
        address = f"rtsp://127.0.0.1:{port}/eye"
        camera: Camera
        if way == "gstreamer":
            camera = GStreamerCamera(f"rtspsrc location={address} protocols=tcp latency=50 ! rtpjpegdepay ! jpegdec")
        else:
            camera = NetworkCamera(address)
        frames = [frame for frame in (camera.read() for _ in range(30)) if frame is not None]
        assert camera.live
        camera.close()
    assert len(frames) == 30
    assert all(frame.image.shape == (240, 320, 3) for frame in frames)
    assert frames[-1].image.std() > 30
    times = [frame.timestamp for frame in frames]
    assert times == sorted(times)


@pytest.mark.parametrize("way", ["gstreamer", "ffmpeg"])
def test_an_rtsp_server_that_dies_is_found_again(way: str) -> None:
    port, said, stop = free_port(), [], threading.Event()
    address = f"rtsp://127.0.0.1:{port}/eye"
    source = address
    if way == "gstreamer":
        source = f"gst:rtspsrc location={address} protocols=tcp latency=50 ! rtpjpegdepay ! jpegdec"
    with rtsp_server(port):
        camera: Any = open_camera(source, tell=said.append, stop=stop)
        assert isinstance(camera, ReconnectingCamera)
        first = [camera.read() for _ in range(5)]
    rest: list[Frame] = []
    reader = threading.Thread(target=lambda: rest.extend(iter(camera.read, None)))
    reader.start()
    wait_until(lambda: said)
    with rtsp_server(port):
        wait_until(lambda: len(said) > 1)
        come = len(rest)
        wait_until(lambda: len(rest) > come + 3)
    stop.set()
    reader.join(60)
    camera.close()
    assert "trying to reach it again" in said[0]
    assert re.search(r"is back after [0-9.]+ s", said[1])
    indices = [frame.index for frame in (*first, *rest)]
    assert indices == sorted(set(indices))
    assert len(rest) > 3


def test_an_address_without_a_server_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EdgeError, match=r"^rtsp://127.0.0.1:\d+/eye gives no video: [^\n]+$"):
        open_camera(f"rtsp://me:secret@127.0.0.1:{free_port()}/eye?token=x")
    assert "secret" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("coded", "method"),
    [
        ("jpegenc ! jpegdec", "ISO_10918_1"),  # which our decoder takes the place of
        ("jpegenc ! jpegdec ! videoscale ! videoconvert", "ISO_10918_1"),
        ("jpegenc ! decodebin ! videoscale ! videoconvert", "ISO_10918_1"),
        ("pngenc ! pngdec ! videoconvert", None),
        ("videoconvert", None),
    ],
)
def test_what_a_pipeline_threw_away_is_known(coded: str, method: str | None) -> None:
    frames = read_all(GStreamerCamera(f"{BARS.format(n=4, caps='width=320,height=240')} ! {coded}"))
    for frame in frames:
        assert (frame.lossy and frame.lossy.method) == method
        assert frame.lossy is None or frame.lossy.ratio >= 1
    assert method is None or frames[-1].lossy.ratio > 2
