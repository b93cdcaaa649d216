"""Whether a frame that is not good shows a retina at all, or an eyelid, an iris, a face, text, a wall.

Asked of every frame that is not good: it decides between ``reject`` and ``no_fundus``, and refuses lashes or folds of
skin that pass for vessels. Of 500 usable photographs it takes none for something else (the least is 0.98 a retina). A
retina behind haze, in the dark or out of focus is smooth and of one hue; the world outside has hard edges, white, and
shapes. Colour, edges and maps of the frame, cell by cell, go through a network of three small convolutions (23,000
weights, which ``trainer.steps.fundus`` made without any quality label).
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.findings.convolution import convolve

Cells = NDArray[np.float32]

CHANNELS = 10
_WEIGHTS = Path(__file__).with_name("fundus.npz")
_FEWEST = 40  # cells of a field below which no decision is made


def shows_retina(rgb: Cells, green: NDArray[np.float32], maps: Cells, field: NDArray[np.bool_]) -> bool:
    """Whether there is a retina in the frame, however degraded; True where no decision is possible.

    Args:
        rgb: mean of each channel over each cell, float32 (3, grid, grid), grey values.
        green: of the network's input, float32 (S, S), grey values.
        maps: of the network, float32 (K, grid, grid).
        field: bool (grid, grid).
    """
    facts = facts_of(rgb, green, maps, field)
    return facts is None or retina_chance(facts, _network()) >= float(_network()["least"])


def facts_of(rgb: Cells, green: NDArray[np.float32], maps: Cells, field: NDArray[np.bool_]) -> Cells | None:
    """What the small network reads, float32 (10, grid, grid); None where the model or the field gives too little.

    Brightness and hue of each cell, how steep its edges are, the three maps, and where the field is.
    """
    if maps.shape[0] < 3 or field.sum() < _FEWEST:
        return None
    red_green, green_blue = (np.log((rgb[i] + 6) / (rgb[i + 1] + 6)) for i in (0, 1))
    steep = np.log(_edges(green, field.shape[0]) + 0.005) / 2 + 1.5
    facts = np.stack([*(rgb / 255), red_green, green_blue, steep, *maps[:3]]) * field
    return np.concatenate([facts, field[None]]).astype(np.float32)


def retina_chance(facts: Cells, network: dict[str, NDArray[np.float32]]) -> float:
    """How much the facts look like a retina's, in [0, 1].

    Args:
        facts: of ``facts_of``.
        network: weights by name; see ``trainer.steps.fundus``.
    """
    seen = facts
    for name in ("1", "2", "3"):
        seen = convolve(seen, network[f"w{name}"], network[f"b{name}"])
    logit = float(network["w4"][0] @ seen.mean(axis=(1, 2)) + network["b4"][0])
    return float(1 / (1 + np.exp(-logit)))


@functools.cache
def _network() -> dict[str, NDArray[np.float32]]:
    with np.load(_WEIGHTS, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _edges(green: NDArray[np.float32], grid: int) -> Cells:
    """How steep brightness is in each cell, as a share of it, a pixel of the network's input."""
    smooth = cv2.GaussianBlur(green, (0, 0), 1.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    steep = cv2.magnitude(across, down) / np.maximum(cv2.blur(green, (15, 15)), 8)
    return np.asarray(cv2.resize(steep, (grid, grid), interpolation=cv2.INTER_AREA), np.float32)
