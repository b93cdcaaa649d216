"""Light and colour of a frame, cell by cell on the grid of its map: what causes are reasoned from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.abi.frames import Light, Three
from edge.frame.exposure import cells_of, green_of

Cells = NDArray[np.float32]

CLIPPED = 230.0  # grey value from which a channel counts as at its end: white of video that spares the ends
FINE, FINE_DEVIATION = 4, 2.0  # points along the side of a cell, and what fine structure stands out from


@dataclass(frozen=True, eq=False)
class Photometry:
    """What the light did, on a grid over the crop.

    Attributes:
        blue, green, red: mean of each channel, float32 (grid, grid), grey values.
        clipped: share of each cell whose green is at its end, float32 (grid, grid) in [0, 1].
        detail: mean contrast of fine structure in green, as a share of the brightness, float32 (grid, grid).
        grain: the same of the finest that the network's input holds: the edges of vessels, and noise.
    """

    blue: Cells
    green: Cells
    red: Cells
    clipped: Cells
    detail: Cells
    grain: Cells


def light_of(
    tensor: NDArray[np.float32], measured: Light | None, grid: int, mean: Three, std: Three
) -> tuple[Cells, Photometry]:
    """The light in what the network reads.

    Args:
        tensor: float32 RGB (1, 3, S, S).
        measured: its light, where the frame step has it already.
        grid: cells along a side.
        mean, std: with which the tensor was normalised.

    Returns:
        Means of red, green and blue, float32 (3, grid, grid), grey values; and all the rest.
    """
    if measured is None:
        rgb = cells_of(tensor, grid, mean, std)
        return rgb, photometry(rgb, green_of(tensor, mean, std))
    red, green, blue = measured.rgb
    return measured.rgb, Photometry(blue, green, red, measured.clipped, measured.detail, measured.grain)


def photometry(rgb: Cells, green: Cells) -> Photometry:
    """Light and colour of a crop, from what the network read of it.

    Args:
        rgb: mean of each channel over each cell, float32 (3, grid, grid), grey values.
        green: float32 (S, S), grey values; S at least ``FINE`` to a cell.
    """
    grid = rgb.shape[1]
    side = grid * FINE
    fine = green if len(green) == side else cv2.resize(green, (side, side), interpolation=cv2.INTER_AREA)
    clipped = _cells(np.asarray(fine >= CLIPPED, np.float32), grid)
    ripple = cv2.absdiff(fine, cv2.GaussianBlur(fine, (0, 0), FINE_DEVIATION))
    detail = _cells(np.asarray(ripple, np.float32), grid) / np.maximum(rgb[1], 4)
    grain = _cells(np.asarray(cv2.absdiff(green, cv2.blur(green, (3, 3))), np.float32), grid) / np.maximum(rgb[1], 4)
    return Photometry(rgb[2], rgb[1], rgb[0], clipped, np.asarray(detail, np.float32), np.asarray(grain, np.float32))


def _cells(points: Cells, grid: int) -> Cells:
    return np.asarray(cv2.resize(points, (grid, grid), interpolation=cv2.INTER_AREA), np.float32)
