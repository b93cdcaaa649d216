"""One frame of a camera that sends JPEG: a picture, or known to be damaged."""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from edge.camera.shape import check_size
from edge.images.kinds.jpeg import strictly


def whole_jpeg(name: str, data: bytes | bytearray | memoryview | NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Decode a JPEG strictly.

    A decoder paints over what is missing, with grey or with what another moment left there, and says so in a warning;
    OpenCV and FFmpeg keep that to themselves.

    Args:
        name: of its source, for an error.
        data: from its first marker on.

    Returns:
        uint8 BGR (H, W, 3); None where it is cut off or damaged.

    Raises:
        TooLargeError: it has too many pixels.
    """
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        check_size(name, int(width), int(height))
        return strictly(data, "BGR")
    except ValueError:
        return None
