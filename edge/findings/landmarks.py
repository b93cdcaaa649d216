"""Disc and macula: from the maps of a network to places and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import LANDMARKS, Region

_DRAWN = 1.3  # the network marks a disc wider than it is: median of marked over measured diameter on 194 photographs
_SURE = 0.8  # chance of the surest cell of a landmark that guidance may follow
_LEAST = 1 / 256  # share of the map that it fills, the sum of its cells
# Side of the map, to each side of the surest cell: what may belong to the same landmark. A macula is drawn wider.
_HALF: dict[Region, float] = {"disc": 1 / 8, "macula": 1 / 6}

Chances = NDArray[np.float32]


@dataclass(frozen=True)
class Landmark:
    """Where the disc or the macula is.

    Attributes:
        x, y: its centre, in field radii from the middle of the field, x to the right and y down.
        diameter: of the optic disc, in field radii; of what is marked around the fovea, for the macula.
        chance: of its surest cell, in [0, 1].
        seen: surely enough to be followed from frame to frame.
    """

    x: float
    y: float
    diameter: float
    chance: float
    seen: bool


def find_landmarks(regions: Mapping[Region, Chances], field: NDArray[np.bool_]) -> dict[Region, Landmark]:
    """Where the maps of ``disc`` and ``macula`` have their peaks, however low.

    Args:
        regions: probability of a cell to belong there, float32 (grid, grid).
        field: bool (grid, grid).

    Returns:
        One entry for each map with a cell above 0 inside the field.
    """
    found = {}
    for name in LANDMARKS:
        if name in regions and (landmark := _peak(regions[name] * field, _HALF[name])) is not None:
            scale = 1 / _DRAWN if name == "disc" else 1.0
            found[name] = Landmark(landmark[0], landmark[1], landmark[2] * scale, landmark[3], landmark[4])
    return found


def _peak(chances: Chances, reach: float) -> tuple[float, float, float, float, bool] | None:
    """Centre, diameter, chance and ``seen`` of the largest heap of cells, at most ``reach`` of the map from its top."""
    grid = len(chances)
    surest = int(chances.argmax())
    half = round(grid * reach)
    row, column = divmod(surest, grid)
    top, left = max(0, row - half), max(0, column - half)
    heap = chances[top : row + half + 1, left : column + half + 1].astype(np.float64)  # squares stay above 0
    highest, mass = float(heap.max()), float(heap.sum())
    if highest <= 0:
        return None
    cell = 2 / grid
    weight = heap * heap  # the rim of a heap is wide and flat, and would pull
    total = float(weight.sum())
    x = float(weight.sum(axis=0) @ np.arange(left, left + heap.shape[1])) / total
    y = float(weight.sum(axis=1) @ np.arange(top, top + heap.shape[0])) / total
    diameter = float(np.sqrt(4 * mass / np.pi)) * cell
    seen = highest >= _SURE and mass >= _LEAST * grid * grid
    return (x + 0.5) * cell - 1, (y + 0.5) * cell - 1, diameter, highest, seen
