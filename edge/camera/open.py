"""Open the camera or recording that a user names."""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from edge.camera.address import without_secrets
from edge.camera.demo import DemoCamera
from edge.camera.folder import FolderCamera
from edge.camera.gstreamer.pipeline import GStreamerCamera, pipeline_of_sensor
from edge.camera.local.device import DeviceFinder, RequestedMode
from edge.camera.opening import open_aside
from edge.camera.protocol import Camera
from edge.camera.reconnecting import ReconnectingCamera
from edge.camera.recording.network import SCHEMES, NetworkCamera
from edge.camera.recording.video import VideoCamera
from edge.errors import EdgeError
from edge.images import SUFFIXES

_RECORDINGS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")  # opened as a camera, it would restart at its end
_PIPELINE = "gst:"
_DEMO = re.compile(r"demo(?::([1-9][0-9]{0,3}))?")
_SENSOR = re.compile(r"csi(?::([0-9]))?")


def open_camera(
    source: str | int | Path,
    wish: RequestedMode | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
    stop: threading.Event | None = None,
) -> Camera:
    """Open a source of frames; a live one is reopened whenever it is lost.

    Args:
        source: ``demo`` (the synthetic eye, 10 s) or ``demo:60`` (for so many seconds), a camera such as ``0`` or
            ``/dev/video0``, ``csi`` or ``csi:1`` (an image sensor of a Jetson), an address such as ``rtsp://...``,
            ``gst:`` and a GStreamer pipeline, a folder of frames, or a video file.
        wish: the mode to request from a camera.
        tell: called with one sentence when a live source is lost, and again when it is back.
        stop: ends the opening, and a ``read`` that waits for a lost source.

    Raises:
        EdgeError: there is no such thing, it holds no frame, or it has no modes to choose from.
        OpeningStopped: ``stop`` was set before it was open.
    """
    stop = stop or threading.Event()
    given = str(source)
    shown = without_secrets(given)
    return open_aside(
        lambda: _open(given, wish, tell, stop),
        stop,
        lambda: tell(f"{shown} has given nothing yet: still waiting for it; Ctrl-C ends that."),
    )


def _open(source: str, wish: RequestedMode | None, tell: Callable[[str], None], stop: threading.Event) -> Camera:
    sensor = _SENSOR.fullmatch(source)
    is_node = source.startswith("/dev/") and sys.platform == "linux" and not _is_data(source)
    if is_node or (source.isascii() and source.isdigit()):
        return ReconnectingCamera(f"camera {source}", DeviceFinder(source, wish), tell, stop)
    if sensor is not None:
        pipeline = pipeline_of_sensor(int(sensor[1] or 0), wish)
        return ReconnectingCamera(f"sensor {source}", lambda: GStreamerCamera(pipeline), tell, stop)
    if wish is not None:
        raise EdgeError(f"{without_secrets(source)} has no modes to choose from: ask for none (leave --mode out).")
    if source.startswith(_PIPELINE):
        return _open_pipeline(source[len(_PIPELINE) :].strip(), tell, stop)
    if "://" in source and source.partition("://")[0].lower() in SCHEMES:
        if without_secrets(source).lower().endswith(_RECORDINGS):
            raise EdgeError(f"{without_secrets(source)} is a recording, not a camera: fetch it and give the file.")
        return _open_address(source, tell, stop)
    if (demo := _DEMO.fullmatch(source)) is not None:
        return DemoCamera(frames=30 * int(demo[1] or 10))  # at 30 fps
    return _open_file(source, tell)


def _open_address(source: str, tell: Callable[[str], None], stop: threading.Event) -> Camera:
    shown = without_secrets(source)
    warned: set[float] = set()  # aspect ratios that were reported; each only once

    def again() -> Camera:
        camera = NetworkCamera(source)
        if camera.odd_pixels not in warned:
            warned.add(camera.odd_pixels)
            _warn_of_pixels(shown, camera.odd_pixels, tell)
        return camera

    return ReconnectingCamera(shown, again, tell, stop)


def _warn_of_pixels(name: str, odd: float, tell: Callable[[str], None]) -> None:
    """Warn that an unlikely aspect ratio is ignored: if it is right after all, circles look like ellipses."""
    if odd:
        tell(
            f"{name} says that its pixels are {odd:.4g} times as wide as high, which no camera has: they are treated "
            "as square; if its pictures look squeezed, convert it to square pixels."
        )


def _open_pipeline(pipeline: str, tell: Callable[[str], None], stop: threading.Event) -> Camera:
    """A pipeline that reads a file is a recording, and ends with it; any other is a camera."""
    first: GStreamerCamera | None = GStreamerCamera(pipeline)
    assert first is not None
    if not first.live:
        return first

    def again() -> Camera:
        nonlocal first
        camera, first = first or GStreamerCamera(pipeline), None
        return camera

    return ReconnectingCamera("the pipeline", again, tell, stop)


def _is_data(node: str) -> bool:
    """Whether a path below ``/dev`` is no device: ``/dev/stdin`` with a video in it, a folder below ``/dev/shm``."""
    try:
        return not stat.S_ISCHR(os.stat(node).st_mode)  # noqa: PTH116 (DeviceFinder looks for a node that is missing)
    except (OSError, ValueError):
        return False


def _open_file(source: str, tell: Callable[[str], None]) -> Camera:
    path = Path(source)
    try:
        there, folder = path.exists(), path.is_dir()
    except (OSError, ValueError) as error:  # a name that is too long or contains a null byte
        reason = getattr(error, "strerror", None) or error
        raise EdgeError(f"{source} cannot be accessed ({reason}): check the name.") from None
    if folder:
        return FolderCamera(path)
    if not there:
        raise EdgeError(
            f"{source} does not exist; give a video file, a folder of frames, a camera (edge-capture --list shows "
            "them), an address such as rtsp://..., gst: and a pipeline, or demo."
        )
    if path.suffix.lower() in SUFFIXES:
        raise EdgeError(f"{source} is a photograph, not a source of frames; grade it with edge-grade.")
    try:
        camera = VideoCamera(path)
    except OSError as error:
        raise EdgeError(f"{source} could not be opened ({error.strerror}); check that you may read it.") from error
    _warn_of_pixels(source, camera.odd_pixels, tell)
    return camera
