"""Strict decoding of the JPEG frames of a camera."""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from edge.camera.shape import check_size
from edge.images.kinds.jpeg import strictly


def whole_jpeg(name: str, data: bytes | bytearray | memoryview | NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Decode a JPEG strictly.

    A decoder fills what is missing with grey or with old data, and only warns; OpenCV and FFmpeg hide that warning.

    Args:
        name: of its source, for error messages.
        data: from its first marker on.

    Returns:
        uint8 BGR (H, W, 3); None if it is truncated or damaged.

    Raises:
        TooLargeError: it has too many pixels.
    """
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        check_size(name, int(width), int(height))
        return strictly(data, "BGR")
    except ValueError:
        return None
