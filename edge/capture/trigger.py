"""Automatic capture: when the picture is good and the hand is still, keep the best frame of the moment."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Thresholds
from edge.capture.graded import Graded
from edge.errors import InputError
from edge.field.find import Crop
from edge.frame.sharpness import sharpness
from edge.guidance.absence import Absence
from edge.images.raw import Image, structure_of

Strictness = Literal["easy", "normal", "strict"]
STRICTNESSES: tuple[Strictness, ...] = get_args(Strictness)

RING_S = 0.7  # how far back a frame may be chosen
RING_MIB = 256.0  # what the frames of the ring may take
EQUAL = 0.01  # of scores closer than this the sharper frame wins
BETTER = 0.03  # how much better a moment must be to fire again at the same eye
AGAIN_S = 2.0  # and how much later
STALE_S = 0.5  # after a longer gap between two frames the motion is unknown
_PATCH = 64  # side of the picture that motion is measured on
_SHARP = 384  # about the side of the one for sharpness


@dataclass(frozen=True)
class TriggerProfile:
    """The requirements of a strictness.

    Attributes:
        level: of the score, from 0 (the bundle's threshold of usable) to 1 (its threshold of good).
        hold_s: how long score and stillness must last.
        still: fastest motion, in field radii per second.
        hinted: whether the hint must be ``hold``, which requires more than a usable score.
    """

    level: float
    hold_s: float
    still: float
    hinted: bool


TRIGGER_PROFILES: dict[Strictness, TriggerProfile] = {
    "easy": TriggerProfile(0.0, 0.2, 1.2, False),
    "normal": TriggerProfile(0.0, 0.35, 0.6, True),
    "strict": TriggerProfile(1.0, 0.6, 0.4, True),
}


def profile_of(strictness: Strictness) -> TriggerProfile:
    """The requirements of a strictness by its name.

    Raises:
        InputError: there is none of that name.
    """
    if strictness not in STRICTNESSES:
        raise InputError(f"there is no strictness {strictness!r}: it is one of {', '.join(STRICTNESSES)}.")
    return TRIGGER_PROFILES[strictness]


@dataclass(frozen=True)
class Fired:
    """A capture.

    Attributes:
        frames: the best one first, then the runners-up.
        t: when it fired, in seconds of the source's own time.
        eye: counts from 1; the same number again is a better capture of the same eye.
    """

    frames: tuple[Graded, ...]
    t: float
    eye: int


Allows = Callable[[Graded, int], bool]


class Trigger:
    """Decides when to fire, from graded frames in the order of their time.

    Args:
        strictness: how good and how still; see ``TRIGGER_PROFILES``.
        thresholds: of the bundle.
        keep: frames of a capture, runners-up included.

    Raises:
        InputError: there is no such strictness, or ``keep`` is not positive.
    """

    def __init__(self, strictness: Strictness, thresholds: Thresholds, keep: int = 3) -> None:
        if keep < 1:
            raise InputError(f"a capture keeps at least one frame, not {keep}.")
        self._thresholds, self._keep = thresholds, keep
        self.set_strictness(strictness)
        self._ring: deque[tuple[Graded, float]] = deque()  # the newest frames, and how sharp they are
        self._before: tuple[float, NDArray[np.float32]] | None = None
        self._eye = 1
        self._kept = False  # whether anything was, of this eye
        self._fired: tuple[float, float] | None = None  # time and score of its last automatic capture
        self._absence = Absence()

    def set_strictness(self, strictness: Strictness) -> None:
        """Change the requirements from the next frame on; earlier frames and captures are not forgotten."""
        self.profile = profile_of(strictness)
        usable, good = self._thresholds.usable, self._thresholds.good
        self._level = usable + self.profile.level * (good - usable)
        self._since: float | None = None  # since when all requirements are met

    @property
    def eye(self) -> int:
        """Number of the eye before the camera, as in ``Fired``."""
        return self._eye

    def wait(self) -> None:
        """Forget the last moments: nothing fires before score and stillness have lasted anew."""
        self._since = None
        self._ring.clear()

    def update(self, graded: Graded, allows: Allows | None = None) -> Fired | None:
        """Process a frame; returns a capture if this is the moment.

        Args:
            graded: the frame.
            allows: called with the frame that would be kept and the number of its eye; whether to keep it. Without it
                an eye fires again only for a moment that is better.
        """
        self._remember(graded)
        speed = self._speed(graded)
        if self._absence.update(graded.assessment, graded.t, graded.frame.picture) and self._kept:
            self._fired, self._kept = None, False
            self._eye += 1
        wanted = graded.assessment.score >= self._level and speed <= self.profile.still
        if self.profile.hinted and graded.hint is not None:
            wanted = wanted and graded.hint.code == "hold"
        elif graded.hint is not None:
            wanted = wanted and graded.hint.code != "off_centre"
        if not wanted:
            self._since = None
            return None
        self._since = graded.t if self._since is None else self._since
        if graded.t - self._since < self.profile.hold_s - 1e-6:
            return None
        return self._fire(graded.t, self._since, allows)

    def manual(self) -> Fired | None:
        """A capture now, whatever the score, of the best that the last moments gave; None before the first frame."""
        if not self._ring:
            return None
        self._kept = True
        return Fired(self._best(self._ring), self._ring[-1][0].t, self._eye)

    def _fire(self, t: float, since: float, allows: Allows | None) -> Fired | None:
        frames = self._best(each for each in self._ring if each[0].t >= since)
        score = frames[0].assessment.score
        if allows is not None:
            if not allows(frames[0], self._eye):
                return None
        elif self._fired is not None and (t - self._fired[0] < AGAIN_S or score < self._fired[1] + BETTER):
            return None
        self._fired, self._kept = (t, score), True
        return Fired(frames, t, self._eye)

    def _best(self, frames: Iterable[tuple[Graded, float]]) -> tuple[Graded, ...]:
        ranked = sorted(frames, key=lambda each: (each[0].assessment.score // EQUAL, each[1]), reverse=True)
        return tuple(graded for graded, _ in ranked[: self._keep])

    def _remember(self, graded: Graded) -> None:
        good = graded.assessment.score >= self._level
        self._ring.append((graded, sharpness_of(graded) if good else 0.0))
        most = max(self._keep, int(RING_MIB * 2**20 / max(1, graded.frame.picture.nbytes)))
        while self._ring and (graded.t - self._ring[0][0].t > RING_S or len(self._ring) > most):
            self._ring.popleft()

    def _speed(self, graded: Graded) -> float:
        """Motion of the picture since the last frame, in field radii per second; infinite if unknown."""
        crop = graded.assessment.crop
        if crop is None:
            self._before = None
            return math.inf
        patch = _structure(graded.frame.picture, crop)
        before, self._before = self._before, (graded.t, patch)
        if before is None or not 0 < graded.t - before[0] <= STALE_S:
            return math.inf
        window = cv2.createHanningWindow((_PATCH, _PATCH), cv2.CV_32F)
        (across, down), likeness = cv2.phaseCorrelate(before[1], patch, window)
        if likeness < 0.03:  # the two do not match
            return math.inf
        # The patch is the inner square of the field: 0.7 of its diameter.
        return math.hypot(across, down) / _PATCH * 2 * 0.7 / (graded.t - before[0])


def sharpness_of(graded: Graded) -> float:
    """Sharpness of the structure in the inner square of the field, on a sample of its pixels; 0 without one."""
    crop = graded.assessment.crop
    return 0.0 if crop is None else sharpness(_inner(graded.frame.picture, crop, _SHARP))


def _structure(image: Image, crop: Crop) -> NDArray[np.float32]:
    """What moves with the retina: structure without slow changes, which come from the light."""
    part = _inner(image, crop, 2 * _PATCH)
    if not part.size:
        return np.zeros((_PATCH, _PATCH), np.float32)
    small = cv2.resize(part.astype(np.float32), (_PATCH, _PATCH), interpolation=cv2.INTER_AREA)
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), 5), np.float32)


def _inner(image: Image, crop: Crop, size: int) -> NDArray[np.uint8]:
    """Structure of the square inside the circle of the field, every n-th pixel: at least ``size`` if it has as many."""
    margin = round(crop.side * 0.15)
    top, left = max(crop.y + margin, 0), max(crop.x + margin, 0)
    bottom, right = max(crop.y + crop.side - margin, 0), max(crop.x + crop.side - margin, 0)
    step = max(1, (crop.side - 2 * margin) // size)
    return np.ascontiguousarray(structure_of(image, slice(top, bottom, step), slice(left, right, step)))
