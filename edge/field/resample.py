"""Pictures and maps at another size, by the one rule that the project resamples with."""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pixel = TypeVar("Pixel", bound="np.integer[Any] | np.floating[Any]")


def resize(image: NDArray[Pixel], size: tuple[int, int]) -> NDArray[Pixel]:
    """Areas averaged where it shrinks, linear where it grows.

    Args:
        image: (H, W) or (H, W, 3), any type that OpenCV resamples.
        size: width and height.
    """
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=way), image.dtype)
