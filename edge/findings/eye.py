"""Right eye or left: in an upright photograph the disc lies on the side of the nose, and the macula on the other.

Both maps are read as distributions over columns, with a little of everywhere added: a landmark that is hardly seen
tells little, and one half outside the field as much as is left of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Region

Eye = Literal["right", "left"]

LEAST = 0.9  # probability from which an eye is named
_EVERYWHERE = 0.05  # weight of a landmark that may be anywhere, in cells that are surely it


def eye_of(regions: Mapping[Region, NDArray[np.float32]], field: NDArray[np.bool_]) -> tuple[Eye | None, float]:
    """The eye, and the probability of the likelier one.

    Args:
        regions: probability of a cell to belong to ``disc`` and ``macula``, float32 (grid, grid) in [0, 1].
        field: bool (grid, grid).

    Returns:
        ``right``, ``left`` or None, and a probability in [0.5, 1]; None and 0.5 where a map is missing.
    """
    if "disc" not in regions or "macula" not in regions or not field.any():
        return None, 0.5
    disc, macula = (_columns(regions[name], field) for name in ("disc", "macula"))
    before = np.cumsum(macula) - macula
    right = float(disc @ (before + macula / 2))  # the disc lies to the right of the macula, in the picture
    probability = min(max(right, 1 - right), 1.0)
    eye: Eye = "right" if right > 0.5 else "left"
    return (eye if probability >= LEAST else None), probability


def _columns(chances: NDArray[np.float32], field: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How likely the landmark lies in each column; squared, because a wide rim of small chances says little."""
    weights = (chances * chances * field).sum(axis=0, dtype=np.float64)
    everywhere = field.sum(axis=0, dtype=np.float64)
    columns = weights + _EVERYWHERE * everywhere / everywhere.sum()
    return np.asarray(columns / columns.sum())
