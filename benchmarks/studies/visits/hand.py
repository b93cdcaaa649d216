"""A hand that holds the camera before one eye after the other, as an operator does who follows the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.visits.eyes import Place, PlayedEye
from benchmarks.studies.visits.gaps import GAPS
from edge.findings.field_definition import FieldKind
from edge.phantom.photograph import Photograph
from edge.phantom.script import Cause
from edge.phantom.sequence import Sequence

FPS = 15.0
_LONGEST_S = 60.0  # before one eye
_SPEED = 0.8  # field radii a second, at most
_SPOILS: tuple[Cause, ...] = ("blur", "too_dark", "reflex", "edge_shadow", "too_bright")
_SPOILED_S = 1.2
Picture = NDArray[np.uint8]


class Panned(Sequence):
    """A sequence of an eye that looks elsewhere: the camera stays before the pupil, so that no shadow comes of it.

    Attributes:
        gaze: where it looks, in field radii, (frames, 2).
    """

    def __init__(self, seed: int, frames: int, retina: Photograph) -> None:
        super().__init__(seed, frames, FPS, retina=retina)
        self.gaze = np.zeros((frames, 2))

    def _warped(self, texture: NDArray[Any], index: int, factor: int) -> NDArray[Any]:
        script, (x, y) = self.script, self.gaze[index]
        before = script.x[index], script.y[index]
        script.x[index], script.y[index] = before[0] + x, before[1] + y
        try:
            return super()._warped(texture, index, factor)
        finally:
            script.x[index], script.y[index] = before


class Hand:
    """Shows one eye: approaches it, points at what is wanted, and spoils the picture on the way.

    Args:
        eye: before the camera.
        seed: of tremor and of what goes wrong.
    """

    def __init__(self, eye: PlayedEye, seed: int) -> None:
        self._eye, self._rng = eye, np.random.default_rng((seed, 3))
        frames = round(_LONGEST_S * FPS)
        self._scene = Panned(seed, frames, eye.photograph)
        script = self._scene.script
        for episode in script.episodes.values():
            episode[:] = 0
        script.x[:], script.y[:] = _tremor(self._rng, frames), _tremor(self._rng, frames)
        script.approach[:] = np.minimum(np.arange(frames) / FPS / 1.0, 1)
        self._at = np.array(eye.places["macula"]) + self._rng.uniform(-0.4, 0.4, 2)
        self._index = 0
        self.size = (self._scene.width, self._scene.height)

    @property
    def left(self) -> bool:
        """Whether there is time left."""
        return self._index < len(self._scene)

    @property
    def shows(self) -> FieldKind:
        """What the camera points at now: whichever of disc and macula is nearer to its middle."""
        away = {kind: float(np.hypot(*(self._at - place))) for kind, place in self._eye.places.items()}
        return min(away, key=lambda kind: away[kind])

    def spoil(self) -> None:
        """From the next frame on something is wrong, for a while."""
        cause = _SPOILS[int(self._rng.integers(len(_SPOILS)))]
        frames = round(_SPOILED_S * FPS)
        during = slice(self._index, self._index + frames)
        script = self._scene.script
        bump = np.sin(np.linspace(0, np.pi, frames)) ** 0.5 * self._rng.uniform(0.7, 1.0)
        script.episodes[cause][during] = bump[: len(script.episodes[cause][during])]
        script.shadow_from[during] = self._rng.uniform(0, 2 * np.pi)
        script.reflex_x[during], script.reflex_y[during] = self._rng.uniform(-0.4, 0.4, 2)
        script.reflex_ring[during] = self._rng.uniform(0, 0.45)

    def frame(self, target: Place) -> Picture:
        """The next frame, of a camera that is moved towards ``target``, in field radii of the photograph."""
        way = np.array(target) - self._at
        step = _SPEED / FPS
        self._at = self._at + way * min(1.0, step / max(float(np.hypot(*way)), 1e-9))
        self._scene.gaze[self._index] = self._at
        image = self._scene.render(self._index).image
        self._index += 1
        return image


def between(size: tuple[int, int], seconds: float, rng: np.random.Generator) -> Iterator[Picture]:
    """What the camera sees between two eyes: one of ``GAPS``, with the noise of a sensor."""
    kind = sorted(GAPS)[int(rng.integers(len(GAPS)))]
    picture = np.asarray(cv2.resize(GAPS[kind](rng), size, interpolation=cv2.INTER_AREA), np.uint8)
    for _ in range(round(seconds * FPS)):
        grain = rng.integers(-2, 3, picture.shape, dtype=np.int8)
        yield np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)


def _tremor(rng: np.random.Generator, frames: int) -> NDArray[np.float64]:
    times, waves = np.arange(frames) / FPS, np.zeros(frames)
    for rate, share in ((0.23, 0.6), (0.61, 0.4), (1.7, 0.15), (4.3, 0.05)):
        waves += share * np.sin(2 * np.pi * (rate * rng.uniform(0.8, 1.2) * times + rng.random()))
    return 0.05 * waves
