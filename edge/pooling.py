"""From a degradation map to one quality score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Zone


def zone_weights(grid: int, pooling: dict[Zone, float]) -> NDArray[np.float32]:
    """Weight of each cell by its distance from the middle: within a third of the radius, two thirds, beyond.

    Returns:
        float32 (grid, grid), not yet normalised (the field of each frame does that).
    """
    offsets = (np.arange(grid) + 0.5) / (grid / 2) - 1
    distance = np.hypot(offsets[None, :], offsets[:, None])
    weights = np.where(
        distance < 1 / 3, pooling["centre"], np.where(distance < 2 / 3, pooling["middle"], pooling["periphery"])
    )
    return np.asarray(weights, dtype=np.float32)


def quality_score(degradation: NDArray[np.float32], field: NDArray[np.bool_], weights: NDArray[np.float32]) -> float:
    """1 - sum(w * D) over the field with w summing to 1; in [0, 1], 1 is best; 0 where the field is empty.

    Args:
        degradation: float32 (grid, grid) in [0, 1].
        field: bool (grid, grid).
        weights: float32 (grid, grid), >= 0.
    """
    inside = weights * field
    total = float(inside.sum())
    if total <= 0:
        return 0.0
    return float(np.clip(1 - float((inside * degradation).sum()) / total, 0.0, 1.0))
