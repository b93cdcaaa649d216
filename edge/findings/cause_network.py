"""Which cause took each part of a frame: a small network over light, colour, contrast and the degradation map.

Some 14,000 weights, which ``trainer.steps.causes`` made from photographs and synthetic eyes that it degraded itself:
what took each part is known, because it was taken away on purpose. No label was read.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import LANDMARKS, Region
from edge.findings.photometry import Cells, Photometry

CHANNELS = 15
INSIDE = 12  # the channel that says where the field is
CLASSES = 8  # the seven of ``CAUSES``, and what none of them took: a lesion, a vessel-free part
_WEIGHTS = Path(__file__).with_name("causes.npz")

Weights = Mapping[str, NDArray[np.float32]]


def facts_of(
    degradation: Cells, regions: Mapping[Region, Cells], field: NDArray[np.bool_], light: Photometry
) -> NDArray[np.float32]:
    """What the network reads, float32 (15, grid, grid); 0 outside the field.

    Args:
        degradation: map of the frame, float32 (grid, grid).
        regions: of the same; a landmark without a map counts as nowhere.
        field: bool (grid, grid).
        light: of the same crop.
    """
    grid = len(field)
    inside = field.astype(np.float32)
    blue, green, red = light.blue, light.green, light.red
    around = np.maximum(cv2.GaussianBlur(inside, (0, 0), 3.0), 0.05)
    wide = np.maximum(cv2.GaussianBlur(green * inside, (0, 0), 3.0) / around, 4)
    coarse = np.abs(green - wide) / wide
    axis = (np.arange(grid, dtype=np.float32) + 0.5) * (2 / grid) - 1
    x, y = np.meshgrid(axis, axis)
    nowhere = np.zeros_like(degradation)
    facts = np.stack(
        [
            red / 255,
            green / 255,
            blue / 255,
            np.log((red + 6) / (green + 6)),
            np.log((green + 6) / (blue + 6)),
            light.clipped,
            np.log(light.detail + 0.003) / 2 + 2,
            np.log(light.grain + 0.003) / 2 + 2,
            np.log(coarse + 0.003) / 2 + 1.5,
            degradation,
            *(regions.get(name, nowhere) for name in LANDMARKS),
            inside,
            np.abs(y),
            np.hypot(x, y),
        ]
    )
    return np.asarray(facts * inside, np.float32)


def cause_chances(facts: NDArray[np.float32], network: Weights | None = None) -> NDArray[np.float32]:
    """How likely each cause took each cell, float32 (8, grid, grid), with a sum of 1 in every cell.

    Args:
        facts: of ``facts_of``.
        network: weights by name; None for those that ship.
    """
    weights = _network() if network is None else network
    near = _convolved(facts, weights["w1"], weights["b1"])
    far = _convolved(near, weights["w2"], weights["b2"])
    whole = np.concatenate([far.mean(axis=(1, 2)), facts.sum(axis=(1, 2)) / max(float(facts[INSIDE].sum()), 1.0)])
    whole = np.maximum(weights["w3"] @ whole + weights["b3"], 0)
    side = near.shape[1]
    # What is near, what is farther around, and the whole frame: each has its part of the weights.
    ends = np.cumsum([len(near), len(far)])
    from_near, from_far, from_whole = np.split(weights["w4"], ends, axis=1)
    around = (from_far @ far.reshape(len(far), -1)).reshape(-1, *far.shape[1:])
    around = around.repeat(2, axis=1).repeat(2, axis=2)[:, :side, :side].reshape(len(around), -1)
    mixed = from_near @ near.reshape(len(near), -1) + around + (from_whole @ whole + weights["b4"])[:, None]
    scores = weights["w5"] @ np.maximum(mixed, 0) + weights["b5"][:, None]
    scores = np.exp(scores - scores.max(axis=0))
    chances = (scores / scores.sum(axis=0)).reshape(-1, side, side)
    factor = facts.shape[1] // side
    return np.asarray(chances.repeat(factor, axis=1).repeat(factor, axis=2), np.float32)


def _convolved(seen: NDArray[np.float32], weights: NDArray[np.float32], biases: NDArray[np.float32]) -> Cells:
    """A 3 x 3 convolution of stride 2 with padding 1, and ReLU."""
    channels, size = seen.shape[:2]
    padded = np.zeros((channels, size + 2, size + 2), np.float32)
    padded[:, 1:-1, 1:-1] = seen
    side = (size + 1) // 2
    windows = np.empty((channels, 9, side, side), np.float32)
    for place in range(9):
        down, across = divmod(place, 3)
        windows[:, place] = padded[:, down : down + 2 * side - 1 : 2, across : across + 2 * side - 1 : 2]
    summed = weights.reshape(len(weights), -1) @ windows.reshape(channels * 9, -1) + biases[:, None]
    return np.asarray(np.maximum(summed, 0), np.float32).reshape(-1, side, side)


@functools.cache
def _network() -> Weights:
    with np.load(_WEIGHTS, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
