"""How sharp a channel is, by its Laplacian: fine structure is what blur takes first."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def fine_structure(channel: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The Laplacian of one channel, uint8 (H, W), in grey values."""
    return np.asarray(cv2.Laplacian(np.ascontiguousarray(channel), cv2.CV_32F), np.float32)


def sharpness(channel: NDArray[np.uint8], where: NDArray[np.bool_] | None = None) -> float:
    """Variance of the fine structure, in squared grey values; 0 of nothing.

    Args:
        channel: uint8 (H, W); green is the one that shows vessels best.
        where: pixels that count; None for all.
    """
    if not channel.size:  # OpenCV refuses it
        return 0.0
    steps = cv2.Laplacian(np.ascontiguousarray(channel), cv2.CV_16S)  # whole numbers: twice as fast
    values = steps if where is None else steps[where]
    if not values.size:
        return 0.0
    spread = cv2.norm(values, cv2.NORM_L2SQR) / values.size - cv2.mean(values.reshape(1, -1))[0] ** 2
    return max(float(spread), 0.0)  # of values all alike it may round to less
