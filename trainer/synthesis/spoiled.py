"""Frames of which is known what degraded them: photographs and synthetic eyes, with no cause, with one, or with two."""

from __future__ import annotations

import copy
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
from trainer.synthesis import augment
from trainer.synthesis.causes import spoil_by

SIDE = 352  # of the square that is degraded
_OPPOSITE = {CAUSES.index("too_dark"), CAUSES.index("too_bright")}


@dataclass(frozen=True, eq=False)
class Spoiled:
    """A frame that was degraded on purpose.

    Attributes:
        before: uint8 BGR (S, S, 3), as it was.
        frame: the same, degraded.
        covers: where each cause is, float32 (7, S, S) in [0, 1].
        causes: their numbers.
        alone: the frame with one cause alone, by its number; of frames with two of them.
    """

    before: NDArray[np.uint8]
    frame: NDArray[np.uint8]
    covers: NDArray[np.float32]
    causes: tuple[int, ...]
    alone: dict[int, NDArray[np.uint8]]


def spoiled_frames(
    photographs: Iterable[Path], phantoms: Iterable[int], rng: Generator, times: int
) -> Iterator[Spoiled]:
    """Frames that are degraded by no cause, by one, or by two.

    Args:
        photographs: paths.
        phantoms: seeds of synthetic eyes, which are degraded twice as often.
        rng: of everything that is drawn.
        times: how often each photograph is degraded.
    """
    for path in photographs:
        yield from _spoiled(read_image(path), rng, times)
    for seed in phantoms:
        yield from _spoiled(phantom_frame(seed), rng, 2 * times)


def _spoiled(picture: NDArray[np.uint8], rng: Generator, times: int) -> Iterator[Spoiled]:
    field = find_field(picture)
    if field is None:
        return
    square = cut(picture, field.crop, SIDE)
    inside = cv2.resize(field.mask, (SIDE, SIDE)).astype(np.float32)[:, :, None] / 255

    def within(changed: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.asarray(np.clip(changed * inside + square * (1 - inside), 0, 255), np.uint8)

    for _ in range(times):
        before = within(_camera(square, rng).astype(np.float32))
        spoiled = before.astype(np.float32)
        covers = np.zeros((len(CAUSES), SIDE, SIDE), np.float32)
        numbers = rng.choice(len(CAUSES), int(rng.choice([0, 1, 1, 1, 1, 2, 2, 2])), replace=False)
        numbers = numbers[:1] if set(numbers) == _OPPOSITE else numbers
        alone = {}
        for number in map(int, numbers):
            strength, own = 0.02 + 0.98 * float(rng.uniform()) ** (1 + len(numbers) / 2), rng.spawn(1)[0]
            if len(numbers) > 1:
                changed, _ = spoil_by(before.astype(np.float32), CAUSES[number], strength, copy.deepcopy(own))
                alone[number] = within(changed)
            spoiled, cover = spoil_by(spoiled, CAUSES[number], strength, own)
            covers *= 1 - cover * (CAUSES[number] in ("lid", "reflex"))  # what lies in front hides what is behind
            covers[number] = cover
        frame = within(spoiled)
        yield Spoiled(
            before,
            augment.compress(frame, rng) if rng.random() < 0.5 else frame,
            covers,
            tuple(map(int, numbers)),
            alone,
        )


def _camera(square: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """The same retina by another camera: other gain, gamma, colours, sharpness and noise."""
    light = np.power(square.astype(np.float32) / 255, rng.uniform(0.75, 1.35))
    light = light * rng.uniform(0.65, 1.25) * rng.uniform(0.85, 1.15, 3)
    light = cv2.GaussianBlur(light, (0, 0), 0.3 + float(rng.uniform(0, 0.8)))
    light = light + rng.normal(0, 1, square.shape) * rng.uniform(0, 0.012)
    return np.asarray(np.clip(light, 0, 1) * 255, np.uint8)
