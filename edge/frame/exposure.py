"""Where light alone has taken the picture: cells burnt out or drowned, lost whatever the network makes of them.

The network looks for vessels, and finds some of them in light that a person would refuse. A cell is *burnt* where
green, which carries the vessels, is at its end, or where red is at its end and green not far from it: no camera leaves
such cells over much of a retina. It is *drowned* where the brightest channel is a small share of the bright end of the
field.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.abi.causes import lost_to_light as lost_by_library
from edge.abi.frames import Three
from edge.abi.library import LIBRARY  # None without a compiler at install time: slower, and the same

_GREEN_END, _RED_END, _GREEN_HIGH = 248.0, 250.0, 150.0  # grey values of a cell's mean
_LEAST_RED, _LEAST_GREEN = 200.0, 170.0  # grey values below which the bright end of a channel is no white
_PLATEAU = 4.0  # grey values below its bright end within which a channel is at it
_ALL_RED, _GREEN_HIGH_IN_RED = 0.85, 100.0  # where red is at its end all over, which no camera chooses
_LEAST_BURNT = 0.10  # share of the field; the disc of a healthy eye, and the highlights of a young one, take less
_DROWNED = 0.15  # of the bright end: a vessel there is one or two grey values deep
_BLACK = 3.0  # grey values below which nothing is seen
_LEAST_DROWNED = 0.10  # share of the field, in one piece: vessels, maculae and dark corners take less
_PIECE = np.ones((3, 3), np.uint8)


def cells_of(tensor: NDArray[np.float32], grid: int, mean: Three, std: Three) -> NDArray[np.float32]:
    """The mean of each channel over each cell of the grid.

    Args:
        tensor: what the network reads, float32 RGB (1, 3, S, S).
        grid: cells along a side.
        mean, std: with which it was normalised.

    Returns:
        float32 RGB (3, grid, grid), grey values.
    """
    cells = np.empty((3, grid, grid), np.float32)
    for channel, middle, scale, into in zip(tensor[0], mean, std, cells, strict=True):
        cv2.resize(channel, (grid, grid), dst=into, interpolation=cv2.INTER_AREA)
        into *= np.float32(255 * scale)
        into += np.float32(255 * middle)
    return cells


def green_of(tensor: NDArray[np.float32], mean: Three, std: Three) -> NDArray[np.float32]:
    """Green of what the network reads, float32 (S, S), grey values; arguments as for ``cells_of``.

    Whole ones, as the frame step rounds: what is left of normalising would tip a value over its end.
    """
    return np.asarray(np.rint(tensor[0, 1] * np.float32(255 * std[1]) + np.float32(255 * mean[1])), np.float32)


def _burnt(red: NDArray[np.float32], green: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The same of the cells in the field alone, in a row."""
    if not len(red):
        return np.zeros(0, np.bool_)
    # White is 255, or wherever this camera has it: 235 in much video.
    ends = [quantile(channel, 0.99) for channel in (red, green)]
    red_end = red >= (min(_RED_END, ends[0] - _PLATEAU) if ends[0] >= _LEAST_RED else _RED_END)
    green_end = green >= (min(_GREEN_END, ends[1] - _PLATEAU) if ends[1] >= _LEAST_GREEN else _GREEN_END)
    high = _GREEN_HIGH if np.count_nonzero(red_end) < _ALL_RED * len(red) else _GREEN_HIGH_IN_RED
    high *= min(ends[0] / 255, 1.0)
    return np.asarray(green_end | (red_end & (green >= high)), dtype=np.bool_)


def lost_to_light(cells: NDArray[np.float32], field: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The cells of a field that are burnt out or drowned.

    Args:
        cells: of ``cells_of``.
        field: bool (grid, grid).

    Returns:
        bool (grid, grid).
    """
    return lost_to_light_numpy(cells, field) if LIBRARY is None else lost_by_library(LIBRARY, cells, field)


def lost_to_light_numpy(cells: NDArray[np.float32], field: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``lost_to_light`` in NumPy and OpenCV: the fallback, and what the library is tested against."""
    lost = np.zeros_like(field)
    red, green, blue = cells.reshape(3, -1).compress(field.reshape(-1), axis=1)  # in a row
    number = len(red)
    if not number:
        return lost
    burnt = _burnt(red, green)
    if np.count_nonzero(burnt) > _LEAST_BURNT * number:
        lost[field] = burnt
    top = np.maximum(np.maximum(red, green), blue)
    bright_end = max(quantile(top, 0.95), 0.6 * float(top.max()))  # a sliver of light is light too
    drowned = top < max(_DROWNED * bright_end, _BLACK)
    if np.count_nonzero(drowned) > _LEAST_DROWNED * number:
        dark = np.zeros(field.shape, np.uint8)
        dark[field] = drowned
        if cv2.morphologyEx(dark, cv2.MORPH_OPEN, _PIECE).sum() > _LEAST_DROWNED * number:
            lost |= dark.astype(np.bool_)
    return lost


def quantile(values: NDArray[np.floating], share: float) -> float:
    """The value below which about such a share of them lies: five times as fast as NumPy's, which interpolates."""
    place = int(share * (len(values) - 1))
    return float(np.partition(values, place)[place])
