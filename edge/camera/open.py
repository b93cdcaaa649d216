"""From what a user types to a camera."""

from __future__ import annotations

from pathlib import Path

from edge.camera.demo import DemoCamera
from edge.camera.device import DeviceCamera
from edge.camera.folder import FolderCamera
from edge.camera.protocol import Camera
from edge.camera.video import VideoCamera
from edge.errors import EdgeError
from edge.images import SUFFIXES


def open_camera(source: str) -> Camera:
    """Open a source of frames.

    Args:
        source: ``demo`` (the synthetic eye, 10 s), a camera index such as ``0``, a folder of frames, or a video file.

    Raises:
        EdgeError: there is no such thing, or it holds no frame.
    """
    if source == "demo":
        return DemoCamera()
    if source.isascii() and source.isdigit():
        return DeviceCamera(int(source))
    path = Path(source)
    if path.is_dir():
        return FolderCamera(path)
    if not path.exists():
        raise EdgeError(f"{source} does not exist; give a video file, a folder of frames, a camera index, or demo.")
    if path.suffix.lower() in SUFFIXES:
        raise EdgeError(f"{source} is a photograph, not a source of frames; grade it with edge-grade.")
    try:
        return VideoCamera(path)
    except OSError as error:
        raise EdgeError(f"{source} could not be opened ({error.strerror}); check that you may read it.") from error
