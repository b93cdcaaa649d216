"""Where in a field a cause may be: float32 (S, S) in [0, 1], places in field radii."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def axes(side: int) -> tuple[Floats, Floats]:
    """X to the right and y down of each pixel, in field radii."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1
    x, y = np.meshgrid(axis, axis)
    return x, y


def glow(side: int, strength: float, rng: Generator) -> Floats:
    """One bright shape: a spot, an arc along the rim, or a streak."""
    x, y = axes(side)
    turn, away, way = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.9), rng.integers(3)
    size = 0.08 + 0.55 * strength * rng.uniform(0.5, 1)
    if way == 0:
        return np.asarray(
            np.exp(-(np.hypot(x - away * np.cos(turn), y - away * np.sin(turn)) ** 2) / size**2), np.float32
        )
    if way == 1:
        ring = np.exp(-(((np.hypot(x, y) - rng.uniform(0.5, 1.0)) / (0.6 * size)) ** 2))
        return np.asarray(
            ring * np.clip((np.cos(np.arctan2(y, x) - turn) - 0.8 + 1.5 * strength) * 3, 0, 1), np.float32
        )
    across = (x - away * np.cos(turn)) * np.sin(turn) - (y - away * np.sin(turn)) * np.cos(turn)
    return np.asarray(np.exp(-((across / (0.5 * size)) ** 2)), np.float32)


def lashes(side: int, depth: NDArray[np.floating], edge: float, rng: Generator) -> Floats:
    """Dark hairs that hang from the edge of a lid into the picture."""
    hairs = np.zeros((side, side), np.float32)
    above = depth[0, side // 2] < depth[-1, side // 2]
    for root in rng.uniform(-0.1, 1.1, int(rng.integers(8, 30))) * side:
        start = edge * side / 2 - 0.1 * side
        reach = start + rng.uniform(0.08, 0.3) * side
        rows = (start, reach) if above else (side - start, side - reach)
        ends = (int(root), int(rows[0])), (int(root + rng.normal(0, 0.06) * side), int(rows[1]))
        cv2.line(hairs, *ends, 1.0, max(1, round(rng.uniform(0.003, 0.015) * side)), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(hairs, (0, 0), float(rng.uniform(0.002, 0.02)) * side), np.float32)


def cloud(side: int, rng: Generator) -> Floats:
    """Patches of a veil."""
    cells = int(rng.integers(2, 5))
    noise = cv2.resize(
        rng.standard_normal((cells, cells)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(np.clip(noise * 0.8 + 0.6, 0, 1), np.float32)


def towards_rim(side: int, rng: Generator) -> Floats:
    """All of the field, and most of its rim."""
    x, y = axes(side)
    return np.asarray(np.clip(rng.uniform(0.2, 0.8) + rng.uniform(0.3, 0.8) * np.hypot(x, y) ** 2, 0, 1), np.float32)


def one_side(side: int, rng: Generator) -> Floats:
    """One side of the field, softly."""
    x, y = axes(side)
    turn, from_middle = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
    return np.asarray(np.clip((x * np.cos(turn) + y * np.sin(turn) - from_middle) + 0.5, 0, 1), np.float32)
