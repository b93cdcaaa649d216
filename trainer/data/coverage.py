"""How complete a vessel map is, without any label: where vessels are dense enough, anatomy is visible."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Local density of a good photograph: smoothed over 1/23 of the field's width, 0.055 of the area is vessel.
_REACH = 14 / 320
_DENSE = 0.055


def coverage(vessels: NDArray[np.float32], field: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Share of the expected local vessel density.

    Args:
        vessels: probability (S, S).
        field: bool (S, S).

    Returns:
        float32 (S, S) in [0, 1]; 0 outside the field.
    """
    sure = np.clip((vessels - 0.2) / 0.6, 0, 1) * field
    sigma = _REACH * vessels.shape[0]
    inside = cv2.GaussianBlur(field.astype(np.float32), (0, 0), sigma)
    density = cv2.GaussianBlur(sure.astype(np.float32), (0, 0), sigma) / np.maximum(inside, 0.1)
    return np.asarray(np.clip(density / _DENSE, 0, 1) * field, dtype=np.float32)


def completeness(vessels: NDArray[np.float32], field: NDArray[np.bool_]) -> float:
    """Mean coverage over the field, in [0, 1]."""
    return float(coverage(vessels, field).sum() / max(1, int(field.sum())))
