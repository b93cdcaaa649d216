"""What a spoiled frame lost: the map of it, from the clean view, the spoiled view and the vessels found in both.

What should be there is known, because we took it away: a vessel that the segmenter saw in the clean photograph and no
longer sees in the spoiled one is lost. Where no vessel is expected, the correlation of fine structure decides, so that
the fovea and lesions of a good photograph stay dark on the map.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.phantom.transfer import CLEAR, light_transfer

_REACH = 14 / 320  # width of the neighbourhood over which loss is judged, share of the side
_TELLING = 0.04  # local mean of squared vessel probability from which vessels alone decide


def visible_vessels(clean: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vessels of the clean photograph that are still found; those that a spoiled frame invents earn nothing."""
    kept = np.clip(found / np.maximum(clean, 0.25), 0, 1)
    return np.asarray(clean * kept, dtype=np.float32)


def degradation(
    original: NDArray[np.uint8],
    spoiled: NDArray[np.uint8],
    clean: NDArray[np.float32],
    found: NDArray[np.float32],
    field: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Degradation map of a spoiled frame at full size, float32 (S, S) in [0, 1].

    Args:
        original: uint8 BGR (S, S, 3).
        spoiled: the same view, degraded, before an archive changed its colours.
        clean: vessel probability of the original (S, S).
        found: vessel probability of the degraded view, as it was stored.
        field: (S, S) in [0, 1].
    """
    sigma = _REACH * clean.shape[0]

    def around(layer: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur((layer * field).astype(np.float32), (0, 0), sigma), dtype=np.float32)

    inside = np.maximum(around(np.ones_like(field)), 0.05)
    expected = around(clean**2)
    kept = around(clean * visible_vessels(clean, found)) / np.maximum(expected, 1e-4)
    by_vessels = 1 - np.clip(kept / 0.85, 0, 1)
    correlation, contrast = _structure(original, spoiled, around)
    by_structure = 1 - np.clip(correlation / 0.7, 0, 1)
    telling = np.clip(expected / inside / _TELLING, 0, 1)
    lost = telling * by_vessels + (1 - telling) * by_structure
    # A veil leaves vessels where a network still finds them and a person hardly sees them.
    return np.asarray(np.maximum(lost, 1 - np.clip(contrast / CLEAR, 0, 1)), dtype=np.float32)


def _structure(
    original: NDArray[np.uint8],
    spoiled: NDArray[np.uint8],
    around: Callable[[NDArray[np.floating]], NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Local correlation of the fine structure of both, and the share of its contrast that is left.

    Structure below one grey level counts as none: there, the correlation is 0 and the contrast whole.
    """
    a, b = (_band(p) for p in (original, spoiled))
    correlation = around(a * b) / np.sqrt((around(a * a) + 0.5) * (around(b * b) + 0.5))
    light_a, light_b = _light(original), _light(spoiled)
    a, b = a / light_a, b / light_b  # contrast as the eye has it; less light takes what drowns in 8 bits and noise
    floor = np.float32(0.5 / 100**2)
    contrast = (around(a * b) + floor) / (around(a * a) + floor)
    contrast = contrast * np.minimum(light_transfer(light_b) / light_transfer(light_a), 1)
    return np.asarray(correlation, np.float32), np.asarray(contrast, np.float32)


def _light(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Local brightness in green, grey values, 4 or more."""
    return np.asarray(cv2.GaussianBlur(picture[:, :, 1].astype(np.float32), (0, 0), 12.0) + 4, dtype=np.float32)


def _band(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Structure of the width of vessels: difference of two Gaussians of the green channel."""
    green = picture[:, :, 1].astype(np.float32)
    return np.asarray(cv2.GaussianBlur(green, (0, 0), 1.5) - cv2.GaussianBlur(green, (0, 0), 6.0), dtype=np.float32)
