"""The description of a modality: plain functions and data. A new one is a module like ``octa``, known in ``named``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.bundle.manifest import ModalityName

Picture = NDArray[np.uint8]
Change = Callable[[Picture, Generator], Picture]
View = Callable[[Generator, tuple[int, int], Sequence[NDArray[Any]], tuple[float, float]], list[NDArray[Any]]]


@dataclass(frozen=True)
class Modality:
    """Pictures are uint8 BGR (S, S, 3); every function takes the random generator and returns new arrays.

    Attributes:
        name: as in the recipe and the bundle.
        another_camera: the same anatomy by another device or archive; vessels stay where they are.
        store: what archives do to a picture that was spoiled.
        invisible: a picture in which no vessel is left, for the segmenter.
        elsewhere: what shows none of this anatomy, for the student: its map is 1.
        spoil: a picture degraded on purpose, and what that took of it, float32 (S, S) in [0, 1]; None where the
            vessels that are lost must tell (``trainer.synthesis.visibility``).
        lesions: disease painted on, and its cover, float32 (S, S); None where none is painted.
        view: a turned, scaled, mirrored cut-out of several layers, see ``trainer.synthesis.augment.random_view``.
        smooth: over which share of the side what the prior misses is averaged, see ``trainer.networks.students.Prior``.
        landmarks: whether the student learns disc and macula.
        usable, good: scores from which a picture is so where no label says otherwise.
    """

    name: ModalityName
    another_camera: Change
    store: Change
    invisible: Change
    elsewhere: Change
    spoil: Callable[[Picture, Generator], tuple[Picture, NDArray[np.float32] | None]]
    lesions: Callable[[Picture, Generator], tuple[Picture, NDArray[np.float32]]] | None
    view: View
    smooth: float
    landmarks: bool
    usable: float
    good: float
