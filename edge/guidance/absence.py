"""Whether the retina has been out of view for so long that the next one may be another eye's."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.images.raw import Image, sample_of

NEXT_EYE_S = 0.7  # a retina that was gone for so long may be another one when it comes back
BLURRED_S = 3.0  # of frames that may show it, out of focus or behind a lid: the hand needs 1 to 2.5 s to focus again
GLIMPSE_S = 0.15  # it is back once it was seen for so long: one frame alone may be mistaken
_DARK = 0.2  # coverage below which a frame shows hardly anything
_OTHER_COLOUR = (
    0.05  # of a share of the light: a wall or a lid is not as red as the retina that was seen; blur changes nothing
)
_STEP = 48  # samples along the middle of a field

Colour = NDArray[np.float64]


class Absence:
    """Looks at frames in the order of their time; what hint is shown, and why, does not matter.

    Args:
        next_eye_s: how long no retina must be seen.
        blurred_s: how long of frames that show something, but nothing of a retina for sure; both kinds add up, each
            by its share.
    """

    def __init__(self, next_eye_s: float = NEXT_EYE_S, blurred_s: float = BLURRED_S) -> None:
        self._next_eye_s, self._blurred_s = next_eye_s, blurred_s
        self._gone = 0.0  # how much of an absence there was: from 1.0 on it is one
        self._before: tuple[float, float] | None = None  # time of the last frame, and what a second of it counts
        self._back_since: float | None = None
        self._reported = False
        self._colour: Colour | None = None  # of the retina as it was last seen clearly

    def update(self, assessment: Assessment, t: float, image: Image | None = None) -> bool:
        """Look at a frame.

        Args:
            assessment: of the frame.
            t: its time in seconds.
            image: the frame, uint8 BGR (H, W, 3) or as a camera gave it; without it, what may be a retina is not asked
                for its colour.

        Returns:
            Whether with this frame the retina has been gone for long enough: True once for each absence.
        """
        colour = None if image is None else colour_of(image, assessment)
        if assessment.verdict in ("good", "usable"):
            self._colour = colour
        if self._before is not None:
            self._gone += (t - self._before[0]) * self._before[1]
        if not shows_eye(assessment):
            self._back_since = None
            nothing = _shows_nothing(assessment) or self._is_other(colour)
            self._before = t, 1 / (self._next_eye_s if nothing else self._blurred_s)
            return self._report()
        self._before = None
        self._back_since = t if self._back_since is None else self._back_since
        if t - self._back_since < GLIMPSE_S:
            return False
        left = self._report()
        self._gone, self._reported = 0.0, False
        return left

    def _is_other(self, colour: Colour | None) -> bool:
        if colour is None or self._colour is None:
            return False
        return float(np.abs(colour - self._colour).max()) > _OTHER_COLOUR

    def _report(self) -> bool:
        before, self._reported = self._reported, self._reported or self._gone >= 1 - 1e-6
        return self._reported and not before


def colour_of(image: Image, assessment: Assessment) -> Colour | None:
    """Blue, green and red in the middle of the field, as shares of their sum; None where it is black."""
    crop = assessment.crop
    if crop is None:
        return None
    quarter, step = crop.side // 4, max(1, crop.side // _STEP)
    rows = slice(max(crop.y + quarter, 0), max(crop.y + 3 * quarter, 1), step)
    columns = slice(max(crop.x + quarter, 0), max(crop.x + 3 * quarter, 1), step)
    light = sample_of(image, rows, columns).reshape(-1, 3).sum(axis=0, dtype=np.float64)
    return np.asarray(light / light.sum()) if light.sum() > 0 else None


def gone_for_sure() -> Absence:
    """An absence of frames that show no retina alone: what is behind a shadow or out of focus is still there."""
    return Absence(blurred_s=math.inf)


def _shows_nothing(assessment: Assessment) -> bool:
    return assessment.verdict == "no_fundus" or assessment.coverage < _DARK


def shows_eye(assessment: Assessment) -> bool:
    """Whether a frame shows a retina for sure: a usable one, or one with a disc or a macula in it."""
    if assessment.verdict == "no_fundus":
        return False
    return assessment.verdict != "reject" or any(float(each.max()) >= 0.8 for each in assessment.regions.values())
