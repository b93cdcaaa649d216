"""How large a frame may be, and how wide its pixels are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.field.resample import resize
from edge.images import MOST_PIXELS

_WIDEST = 4.0  # a pixel that claims to be wider or narrower than that is of a container that knows nothing of it


class TooLargeError(EdgeError):
    """A source whose frames are larger than may be: it stays that, however often it is opened."""


def check_size(name: str, width: int, height: int) -> None:
    """Refuse a frame before memory is taken for it.

    Raises:
        TooLargeError: it has too many pixels.
    """
    if width * height > MOST_PIXELS:
        raise TooLargeError(
            f"{name} gives frames of {width}x{height}, more than the {MOST_PIXELS // 1_000_000} megapixels that are "
            "graded; choose a smaller size."
        )


def sane_aspect(aspect: float) -> float:
    """Width of a pixel by its height; 1 where it is not known, or nothing that a camera has."""
    return aspect if 1 / _WIDEST <= aspect <= _WIDEST else 1.0


def with_square_pixels(name: str, image: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """A frame whose pixels are as wide as high: in an anamorphic one a circle is an ellipse.

    Args:
        name: of its source, for an error.
        image: uint8 (H, W, 3).
        aspect: width of a pixel by its height.

    Raises:
        TooLargeError: it would have too many pixels.
    """
    height, width = image.shape[:2]
    wider = max(1, round(width * sane_aspect(aspect)))
    if wider == width:
        return image
    check_size(name, wider, height)
    return resize(image, (wider, height))
