"""Frames whose degradation is known cell by cell.

What spoils them is ``edge.phantom.degradation``, under masks that no training has seen; training spoils by
``trainer.synthesis.degrade``. Most kinds have a namesake there, made in another way; shadow and lid have none. What a
kind hides is computed by ``edge.phantom.transfer``, which the targets of training share for light and veil.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from edge.field.find import Crop, Field, find_field
from edge.frame.prepare import cut
from edge.phantom.degradation import KINDS, Kind, degrade
from edge.phantom.transfer import true_map
from trainer.data.datasets import Square, in_threads
from trainer.evaluation.truth.eyes import Eye
from trainer.evaluation.truth.regions import SHAPES, region
from trainer.synthesis import augment

GRID = 32  # cells along a side of a true map
SIDE = 384  # pixels along a side of the pictures
SEVERITIES = (0.25, 0.5, 0.75, 1.0)  # of a sweep, beside 0

_NOISE = 5.0  # grey values a pixel, at most
_ALIKE = 0.8  # of two crops, what they share over what they cover together
_SHAPED: tuple[Kind, ...] = ("shadow", "reflex", "lid")  # kinds with a shape of their own


@dataclass(frozen=True, eq=False)
class TrueFrame:
    """A frame as the device cuts it, with its true degradation map.

    Attributes:
        kind: what spoiled it; ``none`` where nothing did.
        severity: in [0, 1].
        square: picture and field, side ``SIDE``; the path is the name of the eye.
        truth: float32 (GRID, GRID) in [0, 1], 1 where no anatomy can be seen.
        counted: bool (GRID, GRID): cells in the field that was found and in the field that is there.
        macula: bool (GRID, GRID): cells within one disc radius of the macula's middle; None where it is not known.
    """

    kind: str
    severity: float
    square: Square
    truth: NDArray[np.float32]
    counted: NDArray[np.bool_]
    macula: NDArray[np.bool_] | None = None


def spoiled(eyes: Sequence[Eye], seed: int = 0, kinds: Sequence[Kind] = KINDS) -> list[TrueFrame]:
    """Each eye as it is, and once in each kind with severity 0.3 to 1 under a mask of straight borders.

    A kind with a shape of its own (shadow, reflex, lid) acts without a mask in every other eye. Noise of a sensor
    comes last, and half of all frames are stored as JPEG.

    Args:
        eyes: see ``trainer.evaluation.truth.eyes``.
        seed: decides masks and severities; a frame depends on it, its place among the eyes and its kind alone.
        kinds: those to use.
    """

    def copies(n: int) -> list[TrueFrame]:
        made = [_copy(eyes[n], kind, n, default_rng((seed, 11, n, KINDS.index(kind)))) for kind in kinds]
        return [_untouched(eyes[n], default_rng((seed, 11, n, len(KINDS)))), *made]

    return list(chain(*in_threads(copies, range(len(eyes)), "map quality: spoiling frames", threads=2)))


def played(eyes: Sequence[Eye], seed: int = 0) -> list[TrueFrame]:
    """Frames of a sequence, each as it is; every other one that nothing spoils is spoiled here, in turn in each kind.

    Args:
        eyes: see ``trainer.evaluation.truth.eyes.sequence_eyes``.
        seed: decides masks and severities.
    """
    clear = {id(eye): n for n, eye in enumerate(eye for eye in eyes if eye.cause == "none")}

    def play(n: int) -> TrueFrame:
        rng, place = default_rng((seed, 14, n)), clear.get(id(eyes[n]), 0)
        if place % 2 == 0:
            return _untouched(eyes[n], rng)
        return _copy(eyes[n], KINDS[place // 2 % len(KINDS)], place // 2, rng)

    return list(in_threads(play, range(len(eyes)), "map quality: spoiling sequences", threads=2))


def swept(eyes: Sequence[Eye], seed: int = 0, kinds: Sequence[Kind] = KINDS) -> list[TrueFrame]:
    """Each eye as it is, and in each kind everywhere at all ``SEVERITIES``, always from the same side.

    All are cut where the field is: a finder that takes the dark side of a shadow for border would hide what is lost.
    """

    def copies(n: int) -> list[TrueFrame]:
        eye = eyes[n]
        frames = [_as_cut(eye, "none", 0.0, eye.image, eye.transfer, eye.field)]
        for kind in kinds:
            for severity in SEVERITIES:
                rng = default_rng((seed, 12, n, KINDS.index(kind)))
                image, left = degrade(eye.image, kind, severity, rng=rng, field=eye.field)
                frames.append(_as_cut(eye, kind, severity, image, left * eye.transfer, eye.field))
        return frames

    return list(chain(*in_threads(copies, range(len(eyes)), "map quality: severities", threads=2)))


def _untouched(eye: Eye, rng: Generator) -> TrueFrame:
    image = _stored(eye.image, rng)
    return _as_cut(eye, eye.cause, 0.0, image, eye.transfer, _found(image, eye.field))


def _copy(eye: Eye, kind: Kind, n: int, rng: Generator) -> TrueFrame:
    severity = float(rng.uniform(0.3, 1.0))
    where = region(SHAPES[int(rng.integers(len(SHAPES)))], eye.transfer.shape, eye.field.crop, rng)
    mask = None if kind in _SHAPED and n % 2 else where
    degraded, left = degrade(eye.image, kind, severity, mask, rng, eye.field)
    image = _stored(degraded, rng)
    return _as_cut(eye, kind, severity, image, eye.transfer * left, _found(image, eye.field))


def _stored(image: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """What a sensor and an archive do last: noise as fine as a pixel, and often JPEG.

    Noise falls on what is blurred or hidden as on what is not, so that fine structure does not give it away. At the
    width of a vessel next to nothing of it is left, and the truth stays what it was.
    """
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(0, _NOISE))
    noisy = np.rint((image + noise).clip(0, 255)).astype(np.uint8)
    return augment.compress(noisy, rng) if rng.random() < 0.5 else noisy


def _as_cut(
    eye: Eye, kind: str, severity: float, image: NDArray[np.uint8], transfer: NDArray[np.float32], field: Field
) -> TrueFrame:
    """What the device sees of a frame in this field."""
    inside = field.on_grid(GRID) & _in_field(eye.field, field.crop)
    macula = None if eye.macula is None else inside & _within(eye.macula, field.crop)
    mask = cv2.resize(field.mask, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) >= 128
    square = Square(eye.path, cut(image, field.crop, SIDE), mask)
    return TrueFrame(kind, severity, square, true_map(transfer, field.crop, GRID), inside, macula)


def _found(image: NDArray[np.uint8], known: Field) -> Field:
    """The field that the device finds, or where the fault leads it astray, the one that is there.

    How well fields are found is not measured here: a map of a wrong crop says nothing about maps.
    """
    field = find_field(image)
    if field is None:
        return known
    a, b = field.crop, known.crop
    wide = min(a.x + a.side, b.x + b.side) - max(a.x, b.x)
    high = min(a.y + a.side, b.y + b.side) - max(a.y, b.y)
    both = max(0, wide) * max(0, high)
    return field if both > _ALIKE * (a.side**2 + b.side**2 - both) else known


def _in_field(field: Field, crop: Crop) -> NDArray[np.bool_]:
    """Cells of a crop whose middle lies in a field, bool (GRID, GRID)."""
    x, y = _middles(crop)
    side = len(field.mask)
    columns = np.floor((x - field.crop.x) * (side / field.crop.side)).clip(-1, side).astype(int)
    rows = np.floor((y - field.crop.y) * (side / field.crop.side)).clip(-1, side).astype(int)
    return np.asarray(np.pad(field.mask > 0, 1)[np.ix_(rows + 1, columns + 1)])


def _within(place: tuple[float, float, float], crop: Crop) -> NDArray[np.bool_]:
    """Cells of a crop whose middle lies in a circle (x, y, radius in frame pixels), bool (GRID, GRID)."""
    x, y = _middles(crop)
    return np.asarray(np.hypot(x[None, :] - place[0], y[:, None] - place[1]) <= place[2])


def _middles(crop: Crop) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middles of the cells of a crop, x and y in frame pixels."""
    middles = (np.arange(GRID) + 0.5) * (crop.side / GRID)
    return np.asarray(crop.x + middles), np.asarray(crop.y + middles)
