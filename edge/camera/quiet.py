"""Opening videos and cameras without the warnings of OpenCV and FFmpeg: our own error message replaces them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import cv2

# OpenCV 5 moved these two.
_log: Any = cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV while it tries one backend after the other."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read once, when FFmpeg is first used
    before = _log.getLogLevel()
    _log.setLogLevel(0)  # silent
    try:
        yield
    finally:
        _log.setLogLevel(before)
