"""What took a frame, and each part of it: a small network over light, colour, contrast and the degradation map.

Some 37,000 weights, which ``trainer.steps.causes`` made from photographs and synthetic eyes that it degraded itself:
what took each part is known, because it was taken away on purpose. No label was read.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import LANDMARKS, Region
from edge.findings.cause import CAUSES
from edge.findings.convolution import convolve, product
from edge.findings.photometry import Cells, Photometry

CHANNELS = 15
INSIDE = 12  # the channel that says where the field is
CLASSES = 8  # the seven of ``CAUSES``, and what none of them took: a lesion, a vessel-free part
LEAST = 0.01  # share of the field, added to each: a cause that the cells do not show can still be the main one
BLUR = CAUSES.index("blur")
# How many times likelier blur counts than the network says, when the main cause of a frame is chosen: taught on other
# blur than what comes, it calls it haze, seldom the reverse.
BLUR_IN_CELLS, BLUR_IN_FRAME = 3.5, 8.5
_WEIGHTS = Path(__file__).with_name("causes.npz")

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class CauseChances:
    """What took a frame, by the network.

    Attributes:
        cells: how much of each cell each cause took, and what none of them did, float32 (8, grid, grid); 1 in sum.
        main: how likely each cause took most of the frame, float32 (7,); 1 in sum; of ``weighed``.
        present: how likely each took a part worth naming, float32 (7,) in [0, 1].
    """

    cells: Cells
    main: NDArray[np.float32]
    present: NDArray[np.float32]


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
            *_from_middle(grid),
        ]
    )
    return np.asarray(facts * inside, np.float32)


@functools.cache
def _from_middle(grid: int) -> tuple[Cells, Cells]:
    """How far each cell is from the middle of the crop, up or down and in all, in field radii."""
    axis = (np.arange(grid, dtype=np.float32) + 0.5) * (2 / grid) - 1
    x, y = np.meshgrid(axis, axis)
    return np.abs(y), np.hypot(x, y)


def tell_causes(facts: NDArray[np.float32], network: Weights | None = None) -> CauseChances:
    """What took a frame.

    Args:
        facts: of ``facts_of``.
        network: weights by name; None for those that ship.
    """
    weights = _network() if network is None else network
    near = convolve(facts, weights["w1"], weights["b1"])
    far = convolve(near, weights["w2"], weights["b2"])
    field = facts[INSIDE]
    means = facts.sum(axis=(1, 2)) / max(float(field.sum()), 1.0)
    whole = _linear(np.concatenate([far.mean(axis=(1, 2)), far.max(axis=(1, 2)), means]), weights, "3")
    whole = np.maximum(whole, 0)
    side = near.shape[1]
    # What is near, what is farther around, and the whole frame: each has its part of the weights.
    first, last = len(near), len(near) + len(far)
    from_near, from_far, from_whole = (weights["w4"][:, part] for part in np.s_[:first, first:last, last:])
    around = (product(from_far, far.reshape(len(far), -1))).reshape(-1, *far.shape[1:])
    around = around.repeat(2, axis=1).repeat(2, axis=2)[:, :side, :side].reshape(len(around), -1)
    mixed = product(from_near, near.reshape(len(near), -1)) + around + (from_whole @ whole + weights["b4"])[:, None]
    cells = _softmax(product(weights["w5"], np.maximum(mixed, 0)) + weights["b5"][:, None])
    inside = cv2.resize(field, (side, side), interpolation=cv2.INTER_AREA).reshape(-1)
    found = cells @ inside / max(float(inside.sum()), 1.0)
    of_frame = _linear(np.maximum(_linear(np.concatenate([whole, found]), weights, "6"), 0), weights, "7")
    main, present = of_frame[: CLASSES - 1], of_frame[CLASSES - 1 :]
    grid = facts.shape[1]
    return CauseChances(
        cells.reshape(-1, side, side).repeat(2, axis=1).repeat(2, axis=2)[:, :grid, :grid],
        weighed(_softmax(main), cells, inside),
        np.asarray(1 / (1 + np.exp(-np.clip(present, -50, 50))), np.float32),
    )


def weighed(main: NDArray[np.float32], cells: NDArray[np.float32], inside: NDArray[np.float32]) -> NDArray[np.float32]:
    """How likely each cause took most of a frame, by the whole of it and by how much the cells put down to each.

    Of two causes the whole alone would name the more striking one, not the larger.

    Args:
        main: by the whole frame, float32 (7,); 1 in sum.
        cells: how much of each cell each class took, float32 (8, N).
        inside: how much of each cell is field, float32 (N,).
    """
    times = np.ones((2, len(main)), np.float32)
    times[:, BLUR] = BLUR_IN_CELLS, BLUR_IN_FRAME
    shares = cells[: len(main)] @ (inside / (1 + (times[0, BLUR] - 1) * cells[BLUR])) * times[0]
    likely = times[1] * main * (shares / max(float(inside.sum()), 1.0) + np.float32(LEAST)) ** 2
    return np.asarray(likely / likely.sum(), np.float32)


def _linear(seen: NDArray[np.float32], weights: Weights, layer: str) -> NDArray[np.float32]:
    return np.asarray(weights[f"w{layer}"] @ seen + weights[f"b{layer}"], np.float32)


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    scores = np.exp(scores - scores.max(axis=0))
    return np.asarray(scores / scores.sum(axis=0), np.float32)


@functools.cache
def _network() -> Weights:
    with np.load(_WEIGHTS, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@functools.cache
def flat_weights() -> NDArray[np.float32]:
    """Those that ship in one row, layer by layer, weights before biases, as the library takes them."""
    arrays = _network()
    return np.concatenate([arrays[f"{kind}{layer}"].reshape(-1) for layer in range(1, 8) for kind in "wb"])
