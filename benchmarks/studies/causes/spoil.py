"""Photographs spoiled by one cause at a time, in linear light, by code that no training has seen.

Training and synthetic eyes have generators of their own (``trainer.synthesis``, ``edge.phantom.degradation``). This one
models the optics independently, so that a cause that is named right here was not learned from the same code.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.findings.cause import CauseCode

Light = NDArray[np.float32]  # (S, S, 3) BGR, linear, 0 to 1
Spoil = Callable[[Light, Light, float, np.random.Generator], Light]  # picture, field (S, S), severity in [0, 1]

_GAMMA = 2.2
SIDE = 640  # of the square that is spoiled: every camera at one scale


def spoil(
    square: NDArray[np.uint8], field: NDArray[np.float32], cause: CauseCode, severity: float, seed: int
) -> NDArray[np.uint8]:
    """One photograph, spoiled.

    Args:
        square: uint8 BGR (S, S, 3), the square around the field.
        field: float32 (S, S), 1 inside the camera's field.
        cause: what spoils it.
        severity: in [0, 1]; 0 changes next to nothing.
        seed: of its place and grain.
    """
    rng = np.random.default_rng(seed)
    light = np.power(square.astype(np.float32) / 255, _GAMMA)
    spoiled = _SPOILS[cause](light, field, severity, rng)
    encoded = np.power(np.clip(spoiled, 0, 1), 1 / _GAMMA) * 255 + rng.normal(0, 1.0, square.shape)
    inside = field[:, :, None]
    return np.asarray(np.rint(np.clip(encoded * inside + square * (1 - inside), 0, 255)), np.uint8)


def _too_dark(light: Light, field: Light, severity: float, rng: np.random.Generator) -> Light:
    """Fewer photons: up to 7.5 stops less, with their own noise."""
    scale = 2.0 ** (-7.5 * severity)
    photons = np.maximum(light, 0) * scale * 4000
    return np.asarray((photons + rng.normal(0, 1, light.shape) * np.sqrt(photons + 4)) / 4000, np.float32)


def _too_bright(light: Light, field: Light, severity: float, rng: np.random.Generator) -> Light:
    """Up to five stops more; what goes beyond the sensor's range is cut."""
    return np.asarray(light * 2.0 ** (5 * severity), np.float32)


def _blur(light: Light, field: Light, severity: float, rng: np.random.Generator) -> Light:
    """Out of focus: every point is a disc of up to 5 % of the field's diameter."""
    radius = max(0.5, 0.05 * severity * len(light))
    size = 2 * int(np.ceil(radius)) + 1
    axis = np.arange(size) - size // 2
    disc = np.clip(radius + 0.5 - np.hypot(*np.meshgrid(axis, axis)), 0, 1)
    inside = np.maximum(field, 1e-3)
    kernel = np.asarray(disc / disc.sum(), np.float32)
    # Only the retina is mixed: the black around the field comes from a mask in the camera, which is sharp.
    spread = cv2.filter2D(light * inside[:, :, None], -1, kernel, borderType=cv2.BORDER_REPLICATE)
    share = cv2.filter2D(inside, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(spread / share[:, :, None], np.float32)


def _haze(light: Light, field: Light, severity: float, rng: np.random.Generator) -> Light:
    """A cloudy lens: part of the light is scattered over the whole field and turns paler."""
    kept = 1 - 0.97 * severity
    mean = (light * field[:, :, None]).sum(axis=(0, 1)) / field.sum()
    wide = cv2.GaussianBlur(light, (0, 0), len(light) / 6)
    white = float(mean.max()) * np.array([0.55, 0.75, 1.0], np.float32) * (0.6 + 0.4 * severity)
    veil = 0.5 * wide + 0.5 * (0.6 * mean + 0.4 * white)
    return np.asarray(kept * light + (1 - kept) * veil, np.float32)


def _reflex(light: Light, field: Light, severity: float, rng: np.random.Generator) -> Light:
    """Light thrown back by lens or cornea: a bright arc along a part of the rim, and a ghost within."""
    x, y, radius = _polar(len(light))
    turn = rng.uniform(0, 2 * np.pi)
    along = np.cos(np.arctan2(y, x) - turn)
    arc = np.exp(-(((radius - 0.72) / (0.12 + 0.35 * severity)) ** 2)) * np.clip(
        (along - 0.9 + 1.4 * severity) * 2, 0, 1
    )
    ghost = np.exp(-(((x - 0.4 * np.cos(turn)) ** 2 + (y - 0.4 * np.sin(turn)) ** 2) / (0.05 + 0.4 * severity) ** 2))
    strength = np.clip(1.3 * arc + ghost, 0, 1.5)[:, :, None] * min(1.0, 4 * severity)
    return np.asarray(light + strength * np.array([0.85, 0.95, 1.0], np.float32), np.float32)


def _edge_shadow(light: Light, field: Light, severity: float, rng: np.random.Generator) -> Light:
    """The iris cuts the light off from one side, along an arc, and softly."""
    x, y, _ = _polar(len(light))
    turn = rng.uniform(0, 2 * np.pi)
    bend = rng.uniform(-0.3, 0.3)
    across = x * np.sin(turn) - y * np.cos(turn)
    inward = x * np.cos(turn) + y * np.sin(turn) + bend * across**2
    edge = 1 - 1.4 * severity  # from the rim to beyond the middle
    seen = 1 / (1 + np.exp(np.clip((inward - edge) / rng.uniform(0.04, 0.1), -60, 60)))
    return np.asarray(light * (0.004 + 0.996 * seen)[:, :, None], np.float32)


def _lid(light: Light, field: Light, severity: float, rng: np.random.Generator) -> Light:
    """A lid hangs in from above or comes up from below, with lashes in front of it."""
    side = len(light)
    x, y, _ = _polar(side)
    from_above = bool(rng.integers(2))
    depth = (y if from_above else -y) + 1 + 0.15 * x**2
    covered = 1 / (1 + np.exp(np.clip((depth - 1.3 * severity) / 0.02, -60, 60)))
    lashes = np.zeros((side, side), np.float32)
    for _ in range(24):
        start = rng.uniform(0, side)
        end = start + rng.normal(0, 0.08 * side)
        reach = (0.65 * severity + rng.uniform(0.02, 0.12)) * side
        rows = (0, reach) if from_above else (side, side - reach)
        ends = (int(start), int(rows[0])), (int(end), int(rows[1]))
        cv2.line(lashes, *ends, 1.0, max(1, side // 160), cv2.LINE_AA)
    lashes = cv2.GaussianBlur(lashes, (0, 0), side / 300) * min(1.0, 6 * severity)
    level = float(np.quantile(light[field > 0.5].max(axis=1), 0.7))
    skin = level * np.array([0.45, 0.6, 0.9], np.float32) * (1 + 0.05 * rng.normal(size=(side, side, 1)))
    mixed = light * (1 - covered[:, :, None]) + skin * covered[:, :, None]
    return np.asarray(mixed * (1 - 0.9 * lashes[:, :, None]), np.float32)


def _polar(side: int) -> tuple[Light, Light, Light]:
    """x, y and radius of each pixel, in field radii."""
    axis = np.asarray((np.arange(side) + 0.5) * 2 / side - 1, np.float32)
    x, y = np.meshgrid(axis, axis)
    return x, y, np.hypot(x, y)


_SPOILS: dict[CauseCode, Spoil] = {
    "too_dark": _too_dark,
    "edge_shadow": _edge_shadow,
    "too_bright": _too_bright,
    "reflex": _reflex,
    "lid": _lid,
    "haze": _haze,
    "blur": _blur,
}
