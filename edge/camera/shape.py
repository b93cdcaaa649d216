"""Limits on the size of frames, and their pixel aspect ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.field.resample import resize
from edge.images import MOST_PIXELS

_WIDEST = 4.0  # an aspect ratio beyond that is an error of the container


class TooLargeError(EdgeError):
    """A source whose frames are too large, and will be however often it is reopened."""


def check_size(name: str, width: int, height: int) -> None:
    """Refuse a frame before memory is allocated for it.

    Raises:
        TooLargeError: it has too many pixels.
    """
    if width * height > MOST_PIXELS:
        raise TooLargeError(
            f"{name} gives frames of {width}x{height}, more than the {MOST_PIXELS // 1_000_000} megapixels that are "
            "graded; choose a smaller size."
        )


def sane_aspect(aspect: float) -> float:
    """A pixel aspect ratio (width / height); 1 if it is unknown or implausible."""
    return aspect if 1 / _WIDEST <= aspect <= _WIDEST else 1.0


def with_square_pixels(name: str, image: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """A frame resampled to square pixels: in an anamorphic one a circle is an ellipse.

    Args:
        name: of its source, for error messages.
        image: uint8 (H, W, 3).
        aspect: width / height of a pixel.

    Raises:
        TooLargeError: it would have too many pixels.
    """
    height, width = image.shape[:2]
    wider = max(1, round(width * sane_aspect(aspect)))
    if wider == width:
        return image
    check_size(name, wider, height)
    return resize(image, (wider, height))
