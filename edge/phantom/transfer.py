"""How much of the anatomy survives a degradation, and the truth of a frame that follows.

A vessel represents the anatomy: a dark line of Gaussian profile, ``VESSEL`` wide, of a fifth of the local brightness.
*Transfer* is the share of its contrast that survives, in [0, 1]. Lengths are shares of the field's diameter; places
are in field radii from the middle of the field, x to the right, y down.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.field.find import Crop
from edge.field.resample import resize

VESSEL = 0.004  # standard deviation of the profile of a vessel, share of the field's diameter
CONTRAST = 0.2  # of a vessel, share of the brightness around it
VISIBLE = 2.0  # grey values: a contrast that is half lost to the steps of 8 bits and to the eye
CLEAR = 0.85  # from this transfer nothing is missing
GRADABLE = 0.8  # truth of a frame from which a grader would accept it

Map = NDArray[np.float32]


def true_map(transfer: Map, crop: Crop, grid: int) -> Map:
    """The true degradation map of a frame: D = 1 - min(transfer / ``CLEAR``, 1), averaged over the cells.

    Args:
        transfer: float32 (H, W); where several degradations met, the product of theirs.
        crop: square in pixels of ``transfer``; what it covers beyond the frame counts as not visible.
        grid: side of the map in cells.

    Returns:
        float32 (grid, grid) in [0, 1].
    """
    height, width = transfer.shape
    left, top = max(crop.x, 0), max(crop.y, 0)
    right, bottom = min(crop.x + crop.side, width), min(crop.y + crop.side, height)
    square = np.ones((crop.side, crop.side), np.float32)
    if right > left and bottom > top:
        seen = 1 - np.minimum(transfer[top:bottom, left:right] / np.float32(CLEAR), 1)
        square[top - crop.y : bottom - crop.y, left - crop.x : right - crop.x] = seen
    return resize(square, (grid, grid))


def truth(degradation: Map, field: NDArray[np.bool_]) -> float:
    """True quality of a frame: 1 - mean of the true map over the field; from ``GRADABLE`` it can be graded."""
    return float(1 - degradation[field].mean()) if field.any() else 0.0


def blur_transfer(sigma: float) -> float:
    """Contrast left of a Gaussian line after a Gaussian blur; ``sigma`` is a share of the field's diameter."""
    return float(VESSEL / np.sqrt(VESSEL**2 + sigma**2))


def motion_transfer(length: float) -> float:
    """Contrast left after a straight smear, mean over vessels of all directions; ``length`` as in ``blur_transfer``."""
    across = length / np.sqrt(12) * np.abs(np.sin((np.arange(32) + 0.5) * np.pi / 32))
    return float((VESSEL / np.sqrt(VESSEL**2 + across**2)).mean())


def light_transfer(level: Map, noise: float = 0.0) -> Map:
    """Contrast left against noise and the steps of 8 bits: signal power over signal and noise power.

    Args:
        level: brightness in green, grey values.
        noise: standard deviation at the scale of a vessel, grey values.
    """
    signal = np.square(np.float32(CONTRAST) * level)
    return np.asarray(signal / (signal + np.float32(VISIBLE**2 + noise**2)), np.float32)


def clipping_transfer(level: Map) -> Map:
    """Contrast left where brightness, before the sensor clips it at 255, is ``level``."""
    dark = np.float32(1 - CONTRAST) * level
    return np.asarray((np.minimum(level, 255) - np.minimum(dark, 255)) / np.maximum(level - dark, 1e-3), np.float32)


def shadow_cover(x: Map, y: Map, severity: float, angle: float) -> Map:
    """Share of light that the rim of the pupil takes when the camera is off its middle: a crescent from one side."""
    shift = 0.05 + 1.35 * severity
    far = np.sqrt((x + np.float32(shift * np.cos(angle))) ** 2 + (y + np.float32(shift * np.sin(angle))) ** 2)
    return np.float32(0.97 * min(1.0, 3 * severity)) * smooth_step((far - 1.0) / np.float32(0.35))


def reflex_cover(x: Map, y: Map, severity: float, place: tuple[float, float], ring: float) -> Map:
    """Share of the picture under a reflex of the cornea or lens: a bright ring (radius 0: a blob) in its haze."""
    far = np.sqrt((x - np.float32(place[0])) ** 2 + (y - np.float32(place[1])) ** 2)
    wide = 0.25 * ring + 0.08 + 0.1 * severity
    bright = 2.2 * np.exp(-np.square((far - np.float32(ring)) / np.float32(wide)) / 2)
    veil = 1.1 * np.exp(-np.square(far / np.float32(0.3 + 0.55 * severity)) / 2)
    return np.asarray(1 - np.exp(np.float32(-1.3 * severity) * (bright + veil)), np.float32)


def smooth_step(rise: NDArray[np.floating]) -> Map:
    """0 below 0, 1 above 1, and a smooth step between."""
    inside = np.clip(rise, 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside), np.float32)
