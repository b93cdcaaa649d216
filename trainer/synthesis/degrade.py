"""Ways to spoil a good photograph under a mask, for paired frames whose truth is known because we made it.

Pictures are float32 BGR (S, S, 3) in [0, 255]; ``strength`` is in [0, 1]; lengths are shares of the side S.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.phantom.transfer import smooth_step
from trainer.synthesis import augment

Floats = NDArray[np.float32]


def spoil(picture: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """A degraded copy: one to three causes under random masks; sometimes untouched.

    Args:
        picture: uint8 BGR (S, S, 3).
        rng: random numbers.
    """
    spoiled = picture.astype(np.float32)
    if rng.random() > 0.12:
        for _ in range(int(rng.integers(1, 4))):
            cause = CAUSES[int(rng.integers(len(CAUSES)))]
            side = picture.shape[0]
            mask = (np.ones((side, side), np.float32) if cause is _spot else random_mask(side, rng))[:, :, None]
            spoiled = spoiled * (1 - mask) + cause(spoiled, rng, float(rng.uniform(0.1, 1.0))) * mask
    return np.asarray(np.clip(spoiled, 0, 255), np.uint8)


def store(picture: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """What archives do: other colours, equalisation, JPEG, each sometimes."""
    if rng.random() < 0.5:
        picture = augment.recolour(picture, rng)
    if rng.random() < 0.55:
        picture = augment.equalise(picture)
    return augment.compress(picture, rng) if rng.random() < 0.6 else picture


def random_mask(side: int, rng: Generator) -> Floats:
    """Where a cause acts, float32 (S, S) in [0, 1]: everywhere, a smooth field, a crescent, a ring, a disc, blobs."""
    shape = int(rng.integers(6))
    if shape == 0:
        return np.ones((side, side), np.float32)
    if shape in (1, 5):
        cells = int(rng.integers(2, 5)) if shape == 1 else int(rng.integers(5, 10))
        coarse = rng.standard_normal((cells, cells)).astype(np.float32)
        noise = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        return _smooth_step(noise - rng.uniform(-0.5, 0.7), 0.25)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    angle, soft = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.08)
    if shape == 2:
        reach = rng.uniform(0.1, 0.75)
        far = np.hypot(x + reach * np.cos(angle), y + reach * np.sin(angle))
        return _smooth_step(far - rng.uniform(0.35, 0.55), soft)
    if shape == 3:
        return _smooth_step(np.hypot(x, y) - rng.uniform(0.2, 0.45), soft)
    away = rng.uniform(0, 0.4)
    return _smooth_step(rng.uniform(0.08, 0.35) - np.hypot(x - away * np.cos(angle), y - away * np.sin(angle)), soft)


def _smooth_step(signed: NDArray[np.floating], soft: float) -> Floats:
    """0 below -soft, 1 above soft, smooth between."""
    return smooth_step(signed / (2 * soft) + 0.5)


def _blur(picture: Floats, rng: Generator, strength: float) -> Floats:
    sigma = 0.3 + strength**1.5 * 0.045 * picture.shape[0]
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.float32)


def _motion(picture: Floats, rng: Generator, strength: float) -> Floats:
    length = max(3, round(strength * 0.12 * picture.shape[0])) | 1
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D((length // 2, length // 2), rng.uniform(0, 180), 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length)).astype(np.float32)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), dtype=np.float32)


def _low_contrast(picture: Floats, rng: Generator, strength: float) -> Floats:
    """Structure fades into the local mean, and the sensor's noise stays."""
    side = picture.shape[0]
    mean = cv2.GaussianBlur(picture, (0, 0), side * 0.06)
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(2 * strength)
    return np.asarray((mean + (picture - mean) * (1 - 0.95 * strength) + noise), dtype=np.float32)


def _haze(picture: Floats, rng: Generator, strength: float) -> Floats:
    veil = rng.uniform(60, 230, 3).astype(np.float32)
    share = np.float32(0.9 * strength)
    return np.asarray((_blur(picture, rng, 0.3 * strength) * (1 - share) + veil * share), dtype=np.float32)


def _dark(picture: Floats, rng: Generator, strength: float) -> Floats:
    """Too little light: the gain falls, the noise and the eight bits stay."""
    gain = (1 - strength) ** 1.5 * 0.9 + 0.04
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(rng.uniform(0.5, 3))
    return np.asarray(np.rint(np.clip(picture * gain + noise, 0, 255)), dtype=np.float32)


def _spot(picture: Floats, rng: Generator, strength: float) -> Floats:
    """The wide soft shadow near the middle of a small pupil or of a camera held wrongly: it has a shape of its own."""
    side = picture.shape[0]
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5
    angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.2)
    far = np.hypot(x - away * np.cos(angle), (y - away * np.sin(angle)) * rng.uniform(0.75, 1.33))
    radius = rng.uniform(0.12, 0.36)
    shadow = _smooth_step(radius - far, radius * rng.uniform(0.25, 1.0))[:, :, None]
    return picture * (1 - shadow) + _dark(picture, rng, strength) * shadow


def _bright(picture: Floats, rng: Generator, strength: float) -> Floats:
    return np.asarray(np.clip(picture * (1 + 4 * strength) + 120 * strength, 0, 255), dtype=np.float32)


def _reflex(picture: Floats, rng: Generator, strength: float) -> Floats:
    """A bright veil of lens or cornea, coloured a little."""
    light = np.float32(rng.uniform(180, 320)) * rng.uniform(0.8, 1.1, 3).astype(np.float32)
    share = np.float32(0.3 + 0.7 * strength)
    return np.asarray(np.clip(picture * (1 - share) + light * share, 0, 255), dtype=np.float32)


def _specks(picture: Floats, rng: Generator, strength: float) -> Floats:
    """Dust and drops: many small soft discs, bright or dark."""
    side = picture.shape[0]
    cover = np.zeros((side, side), np.float32)
    for _ in range(int(5 + 60 * strength)):
        middle, radius = rng.integers(0, side, 2).tolist(), int(rng.integers(1, max(2, side // 40)))
        cv2.circle(cover, middle, radius, 1.0, -1)
    share = cv2.GaussianBlur(cover, (0, 0), 1.2)[:, :, None]
    return np.asarray((picture * (1 - share) + np.float32(rng.choice([20.0, 240.0])) * share), dtype=np.float32)


def _noise(picture: Floats, rng: Generator, strength: float) -> Floats:
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(5 + 50 * strength)
    grain = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 1.2))
    return np.asarray(np.clip(picture + grain, 0, 255), dtype=np.float32)


# What a student sees least of, it is shown most often: a veil, a moving hand, a reflex, too little light.
CAUSES: tuple[Callable[[Floats, Generator, float], Floats], ...] = (
    _blur, _blur, _motion, _motion, _low_contrast, _low_contrast, _haze, _haze, _haze, _dark, _dark, _dark,
    _spot, _spot, _spot, _bright, _reflex, _reflex, _specks, _noise,
)  # fmt: skip
