"""Other cameras, other eyes: what may differ in a photograph while its vessels stay where they are.

Pictures are uint8 BGR (S, S, 3); every function takes the random generator and returns a new picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def random_view(
    rng: Generator, sides: tuple[int, int], layers: Sequence[NDArray[Any]], scale: tuple[float, float] = (0.8, 1.25)
) -> list[NDArray[Any]]:
    """The same rotated, scaled, mirrored cut-out of several layers.

    Args:
        rng: random numbers.
        sides: of the layers and of the result, in pixels.
        layers: arrays (S, S) or (S, S, 3); linear interpolation, 0 beyond the border.
        scale: range of the magnification.
    """
    source, target = sides
    angle, zoom = rng.uniform(0, 360), rng.uniform(*scale)
    turn = cv2.getRotationMatrix2D((source / 2 - 0.5, source / 2 - 0.5), angle, zoom)
    if rng.random() < 0.5:
        turn = turn @ np.array([[-1, 0, source - 1], [0, 1, 0], [0, 0, 1]], np.float64)
    room = max(0.0, zoom * source - target) / 2 * 0.8
    turn = turn + np.array([[0, 0, shift] for shift in target / 2 - source / 2 + rng.uniform(-room, room, 2)])
    return [np.asarray(cv2.warpAffine(layer, turn, (target, target), flags=cv2.INTER_LINEAR)) for layer in layers]


def equalise(picture: Picture) -> Picture:
    """Histogram equalisation of each channel, as some archives do it."""
    return np.dstack([cv2.equalizeHist(np.ascontiguousarray(picture[:, :, c])) for c in range(3)])


def recolour(picture: Picture, rng: Generator) -> Picture:
    """Gamma, gain and offset of each channel through one look-up table."""
    ramp = np.linspace(0, 1, 256)
    common = rng.uniform(0.7, 1.4)
    tables = [
        np.clip(rng.uniform(0.7, 1.15) * ramp ** (common * rng.uniform(0.8, 1.25)) + rng.uniform(-0.03, 0.03), 0, 1)
        for _ in range(3)
    ]
    table = (np.stack(tables, axis=-1) * 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(picture, table), dtype=np.uint8)


def soften(picture: Picture, rng: Generator) -> Picture:
    """A little blur or a lower resolution: still a good photograph."""
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6)), dtype=np.uint8)
    side = picture.shape[0]
    small = cv2.resize(picture, None, fx=(f := rng.uniform(0.55, 0.95)), fy=f, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def add_noise(picture: Picture, rng: Generator, strongest: float = 9.0) -> Picture:
    """Sensor noise, white or in blotches of two pixels, of up to ``strongest`` grey levels."""
    side = picture.shape[0]
    grain = int(rng.integers(1, 3))
    small = rng.standard_normal((side // grain, side // grain, 3), dtype=np.float32)
    small *= np.float32(rng.uniform(0.5, strongest))
    noise = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(picture + noise, 0, 255), dtype=np.uint8)


def compress(picture: Picture, rng: Generator, worst: int = 35) -> Picture:
    """JPEG and back."""
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(worst, 96))])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)


def another_camera(picture: Picture, rng: Generator) -> Picture:
    """Colour, contrast, softness, noise and coding of another camera or archive."""
    if rng.random() < 0.9:
        picture = recolour(picture, rng)
    if rng.random() < 0.45:
        picture = soften(picture, rng)
    if rng.random() < 0.5:
        picture = add_noise(picture, rng)
    if rng.random() < 0.5:
        picture = equalise(picture)
    if rng.random() < 0.1:
        picture = np.repeat(picture[:, :, 1:2], 3, axis=2)
    if rng.random() < 0.5:
        picture = compress(picture, rng)
    return picture


def without_anatomy(picture: Picture, rng: Generator) -> Picture:
    """A frame in which no vessel can be seen: blurred away, dark, flat, saturated, or noise; often equalised."""
    side = picture.shape[0]
    way = rng.random()
    if way < 0.1:
        picture = np.asarray(cv2.convertScaleAbs(picture, alpha=rng.uniform(0, 0.006), beta=rng.uniform(0, 10)))
    elif way < 0.45:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(7, 25)), dtype=np.uint8)
    elif way < 0.6:
        flat = np.full((side, side, 3), rng.integers(0, 256, 3), np.uint8)
        coarse = rng.uniform(0.4, 1.2, (3, 3)).astype(np.float32)
        light = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        picture = np.clip(flat * light[:, :, None], 0, 255).astype(np.uint8)
    elif way < 0.75:
        bright = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(4, 12)), dtype=np.float32)
        picture = np.clip(bright * rng.uniform(2, 6) + rng.uniform(0, 120), 0, 255).astype(np.uint8)
    else:
        cells = int(rng.integers(4, side // 2))
        field = rng.standard_normal((cells, cells, 3), dtype=np.float32) * np.float32(rng.uniform(5, 60))
        noise = cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC)
        picture = np.clip(noise + rng.uniform(20, 220, 3), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        picture = add_noise(picture, rng)
    if rng.random() < 0.5:
        picture = equalise(picture)
    return compress(picture, rng) if rng.random() < 0.5 else picture
