"""Frames of which is known what degraded them: photographs and synthetic eyes, with no cause, with one, or with two."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.field.find import find_field
from edge.findings.cause import CAUSES
from edge.frame.prepare import cut
from edge.images import read_image
from edge.phantom.retina import phantom_frame
from trainer.data.datasets import or_left_out
from trainer.synthesis import augment
from trainer.synthesis.causes import spoil_by, widely

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIDE = 352  # of the square that is degraded
_OPPOSITE = {CAUSES.index("too_dark"), CAUSES.index("too_bright")}
_IN_FRONT = {CAUSES.index("reflex"), CAUSES.index("lid")}  # these hide what is behind them
_FAR = 0.06  # sides of the square over which the rim of the field goes on beyond it


@dataclass(frozen=True, eq=False)
class Clear:
    """A retina before anything degrades it on purpose.

    Attributes:
        picture: the square around its field, uint8 BGR (S, S, 3).
        inside: where the field is, float32 (S, S, 1) in [0, 1].
    """

    picture: Picture
    inside: Floats

    def within(self, changed: Floats) -> Picture:
        """A changed picture inside the field, this one outside."""
        return np.asarray(np.clip(changed * self.inside + self.picture * (1 - self.inside), 0, 255), np.uint8)


@dataclass(frozen=True, eq=False)
class Spoiled:
    """A frame that was degraded on purpose.

    Attributes:
        frame: uint8 BGR (S, S, 3).
        covers: where each cause is, float32 (7, S, S) in [0, 1].
        causes: their numbers.
        alone: the frame with one cause alone, by its number; of frames with two of them.
    """

    frame: Picture
    covers: Floats
    causes: tuple[int, ...]
    alone: dict[int, Picture]


def clear_frames(photographs: Iterable[Path], phantoms: Iterable[int], rng: Generator) -> Iterator[Clear]:
    """Photographs and synthetic eyes, each as another camera would show it.

    Args:
        photographs: paths; one that comes twice is shown by two cameras.
        phantoms: seeds of synthetic eyes.
        rng: of everything that is drawn.
    """
    for picture in itertools.chain(map(or_left_out(read_image), photographs), map(phantom_frame, phantoms)):
        field = None if picture is None else find_field(picture)
        if picture is not None and field is not None:
            square = cut(picture, field.crop, SIDE)
            inside = np.asarray(cv2.resize(field.mask, (SIDE, SIDE)) / np.float32(255), np.float32)[:, :, None]
            yield Clear(Clear(square, inside).within(_camera(square, rng)), inside)


def spoiled_frame(clear: Clear, rng: Generator) -> Spoiled:
    """A frame that is degraded by no cause, by one, or by two."""
    numbers = rng.choice(len(CAUSES), int(rng.choice(3, p=[0.1, 0.45, 0.45])), replace=False)
    numbers = numbers[:1] if set(numbers) == _OPPOSITE else numbers
    start = _continued(clear) if rng.random() < 0.5 else clear.picture.astype(np.float32)
    spoiled, alone = start, {}
    covers = np.zeros((len(CAUSES), SIDE, SIDE), np.float32)
    for number in sorted(map(int, numbers), key=lambda each: each in _OPPOSITE):  # the sensor comes last
        strength, own = 0.02 + 0.98 * float(rng.uniform()) ** 1.6, rng.spawn(1)[0]
        if len(numbers) > 1:
            alone[number] = clear.within(spoil_by(start, CAUSES[number], strength, copy.deepcopy(own))[0])
        spoiled, cover = spoil_by(spoiled, CAUSES[number], strength, own)
        covers *= 1 - cover * (number in _IN_FRONT)
        covers[number] = cover
    frame = clear.within(spoiled)
    frame = augment.compress(frame, rng) if rng.random() < 0.5 else frame
    return Spoiled(frame, covers, tuple(map(int, numbers)), alone)


def _continued(clear: Clear) -> Floats:
    """The retina beyond the field too: where the camera has a mask, no black from outside mixes with the picture."""
    seen = clear.picture * clear.inside
    around, share = (widely(each, _FAR * SIDE) for each in (seen, clear.inside))
    return np.asarray(seen + (1 - clear.inside) * around / np.maximum(share, 0.02)[:, :, None], np.float32)


def _camera(square: Picture, rng: Generator) -> Floats:
    """The same retina by another camera: other gain, gamma, colours, evenness, sharpness and noise; grey values."""
    light = np.power(square.astype(np.float32) / 255, rng.uniform(0.75, 1.35))
    light = light * rng.uniform(0.65, 1.25) * rng.uniform(0.85, 1.15, 3)
    light = light * (_uneven(rng) if rng.random() < 0.7 else 1)
    light = cv2.GaussianBlur(light, (0, 0), 0.3 + float(rng.uniform(0, 0.8)))
    light = light + rng.normal(0, 1, square.shape) * rng.uniform(0, 0.012)
    return np.asarray(np.clip(light, 0, 1) * 255, np.float32)


def _uneven(rng: Generator) -> Floats:
    """Light that falls off to the rim and to one side, in each colour a little otherwise: float32 (S, S, 3)."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, SIDE, dtype=np.float32)] * 2)
    turn, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3)
    away = np.hypot(x - rng.uniform(-0.3, 0.3), y - rng.uniform(-0.3, 0.3))
    fall = np.clip(away, 0, 1.2) ** float(rng.uniform(1.5, 5)) * rng.uniform(0, 0.55)
    even = (1 + tilt * (x * np.cos(turn) + y * np.sin(turn))) * (1 - np.minimum(fall, 0.8))
    return np.asarray(np.power(np.maximum(even, 0.05)[:, :, None], rng.uniform(0.7, 1.3, 3)), np.float32)
