"""What small networks are computed with, in NumPy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# Products up to this size OpenBLAS computes in the thread that asks. Larger ones it shares out, and on a busy machine
# waits 25 ms for a thread that has no core, to save hundredths of one.
_ALONE = 1 << 18


def product(left: Array, right: Array) -> Array:
    """The product of two matrices, in this thread."""
    step = max(1, _ALONE // left.size)
    parts = [left @ right[:, start : start + step] for start in range(0, right.shape[1], step)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def convolve(seen: Array, weights: Array, biases: Array) -> Array:
    """A 3 x 3 convolution of stride 2 with padding 1, and ReLU.

    Args:
        seen: float32 (C, S, S).
        weights: float32 (K, C, 3, 3).
        biases: float32 (K,).

    Returns:
        float32 (K, ceil(S / 2), ceil(S / 2)).
    """
    channels, size = seen.shape[:2]
    padded = np.zeros((channels, size + 2, size + 2), np.float32)
    padded[:, 1:-1, 1:-1] = seen
    side = (size + 1) // 2
    windows = np.empty((channels, 9, side, side), np.float32)
    for place in range(9):
        down, across = divmod(place, 3)
        windows[:, place] = padded[:, down : down + 2 * side - 1 : 2, across : across + 2 * side - 1 : 2]
    found = product(weights.reshape(len(weights), -1), windows.reshape(channels * 9, -1))
    return np.asarray(np.maximum(found + biases[:, None], 0), np.float32).reshape(-1, side, side)
