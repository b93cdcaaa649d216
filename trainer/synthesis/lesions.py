"""Painted lesions: disease is no fault of a photograph, so it has to be seen on frames that are not degraded."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

# What is left of the colour (B, G, R) below a haemorrhage, and the colour that an exudate tends to.
_BLOOD = np.array([0.55, 0.4, 0.6], np.float32)
_EXUDATE = np.array([110, 215, 245], np.float32)


def add_lesions(picture: NDArray[np.uint8], rng: Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Haemorrhages, exudates or soft exudates in one to four groups.

    Args:
        picture: uint8 BGR (S, S, 3).
        rng: random numbers.

    Returns:
        The picture with lesions, and how much of each pixel they cover, float32 (S, S) in [0, 1].
    """
    side = picture.shape[0]
    painted, cover = picture.astype(np.float32), np.zeros((side, side), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        layer = _group(side, rng)
        share = (layer * rng.uniform(0.5, 1.0))[:, :, None]
        if rng.random() < 0.5:
            painted *= 1 - share * (1 - _BLOOD * np.float32(rng.uniform(0.7, 1.2)))
        else:
            light = _EXUDATE * np.float32(np.clip(painted[:, :, 2].mean() / 150, 0.3, 1.1))
            painted += share * (light - painted)
        cover = np.maximum(cover, share[:, :, 0])
    return np.clip(painted, 0, 255).astype(np.uint8), cover


def _group(side: int, rng: Generator) -> NDArray[np.float32]:
    """Spots around one place, ragged or soft: many small ones, or a few large ones."""
    spots = np.zeros((side, side), np.float32)
    large = rng.random() < 0.35
    reach, middle = rng.uniform(0.03, 0.25), rng.uniform(0.15, 0.85, 2)
    for _ in range(int(rng.integers(1, 4)) if large else int(rng.integers(4, 40))):
        x, y = np.clip(middle + rng.normal(0, reach, 2), 0, 1) * side
        size = side * (rng.uniform(0.02, 0.09) if large else rng.uniform(0.003, 0.014))
        axes = (max(1.0, size * rng.uniform(0.5, 1.0)), max(1.0, size))
        cv2.ellipse(spots, ((x, y), (2 * axes[0], 2 * axes[1]), rng.uniform(0, 180)), 1.0, -1, cv2.LINE_AA)
    if large:  # ragged
        noise = cv2.resize(rng.standard_normal((side // 8, side // 8)).astype(np.float32), (side, side))
        spots *= np.clip(noise + 1, 0, 1)
    return np.asarray(cv2.GaussianBlur(spots, (0, 0), rng.uniform(0.5, 3.0 if large else 1.2)), np.float32)
