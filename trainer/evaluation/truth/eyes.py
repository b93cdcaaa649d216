"""Good frames of which all but what will spoil them is known: synthetic eyes, frames of sequences, real photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.field.find import MASK_SIZE, Field, find_field
from edge.images import read_image
from edge.phantom.degradation import Kind, degrade
from edge.phantom.retina import make_retina
from edge.phantom.sequence import Sequence as PhantomSequence
from trainer.data.datasets import in_threads, or_left_out
from trainer.synthesis import augment

HELD_OUT = 900_000  # first seed of the phantoms that measure; ``trainer.steps.vessel_maps`` trains on lower ones

_FRAME = 640  # side of a phantom's frame, and long side to which photographs are reduced


@dataclass(frozen=True, eq=False)
class Eye:
    """A frame before anything is done to it.

    Attributes:
        path: its name; no file where it is a phantom.
        image: uint8 BGR (H, W, 3).
        transfer: float32 (H, W), share of the contrast of vessels that is left already.
        field: the field of view.
        cause: what spoils it already; ``none`` where nothing does.
        macula: centre x, y and one disc radius in pixels; None where the place is not known.
    """

    path: Path
    image: NDArray[np.uint8]
    transfer: NDArray[np.float32]
    field: Field
    cause: str = "none"
    macula: tuple[float, float, float] | None = None


def phantom_eyes(count: int = 60, first: int = HELD_OUT) -> list[Eye]:
    """Synthetic eyes, about a third with lesions.

    Their cameras blur a little, are noisy, or neither, and half of the pictures have other colours and contrasts: fine
    structure alone does not tell where they are whole. None is equalised: that triples the contrast, and what then is
    left of it under haze is as much as in a good picture, so that the truth would be none.

    Args:
        count: how many.
        first: seed of the first.
    """
    return list(in_threads(_phantom, range(first, first + count), "map quality: phantoms", threads=2))


def sequence_eyes(count: int = 4, first: int = HELD_OUT, every: int = 8, frames: int = 300) -> list[Eye]:
    """Frames of hand-held phantom sequences that show a retina, with what spoils them as ``cause``.

    Before the retina is in view there is no anatomy whose loss a map could show; those frames are left out.

    Args:
        count: sequences.
        first: seed of the first.
        every: every n-th frame is taken.
        frames: length of a sequence, of 30 a second.
    """

    def play(seed: int) -> list[Eye]:
        scene = PhantomSequence(seed, frames, 30.0, _FRAME, _FRAME * 3 // 4)
        played = [_played(scene, seed, index) for index in range(0, frames, every)]
        return [eye for eye in played if eye.cause != "no_fundus"]

    return list(chain(*in_threads(play, range(first, first + count), "map quality: sequences", threads=2)))


def photograph_eyes(paths: Sequence[Path]) -> list[Eye]:
    """Real photographs that are known to be good, in the contrast of their camera.

    What a photograph lacks itself is not known; the truth of its spoiled copies is what they lose against it. A file
    that cannot be read is named on stderr and left out, as is one without a field of view.

    Raises:
        EdgeError: none of them can be used.
    """
    found = in_threads(or_left_out(_photograph), paths, "map quality: good photographs", threads=2)
    eyes = [eye for eye in found if eye is not None]
    if not eyes:
        raise EdgeError("none of the good photographs shows a field of view that could be read: name others.")
    return eyes


def _phantom(seed: int) -> Eye:
    retina, rng = make_retina(seed, _FRAME), default_rng((seed, 10))
    field = find_field(retina.image)
    if field is None:
        raise EdgeError(f"no field of view was found in phantom {seed}: fix edge.field.find before measuring maps.")
    flaw: Kind = "blur" if rng.random() < 0.5 else "noise"
    severity = float(rng.uniform(0.03, 0.15)) if rng.random() < 0.7 else 0.0
    image, transfer = degrade(retina.image, flaw, severity, rng=rng, field=field)
    if rng.random() < 0.5:
        image = augment.recolour(image, rng)
    place = (*retina.macula, retina.disc_radius)
    return Eye(Path(f"phantom-{seed}"), image, transfer, field, macula=place)


def _played(scene: PhantomSequence, seed: int, index: int) -> Eye:
    frame = scene.render(index)
    offset = (np.arange(MASK_SIZE) + 0.5) / (MASK_SIZE / 2) - 1
    circle = np.where(np.hypot(offset[None, :], offset[:, None]) < 1, 255, 0).astype(np.uint8)
    size = (frame.image.shape[1], frame.image.shape[0])
    transfer = np.asarray(cv2.resize(frame.transfer, size, interpolation=cv2.INTER_LINEAR), np.float32)
    cause = "none" if frame.cause == "clear" else frame.cause
    return Eye(Path(f"sequence-{seed}-{index}"), frame.image, transfer, Field(frame.crop, circle), cause)


def _photograph(path: Path) -> Eye | None:
    image = read_image(path)
    factor = _FRAME / max(image.shape[:2])
    if factor < 1:
        size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    field = find_field(image)
    return None if field is None else Eye(path, image, np.ones(image.shape[:2], np.float32), field)
