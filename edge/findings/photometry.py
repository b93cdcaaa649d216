"""Light and colour of a frame, cell by cell on the grid of its map: what causes are reasoned from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.field.find import Crop

Cells = NDArray[np.float32]

_SAMPLES = 8  # picture points along the side of a cell, before they are averaged in pairs
_CLIPPED = 230  # grey value from which a channel counts as at its end: white of video that spares the ends


@dataclass(frozen=True, eq=False)
class Photometry:
    """What the light did, on a grid over the crop.

    Attributes:
        blue, green, red: mean of each channel, float32 (grid, grid), grey values.
        clipped: share of each cell whose green is at its end, float32 (grid, grid) in [0, 1].
        detail: mean contrast of fine structure in green, as a share of the brightness, float32 (grid, grid).
    """

    blue: Cells
    green: Cells
    red: Cells
    clipped: Cells
    detail: Cells


def measure(frame: NDArray[np.uint8], crop: Crop, grid: int) -> Photometry:
    """Photometry of a crop, from a sparse sample of its pixels: a fraction of a millisecond at any size of frame.

    Args:
        frame: uint8 BGR, shape (H, W, 3).
        crop: square in frame pixels; what lies beyond the frame is black.
        grid: cells along a side.
    """
    sample = _sampled(frame, crop, grid * _SAMPLES)
    small = np.asarray(cv2.resize(sample, (grid * 4, grid * 4), interpolation=cv2.INTER_AREA), np.uint8)
    fine = small.astype(np.float32)
    means = cv2.resize(fine, (grid, grid), interpolation=cv2.INTER_AREA)
    return photometry(np.ascontiguousarray(means[:, :, ::-1].transpose(2, 0, 1)), np.ascontiguousarray(fine[:, :, 1]))


def photometry(rgb: Cells, green: Cells) -> Photometry:
    """Photometry from what is already reduced.

    Args:
        rgb: mean of each channel over each cell, float32 (3, grid, grid), grey values.
        green: float32 (S, S), grey values; S at least 4 to a cell.
    """
    grid = rgb.shape[1]
    side = grid * 4
    fine = green if len(green) == side else cv2.resize(green, (side, side), interpolation=cv2.INTER_AREA)
    clipped = _cells(np.asarray(fine >= _CLIPPED, np.float32), grid)
    ripple = cv2.absdiff(fine, cv2.GaussianBlur(fine, (0, 0), 2))
    detail = _cells(np.asarray(ripple, np.float32), grid) / np.maximum(rgb[1], 4)
    return Photometry(rgb[2], rgb[1], rgb[0], clipped, np.asarray(detail, np.float32))


def _sampled(frame: NDArray[np.uint8], crop: Crop, size: int) -> NDArray[np.uint8]:
    """Every n-th pixel of the crop, at least ``size`` of them along a side where it has as many."""
    step = max(1, crop.side // size)
    height, width = frame.shape[:2]
    left, top = max(crop.x, 0), max(crop.y, 0)
    right, bottom = min(crop.x + crop.side, width), min(crop.y + crop.side, height)
    side = -(-crop.side // step)
    square = np.zeros((side, side, 3), np.uint8)
    if right > left and bottom > top:
        part = frame[top:bottom:step, left:right:step]
        down, across = (top - crop.y) // step, (left - crop.x) // step
        part = part[: side - down, : side - across]
        square[down : down + part.shape[0], across : across + part.shape[1]] = part
    return square


def _cells(points: Cells, grid: int) -> Cells:
    return np.asarray(cv2.resize(points, (grid, grid), interpolation=cv2.INTER_AREA), np.float32)
