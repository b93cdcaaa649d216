"""Where a fault acts in frames that measure a map: shapes that no training uses (``synthesis.degrade``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast, get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.field.find import Crop

Shape = Literal["half", "wedge", "rectangle", "stripes", "checker"]
SHAPES = cast("tuple[Shape, ...]", get_args(Shape))

Floats = NDArray[np.float32]
_SOFT = 0.02  # field radii over which a region begins and ends


def region(shape: Shape, size: tuple[int, int], crop: Crop, rng: Generator) -> Floats:
    """A region with straight borders.

    Args:
        shape: one of ``SHAPES``.
        size: height and width of the frame in pixels.
        crop: the square around the field; the region is laid out in its radii.
        rng: decides where it lies, how it is turned and how wide it is.

    Returns:
        float32 (H, W) in [0, 1], 1 where the fault acts.
    """
    radius = crop.side / 2
    x = (np.arange(size[1], dtype=np.float32) + np.float32(0.5 - crop.x)) / np.float32(radius) - 1
    y = (np.arange(size[0], dtype=np.float32) + np.float32(0.5 - crop.y)) / np.float32(radius) - 1
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along, across = cos * x[None, :] + sin * y[:, None], cos * y[:, None] - sin * x[None, :]
    inside = _SHAPES[shape](along, across, rng)
    return np.asarray(np.clip(inside / np.float32(_SOFT) + np.float32(0.5), 0, 1), np.float32)


def _half(along: Floats, _across: Floats, rng: Generator) -> Floats:
    """Everything beyond a straight line."""
    return along - np.float32(rng.uniform(-0.35, 0.35))


def _wedge(along: Floats, across: Floats, rng: Generator) -> Floats:
    """A sector of 70 to 180 degrees; its corner lies near the middle."""
    half = rng.uniform(0.6, np.pi / 2)
    shifted = along + np.float32(rng.uniform(0, 0.3))
    return np.asarray(np.sin(half) * shifted - np.cos(half) * np.abs(across), np.float32)


def _rectangle(along: Floats, across: Floats, rng: Generator) -> Floats:
    """Sides of 0.3 to 0.85 of the field's diameter."""
    wide, high = rng.uniform(0.3, 0.85, 2)
    left, top = rng.uniform(-0.35, 0.35, 2)
    return np.asarray(np.minimum(wide - np.abs(along - left), high - np.abs(across - top)), np.float32)


def _stripes(along: Floats, _across: Floats, rng: Generator) -> Floats:
    """Stripes as wide as the gaps between them: 0.17 to 0.3 of the field's diameter, five cells of the map or more."""
    return _wave(along, rng.uniform(0.34, 0.6), rng.uniform(0, 1))


def _checker(along: Floats, across: Floats, rng: Generator) -> Floats:
    """Every other square of a turned board; sides of 0.22 to 0.35 of the field's diameter."""
    wide = rng.uniform(0.44, 0.7)
    first, second = rng.uniform(0, 1, 2)
    a, b = _wave(along, wide, first), _wave(across, wide, second)
    return np.asarray(np.where(a * b > 0, 1, -1) * np.minimum(np.abs(a), np.abs(b)), np.float32)


def _wave(along: Floats, wide: float, phase: float) -> Floats:
    """Distance to the next border of stripes of this width, above 0 on every other stripe."""
    place = (along / np.float32(wide) + np.float32(2 * phase)) % 2
    return np.asarray((0.5 - np.abs(place - 1)) * wide, np.float32)


_IN_ORDER: tuple[Callable[[Floats, Floats, Generator], Floats], ...] = (_half, _wedge, _rectangle, _stripes, _checker)
_SHAPES = dict(zip(SHAPES, _IN_ORDER, strict=True))
