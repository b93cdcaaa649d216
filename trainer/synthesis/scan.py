"""Ways to spoil an en-face OCT angiogram, with what each of them took: known, because we took it.

Scans are float32 (S, S), grey values; ``strength`` is in (0, 1]; covers are float32 (S, S) in [0, 1], where the
anatomy cannot be seen as it is. The beam scans rows, from top to bottom.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from trainer.synthesis.degrade import random_mask

Floats = NDArray[np.float32]
Kind = Literal["motion", "shadow", "defocus", "low_signal", "projection", "saccade"]
Spoil = Callable[[Floats, Generator, float], tuple[Floats, Floats]]


def lost_at(strength: float) -> float:
    """What a degradation of this strength takes of a pixel that it covers: it rises steeply, then slowly."""
    return float(strength**0.5)


def spoil_scan(scan: Floats, kind: Kind, strength: float, rng: Generator) -> tuple[Floats, Floats]:
    """One degradation, under a mask of its own.

    Returns:
        The scan, within [0, 255], and its cover.
    """
    spoiled, cover = SPOIL[kind](scan, rng, strength)
    return np.clip(spoiled, 0, 255).astype(np.float32), (cover * lost_at(strength)).astype(np.float32)


def _under_mask(scan: Floats, changed: Floats, rng: Generator) -> tuple[Floats, Floats]:
    mask = np.ones_like(scan) if rng.random() < 0.2 else random_mask(len(scan), rng)
    return np.asarray(scan * (1 - mask) + changed * mask, np.float32), mask


def speckle(side: int, rng: Generator, grain: float = 0.0) -> Floats:
    """Noise of a decorrelated signal: deviation 1, as fine as the scan's pixels or blurred by ``grain``."""
    noise = rng.standard_normal((side, side)).astype(np.float32)
    if grain > 0.2:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), grain), np.float32)
    return noise / np.float32(noise.std() + 1e-6)


def _bands(side: int, rng: Generator, number: int, heights: tuple[int, int]) -> Floats:
    """Bands of rows, 1 inside."""
    cover = np.zeros((side, side), np.float32)
    for _ in range(number):
        top = int(rng.integers(0, side - 1))
        cover[top : top + int(rng.integers(*heights))] = 1
    return cover


def _motion(scan: Floats, rng: Generator, strength: float) -> tuple[Floats, Floats]:
    """White or dark lines: the whole row is decorrelated, or was repeated."""
    side = len(scan)
    cover = _bands(side, rng, int(rng.integers(1, 3 + round(8 * strength))), (1, 3 + round(6 * strength)))
    level = rng.uniform(150, 245) if rng.random() < 0.75 else rng.uniform(0, 30)
    row = speckle(side, rng, 1.5) * rng.uniform(5, 30)
    line = level + row + rng.normal(0, 12, (side, 1))
    share = cover * np.float32(0.2 + 0.8 * strength)
    return np.asarray(scan * (1 - share) + line * share, np.float32), cover


def _shadow(scan: Floats, rng: Generator, strength: float) -> tuple[Floats, Floats]:
    """Vitreous opacities, the rim of the pupil: less light, while the noise stays."""
    dark = scan * (1 - 0.93 * strength) + speckle(len(scan), rng) * rng.uniform(1, 6)
    return _under_mask(scan, dark.astype(np.float32), rng)


def _defocus(scan: Floats, rng: Generator, strength: float) -> tuple[Floats, Floats]:
    blurred = cv2.GaussianBlur(scan, (0, 0), 0.5 + 4.5 * strength**1.3)
    noisy = blurred + speckle(len(scan), rng, rng.uniform(0, 1)) * rng.uniform(0, 8)
    return _under_mask(scan, np.asarray(noisy, np.float32), rng)


def _low_signal(scan: Floats, rng: Generator, strength: float) -> tuple[Floats, Floats]:
    """Vessels sink into the decorrelation noise, which is as bright as they are."""
    mean = cv2.GaussianBlur(scan, (0, 0), len(scan) * 0.05)
    kept = np.float32(1 - 0.95 * strength)
    noise = speckle(len(scan), rng, rng.uniform(0, 0.8)) * np.float32(rng.uniform(10, 45) * strength)
    level = mean * np.float32(1 - strength * rng.uniform(0, 0.6))
    return _under_mask(scan, np.asarray(level + (scan - mean) * kept + noise, np.float32), rng)


def _projection(scan: Floats, rng: Generator, strength: float) -> tuple[Floats, Floats]:
    """Vessels of another layer over those of this one: here of another part of the scan, coarser."""
    ghost = cv2.GaussianBlur(np.rot90(scan, int(rng.integers(1, 4))), (0, 0), rng.uniform(0.8, 2.2))
    ghost = np.roll(ghost[:, ::-1], tuple(rng.integers(0, len(scan), 2)), (0, 1))
    wide = cv2.GaussianBlur(ghost, (0, 0), 9.0)
    bright = np.clip((ghost - wide) * rng.uniform(2.5, 5.0) + rng.uniform(40, 90), 0, 255)
    share = np.float32(0.15 + 0.7 * strength)
    both = scan * (1 - share) + bright * share
    if rng.random() < 0.5:
        both = np.maximum(scan * (1 - share * 0.7), bright * share * 1.1)
    return _under_mask(scan, both.astype(np.float32), rng)


def _saccade(scan: Floats, rng: Generator, strength: float) -> tuple[Floats, Floats]:
    """The eye jumps while some rows are scanned: they are shifted, row by row and as a whole."""
    side = len(scan)
    cover = _bands(side, rng, int(rng.integers(1, 3 + round(3 * strength))), (6, 12 + round(30 * strength)))
    jump, spoiled = rng.choice([-1, 1]) * (3 + 25 * strength * rng.uniform(0.5, 1)), scan.copy()
    walk = np.cumsum(rng.normal(0, 0.5 + 2.5 * strength, side)) % (10 * strength + 2)
    for row in np.flatnonzero(cover[:, 0]):
        spoiled[row] = np.roll(scan[row], round(float(jump + walk[row])))
    return spoiled, cover


SPOIL: dict[Kind, Spoil] = {
    "motion": _motion, "shadow": _shadow, "defocus": _defocus, "low_signal": _low_signal, "projection": _projection,
    "saccade": _saccade,
}  # fmt: skip
