"""From maps to one quality score: what the disc, the macula and the rest of the field count."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edge.abi.library import LIBRARY  # None without a compiler at install time: slower, and but for roundings the same
from edge.abi.maps import score
from edge.bundle.bundle import LANDMARKS, Region


def region_weights(
    regions: Mapping[Region, NDArray[np.float32]], field: NDArray[np.bool_], pooling: Mapping[Region, float]
) -> NDArray[np.float32]:
    """Weight of each cell: the periphery's, moved towards that of a landmark by how surely the cell belongs to it.

    Args:
        regions: ``disc`` and ``macula``, probability in [0, 1] of a cell to belong there, float32 (grid, grid); empty
            where the network has no such maps: then every cell counts alike.
        field: bool (grid, grid).
        pooling: weight of each region, >= 0, periphery > 0; only their ratios matter.

    Returns:
        float32 (grid, grid), >= 0, 0 outside the field, with a sum of 1; all 0 where nothing in the field counts.
    """
    rest = pooling["periphery"]
    weights = np.full(field.shape, rest, np.float64)
    for region in LANDMARKS:
        if region in regions:
            weights += (pooling[region] - rest) * regions[region]
    # Where two unsure landmarks overlap, two weights below the periphery's could add up to less than nothing.
    # What is left where they cancel is a rounding, and counts as nothing too.
    weights = np.where(weights > 1e-6 * max(pooling.values()), weights, 0) * field
    total = float(weights.sum())
    return np.asarray(weights / total if total > 0 else weights, dtype=np.float32)


def regions_of(maps: NDArray[np.float32]) -> dict[Region, NDArray[np.float32]]:
    """The landmarks among the maps of a network, float32 (K, grid, grid); none where it gives the first map alone."""
    return dict(zip(LANDMARKS, maps[1:], strict=False))


def score_of(maps: NDArray[np.float32], field: NDArray[np.bool_], pooling: Mapping[Region, float]) -> float:
    """The quality score of the maps of a network, float32 (K, grid, grid), inside a field, bool (grid, grid)."""
    if LIBRARY is not None and len(maps) in (1, 3):
        return score(LIBRARY, maps, field, (pooling["disc"], pooling["macula"], pooling["periphery"]))
    return score_of_numpy(maps, field, pooling)


def score_of_numpy(maps: NDArray[np.float32], field: NDArray[np.bool_], pooling: Mapping[Region, float]) -> float:
    """``score_of`` in NumPy: the fallback, and what the library is tested against."""
    return quality_score(maps[0], region_weights(regions_of(maps), field, pooling))


def quality_score(degradation: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
    """1 - sum(w * D); in [0, 1], 1 is best; 0 where nothing counts, as then nothing was seen.

    Args:
        degradation: float32 (grid, grid) in [0, 1].
        weights: of ``region_weights``.
    """
    if not weights.any():
        return 0.0
    return float(np.clip(1 - float((weights * degradation).sum(dtype=np.float64)), 0.0, 1.0))
