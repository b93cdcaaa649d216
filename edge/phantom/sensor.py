"""What a camera makes of the light that comes back: its aperture, a black frame, the noise of its sensor."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.field.find import Crop
from edge.phantom.transfer import Map

_SPREAD = 30  # standard deviation of the noise tile, grey values


class Sensor:
    """One camera.

    Args:
        rng: decides its noise.
        width, height: of a frame in pixels.
        crop: the square that its aperture touches.
        frames: how many it will take.
        aperture: bool (side, side) over the crop, True where light comes through.
    """

    def __init__(
        self, rng: Generator, width: int, height: int, crop: Crop, frames: int, aperture: NDArray[np.bool_]
    ) -> None:
        self._width, self._height, self._crop = width, height, crop
        self._mask = np.repeat(aperture[:, :, None].astype(np.uint8) * np.uint8(255), 3, axis=2)
        tile = rng.standard_normal((height + 64, width + 64, 3)) * _SPREAD + 128
        self._noise = np.rint(tile.clip(0, 255)).astype(np.uint8)
        self._noise_at = rng.integers(0, 64, (frames, 2))

    def frame(self, view: NDArray[np.uint8], noise: float, index: int) -> NDArray[np.uint8]:
        """Frame number ``index``, uint8 BGR (H, W, 3), of what lies in the crop; ``noise`` is in grey values."""
        frame = np.zeros((self._height, self._width, 3), np.uint8)
        crop = self._crop
        paste(cv2.bitwise_and(view, self._mask), frame, crop.x, crop.y)
        x, y = (int(v) for v in self._noise_at[index])
        tile = self._noise[y : y + self._height, x : x + self._width]
        share = noise / _SPREAD
        return np.asarray(cv2.addWeighted(frame, 1.0, tile, share, -128 * share, dst=frame), np.uint8)


def lit(view: NDArray[np.uint8], light: Map, reflex: Map, gain: float) -> NDArray[np.uint8]:
    """Light on the retina and light thrown back before it."""
    size = (view.shape[1], view.shape[0])
    through = np.rint((light * (1 - reflex) * 240).clip(0, 255)).astype(np.uint8)
    full = cv2.cvtColor(cv2.resize(through, size, interpolation=cv2.INTER_LINEAR), cv2.COLOR_GRAY2BGR)
    seen = cv2.multiply(view, full, dst=full, scale=gain / 240)
    if reflex.max() > 0.002:
        glare = np.rint(reflex[:, :, None] * np.array([225, 232, 242], np.float32)).astype(np.uint8)
        seen = cv2.add(seen, cv2.resize(glare, size, interpolation=cv2.INTER_LINEAR))
    return np.asarray(seen, np.uint8)


def paste(part: NDArray[Any], frame: NDArray[Any], left: int, top: int) -> None:
    """Put a part into a frame, without what lies beyond that."""
    rows, columns = (
        slice(max(start, 0), min(start + length, end))
        for start, length, end in zip((top, left), part.shape, frame.shape, strict=False)
    )
    frame[rows, columns] = part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def round_aperture(side: int) -> NDArray[np.bool_]:
    """The circle that touches the sides of a square, bool (side, side)."""
    offset = np.arange(side) - (side - 1) / 2
    return np.asarray(offset[None, :] ** 2 + offset[:, None] ** 2 < (side / 2) ** 2)
