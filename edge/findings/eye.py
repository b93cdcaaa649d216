"""Right eye or left: in an upright photograph the disc lies on the side of the nose, and the macula on the other.

Every pair of cells is weighed: how surely one is disc and the other macula, and how well the two lie to each other. A
landmark that is hardly seen may be anywhere, and beyond the field rather than unseen inside it: so a nasal field, whose
macula is out of sight, seldom tells one; where it does, it is the wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Region

Eye = Literal["right", "left"]

LEAST = 0.9  # probability from which an eye is named
# From the disc to the fovea in field radii, and its deviation: photographs of ten cameras of 35 to 50 degrees.
_AWAY, _BELOW, _DEVIATION = 0.75, 0.09, 0.15
# Weight of a cell to be the landmark though nothing shows it, inside the field and beyond: so near each other that
# a landmark that is missing tells no eye by itself.
_UNSEEN, _BEYOND = 2e-5, 1e-4


def eye_of(regions: Mapping[Region, NDArray[np.float32]], field: NDArray[np.bool_]) -> tuple[Eye | None, float]:
    """The eye, and the probability of the likelier one.

    Args:
        regions: probability of a cell to belong to ``disc`` and ``macula``, float32 (grid, grid) in [0, 1].
        field: bool (grid, grid).

    Returns:
        ``right``, ``left`` or None, and a probability in [0.5, 1]; None and 0.5 where a map is missing. A mirrored
        frame is the other eye, as surely.
    """
    if "disc" not in regions or "macula" not in regions or not field.any():
        return None, 0.5
    disc, macula = (_weights(regions[name], field) for name in ("disc", "macula"))
    cell = 2 / len(field)
    reach = np.arange(-len(field), len(field) + 1, dtype=np.float64) * cell
    temporal, below = _bell(reach + _AWAY), _bell(reach - _BELOW)

    def agreeing(across: NDArray[np.float64]) -> float:
        near = cv2.sepFilter2D(macula, cv2.CV_64F, across, below, borderType=cv2.BORDER_REPLICATE)
        return float((disc * near).sum())

    right, left = agreeing(temporal), agreeing(np.ascontiguousarray(temporal[::-1]))  # macula left of the disc, right
    probability = max(right, left) / (right + left)
    eye: Eye = "right" if right > left else "left"
    return (eye if probability >= LEAST else None), probability


def _weights(chances: NDArray[np.float32], field: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How likely each cell is the landmark, also around the field; squared: a wide rim of small chances says little."""
    grid, around = len(field), len(field) // 2
    weights = np.full((grid + 2 * around, grid + 2 * around), _BEYOND)
    seen = chances.astype(np.float64) ** 2 + _UNSEEN
    weights[around : around + grid, around : around + grid] = np.where(field, seen, _BEYOND)
    return weights


def _bell(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    shape = np.exp(-0.5 * (distance / _DEVIATION) ** 2)
    return np.asarray(shape / shape.sum())
