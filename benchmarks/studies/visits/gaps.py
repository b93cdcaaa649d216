"""What a camera sees between two eyes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainer.synthesis.outside import everted_lid, eyelid, open_eye, wall

WIDTH, HEIGHT = 480, 360
Picture = NDArray[np.uint8]


def black(rng: np.random.Generator) -> Picture:
    """No light, and a little noise."""
    return np.asarray(rng.integers(0, 4, (HEIGHT, WIDTH, 3)), np.uint8)


def lit_wall(rng: np.random.Generator) -> Picture:
    """Plaster in warm light from one side, which may pass for a retina behind haze."""
    light = np.linspace(0.7, 1.0, WIDTH)[None, :, None] * np.array([150, 175, 195])
    return np.asarray(light + rng.normal(0, 4, (HEIGHT, WIDTH, 3)), np.uint8)


def red_glow(_: np.random.Generator) -> Picture:
    """The camera's light through a closed lid."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    near = np.exp(-((x - WIDTH / 2) ** 2 + (y - HEIGHT / 2) ** 2) / (2 * 110**2))[:, :, None]
    return np.asarray(near * np.array([12, 20, 90]), np.uint8)


# A picture of any size, or of this one, by the name of what it shows.
GAPS: dict[str, Callable[[np.random.Generator], Picture]] = {
    "black": black,
    "face": open_eye,
    "wall": wall,
    "lid": eyelid,
    "everted": everted_lid,
    "lit_wall": lit_wall,
    "glow": red_glow,
}
