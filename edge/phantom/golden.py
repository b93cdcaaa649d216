"""Frames that can be made anywhere from a seed, clean and spoiled: what a bundle is checked on."""

from __future__ import annotations

import functools

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from edge.phantom.degradation import KINDS, degrade
from edge.phantom.retina import phantom_frame


def golden_frame(seed: int) -> NDArray[np.uint8]:
    """A synthetic eye, uint8 BGR, 800 pixels wide: clean for an even seed, spoiled in one way for an odd one.

    The same seed gives the same frame everywhere, to within a grey level or so. Scores of clean eyes alone would not
    tell a network that works from one that calls everything good.
    """
    return _drawn(seed).copy()


@functools.lru_cache(maxsize=32)  # a bundle has few seeds, and a calibration asks for each of them several times
def _drawn(seed: int) -> NDArray[np.uint8]:
    frame = phantom_frame(seed)
    if seed % 2:
        kind = KINDS[seed // 2 % len(KINDS)]
        frame, _ = degrade(frame, kind, 0.3 + 0.6 * default_rng(seed).random(), rng=default_rng(seed))
    return frame
