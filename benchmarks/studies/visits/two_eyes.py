"""Two eyes in one visit with every kind of gap between them: both are to fire, each once, under its own name."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.visits.gaps import GAPS, HEIGHT, WIDTH
from edge.capture.guided import GuidedSession
from edge.findings.eye import Eye
from edge.model import QualityModel
from edge.phantom.retina import make_retina
from edge.phantom.sequence import Sequence

FPS = 15.0
SECONDS = (0.8, 1.6, 5.0)
_BEFORE_S, _AFTER_S = 6.0, 8.0  # of each eye, approach included
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Sequel:
    """One sequence.

    Attributes:
        gap: what lay between the eyes.
        seconds: for how long.
        seeds: of the two eyes.
        eyes: that they are.
        captured: the eye of each automatic capture, None where it was not told.
        shown: the eye that was before the camera then.
    """

    gap: str
    seconds: float
    seeds: tuple[int, int]
    eyes: tuple[Eye, Eye]
    captured: tuple[Eye | None, ...]
    shown: tuple[Eye, ...]

    @property
    def both(self) -> bool:
        """Whether both eyes fired."""
        return set(self.shown) == set(self.eyes)

    @property
    def once(self) -> bool:
        """Whether neither fired twice."""
        return len(set(self.shown)) == len(self.shown)

    @property
    def right(self) -> bool:
        """Whether no capture bears the other eye's name."""
        return all(told in (None, eye) for told, eye in zip(self.captured, self.shown, strict=True))


def pairs(number: int, since: int) -> list[tuple[int, int]]:
    """Seeds of synthetic eyes, a right and a left one, or a left and a right one."""
    by_eye: dict[str, list[int]] = {"right": [], "left": []}
    seed = since
    while min(map(len, by_eye.values())) < number:
        by_eye[make_retina(seed, 64).laterality].append(seed)
        seed += 1
    both = list(zip(by_eye["right"], by_eye["left"], strict=False))[:number]
    return [pair if place % 2 == 0 else (pair[1], pair[0]) for place, pair in enumerate(both)]


def play(model: QualityModel, gap: str, seconds: float, seeds: tuple[int, int]) -> Sequel:
    """Play one sequence as on a device that grades every frame."""
    rng = np.random.default_rng((*seeds, len(gap), round(10 * seconds)))
    between = np.asarray(cv2.resize(GAPS[gap](rng), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    eyes = tuple(make_retina(seed, 64).laterality for seed in seeds)
    first, second = (
        Sequence(seed, round(length * FPS), FPS, width=WIDTH, height=HEIGHT)
        for seed, length in zip(seeds, (_BEFORE_S, _AFTER_S), strict=True)
    )
    session, captured, shown = GuidedSession(model), list[Eye | None](), list[Eye]()
    index = 0
    for scene, eye in ((first, eyes[0]), (None, None), (second, eyes[1])):
        for number in range(round(seconds * FPS) if scene is None else len(scene)):
            grain = rng.integers(-2, 3, between.shape, dtype=np.int8)
            still = np.asarray(cv2.add(between, grain, dtype=cv2.CV_8U), np.uint8)
            step = session.update(still if scene is None else scene.render(number).image, index / FPS)
            index += 1
            if step.capture is not None:
                captured.append(step.capture.eye)
                shown.append(eye or eyes[0])
    return Sequel(gap, seconds, seeds, (eyes[0], eyes[1]), tuple(captured), tuple(shown))
