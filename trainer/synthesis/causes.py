"""One cause at a time, drawn widely: frames of which is known what took each part of them.

Pictures are float32 BGR (S, S, 3) in [0, 255], ``strength`` is in [0, 1], places are in field radii. Each cause has
several ways to happen, because no generator looks like every camera.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.findings.cause import CauseCode
from trainer.synthesis import covers

Floats = NDArray[np.float32]
Spoiled = tuple[Floats, Floats]  # the picture, and float32 (S, S) in [0, 1]: how much of each place the cause took

_GAMMA = 2.2


def spoil_by(picture: Floats, cause: CauseCode, strength: float, rng: Generator) -> Spoiled:
    """A picture spoiled by one cause; the picture is the square around a field."""
    return _CAUSES[cause](picture, strength, rng)


def widely(picture: Floats, sigma: float) -> Floats:
    """Averaged over a Gaussian of many pixels: computed at a quarter of the size."""
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / 4), picture.shape[1::-1]), np.float32)


def _light(picture: Floats) -> Floats:
    return np.asarray(np.power(np.clip(picture, 0, 255) / 255, _GAMMA), np.float32)


def _grey(light: Floats) -> Floats:
    return np.asarray(np.power(np.clip(light, 0, 1), 1 / _GAMMA) * 255, np.float32)


def _grain(picture: Floats, sigma: float, rng: Generator) -> Floats:
    side = len(picture)
    noise = rng.standard_normal(picture.shape).astype(np.float32)
    noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.3, 1.0)) * side / 448), np.float32)
    return np.asarray(picture + sigma * noise / max(float(noise.std()), 1e-3), np.float32)


def _shot_noise(picture: Floats, electrons: float, rng: Generator) -> Floats:
    """Noise of counted light, where white is so many electrons."""
    light = _light(picture)
    noise = rng.standard_normal(picture.shape).astype(np.float32) * np.sqrt((light + 0.001) / electrons)
    return _grey(np.asarray(light + noise, np.float32))


def _everywhere(picture: Floats) -> Floats:
    return np.ones(picture.shape[:2], np.float32)


def _dark(picture: Floats, strength: float, rng: Generator) -> Spoiled:
    dim = picture * float(np.exp(-strength * rng.uniform(1.2, 3.6)))
    lowest = float(rng.choice([0.0, 0.0, rng.uniform(0, 16)]))  # where black is in this video
    curve = rng.integers(3)
    if curve == 0:  # contrast set high: shadows sink first
        dim = 255 * np.power(np.clip(dim / 255, 0, 1), float(rng.uniform(1, 1.6)))
    elif curve == 1:  # black set too high
        dim = np.maximum(dim - float(rng.uniform(0, 12)) * strength, 0)
    dim = np.asarray(dim * rng.uniform(0.85, 1.15, 3), np.float32)
    if rng.random() < 0.6:
        dim = _shot_noise(dim, float(np.exp(rng.uniform(np.log(1e3), np.log(4e4)))), rng)
    if rng.random() < 0.6:
        dim = _grain(dim, float(rng.uniform(0.3, 4)) * strength, rng)
    if rng.random() < 0.3:  # noise removed by the camera
        dim = np.asarray(cv2.GaussianBlur(dim, (0, 0), float(rng.uniform(0.4, 1.2))), np.float32)
    return np.asarray(np.rint(dim + lowest), np.float32), _everywhere(picture)


def _bright(picture: Floats, strength: float, rng: Generator) -> Spoiled:
    end = float(rng.choice([255, 255, 235]))
    way = rng.integers(3)
    if way == 0:
        lit = picture * np.exp(strength * rng.uniform(0.5, 1.8))
    elif way == 1:
        lit = _grey(_light(picture) * np.exp(strength * rng.uniform(1.0, 3.6)))
    else:
        lit = picture * (1 + 2 * strength) + 110 * strength
    return np.asarray(np.minimum(lit, end), np.float32), _everywhere(picture)


def _blur(picture: Floats, strength: float, rng: Generator) -> Spoiled:
    side, way = len(picture), rng.integers(4)
    if way == 0:
        soft = cv2.GaussianBlur(picture, (0, 0), (0.0006 + 0.04 * strength) * side)
    elif way == 1:
        radius = (0.001 + 0.055 * strength) * side
        axis = np.arange(-int(radius) - 1, int(radius) + 2)
        disc = np.clip(radius + 0.5 - np.hypot(*np.meshgrid(axis, axis)), 0, 1).astype(np.float32)
        soft = cv2.filter2D(picture, -1, disc / disc.sum())
    elif way == 2:
        length = max(3, round((0.003 + 0.12 * strength) * side)) | 1
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1
        turn = cv2.getRotationMatrix2D((length // 2, length // 2), float(rng.uniform(0, 180)), 1)
        kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
        soft = cv2.filter2D(picture, -1, kernel / kernel.sum())
    else:
        small = round(side * (1 - strength) ** 2 * 0.75) + 8
        soft = cv2.resize(cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA), (side, side))
    # A tilted retina is sharp on one side.
    cover = _everywhere(picture) if rng.random() < 0.75 else covers.one_side(side, rng)
    soft = picture + cover[:, :, None] * (soft - picture)
    return _grain(np.asarray(soft, np.float32), float(rng.uniform(0, 2)), rng), cover


def _haze(picture: Floats, strength: float, rng: Generator) -> Spoiled:
    side = len(picture)
    kept = 1 - float(rng.uniform(0.75, 0.99)) * strength
    inside = (picture.max(axis=2) > 8).astype(np.float32)
    mean = (picture * inside[:, :, None]).sum(axis=(0, 1)) / max(float(inside.sum()), 1.0)
    tone = np.array([rng.uniform(0.5, 1), rng.uniform(0.7, 1.1), 1.0], np.float32) * float(mean.max())
    veil = mean + float(rng.uniform(0.1, 1)) * (tone - mean)
    veil = veil * float(rng.uniform(0.6, 1.5))
    local = widely(picture, float(rng.uniform(0.1, 0.35)) * side)  # nearer it would be a blur
    share = float(rng.uniform(0, 0.8))
    veiled = share * local + (1 - share) * veil
    whole = _everywhere(picture)
    cover = (whole, whole, covers.cloud(side, rng), covers.towards_rim(side, rng))[rng.integers(4)]
    through = 1 - (1 - kept) * cover[:, :, None]
    # What clouds a lens softens too: where a veil lies on it, it is haze all the same.
    soft = cv2.GaussianBlur(picture, (0, 0), 0.3 + float(rng.choice([0, rng.uniform(0, 0.003)])) * strength * side)
    return _grain(
        np.asarray(soft * through + veiled * (1 - through), np.float32), float(rng.uniform(0, 1.5)), rng
    ), cover


def _reflex(picture: Floats, strength: float, rng: Generator) -> Spoiled:
    side = len(picture)
    cover = np.zeros((side, side), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        cover = np.maximum(cover, covers.glow(side, strength, rng))
    cover = np.clip(cover * float(rng.uniform(1, 1.6)), 0, 1) * float(rng.choice([1, rng.uniform(0.15, 1)]))
    colour = np.array([rng.uniform(0.65, 1.05), rng.uniform(0.85, 1.02), 1.0], np.float32)
    light = colour * float(rng.uniform(190, 300))
    share = cover[:, :, None]
    if rng.random() < 0.5:
        lit = _grey(_light(picture) + share * np.power(np.minimum(light / 255, 1.2), _GAMMA))
    else:
        lit = picture + share * np.maximum(light - picture, 0)
    return np.asarray(lit, np.float32), cover


def _shadow(picture: Floats, strength: float, rng: Generator) -> Spoiled:
    side = len(picture)
    x, y = covers.axes(side)
    turn, soft = rng.uniform(0, 2 * np.pi), rng.uniform(0.02, 0.25)
    way = rng.integers(4)
    along = x * np.cos(turn) + y * np.sin(turn)
    if way == 0:
        signed = along - (1 - 1.4 * strength)
    elif way == 1:  # the rim of a pupil that has moved
        away = 2.2 * strength * rng.uniform(0.6, 1)
        signed = np.hypot(x + away * np.cos(turn), y + away * np.sin(turn)) - rng.uniform(0.9, 1.3)
    elif way == 2:  # a small pupil, all around
        shift = rng.uniform(0, 0.2)
        signed = np.hypot(x - shift * np.cos(turn), y - shift * np.sin(turn)) - (1.05 - 0.75 * strength)
    else:
        signed = along + rng.uniform(-0.4, 0.4) * (x * np.sin(turn) - y * np.cos(turn)) ** 2 - (1 - 1.4 * strength)
    cover = np.clip(signed / (2 * soft) + 0.5, 0, 1).astype(np.float32)
    cover = cover * cover * (3 - 2 * cover)
    left = float(rng.uniform(0, 0.12))
    shade = (1 - (1 - left) * cover)[:, :, None]
    dim = picture * shade if rng.random() < 0.5 else _grey(_light(picture) * shade)
    return _grain(np.asarray(dim, np.float32), float(rng.uniform(0, 1.5)), rng), np.asarray(cover, np.float32)


def _lid(picture: Floats, strength: float, rng: Generator) -> Spoiled:
    side = len(picture)
    x, y = covers.axes(side)
    lean, bow = rng.uniform(-0.25, 0.25), rng.uniform(-0.35, 0.35)
    depth = (y if rng.random() < 0.7 else -y) + 1 + lean * x + bow * x**2
    soft = float(rng.uniform(0.01, 0.25))
    cover = np.clip((0.1 + 1.3 * strength - depth) / (2 * soft) + 0.5, 0, 1).astype(np.float32)
    inside = picture.max(axis=2) > 8
    level = float(np.quantile(picture[inside], 0.6)) if inside.any() else 80.0
    skin = np.array([rng.uniform(0.3, 0.8), rng.uniform(0.4, 0.85), 1.0], np.float32) * level
    skin = skin * float(rng.uniform(0.4, 3.5))
    shade = np.clip(1 + rng.uniform(-0.5, 0.5) * depth, 0.3, 1.5)[:, :, None].astype(np.float32)
    folds = cv2.GaussianBlur(rng.standard_normal((side, side)).astype(np.float32), (0, 0), side / 60)[:, :, None]
    covered = np.clip(skin * shade * (1 + float(rng.uniform(0, 1.5)) * folds), 0, 255)
    mixed = picture * (1 - cover[:, :, None]) + covered * cover[:, :, None]
    lashes = covers.lashes(side, depth, 0.1 + 1.3 * strength, rng) if rng.random() < 0.7 else np.zeros_like(cover)
    mixed = mixed * (1 - float(rng.uniform(0.5, 0.95)) * lashes[:, :, None])
    return np.asarray(mixed, np.float32), np.maximum(cover, lashes)


_CAUSES: dict[CauseCode, Callable[[Floats, float, Generator], Spoiled]] = {
    "too_dark": _dark,
    "edge_shadow": _shadow,
    "too_bright": _bright,
    "reflex": _reflex,
    "lid": _lid,
    "haze": _haze,
    "blur": _blur,
}
