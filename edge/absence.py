"""Whether the retina has been out of view for so long that the next one may be another eye's."""

from __future__ import annotations

from edge.assessment import Assessment

NEXT_EYE_S = 0.7  # a retina that was gone for so long may be another one when it comes back
GLIMPSE_S = 0.15  # it is back once it was seen for so long: one frame alone may be mistaken


class Absence:
    """Looks at frames in the order of their time; what hint is shown, and why, does not matter."""

    def __init__(self) -> None:
        self._gone_since: float | None = None
        self._back_since: float | None = None
        self._told = False

    def update(self, assessment: Assessment, t: float) -> bool:
        """Whether with this frame the retina has been gone for ``NEXT_EYE_S``; True once for each absence."""
        gone_for = 0.0 if self._gone_since is None else t - self._gone_since
        if _shows_eye(assessment):
            self._back_since = t if self._back_since is None else self._back_since
            if t - self._back_since >= GLIMPSE_S:
                told, self._told, self._gone_since = self._told, False, None
                return not told and self._back_since - (t - gone_for) >= NEXT_EYE_S
            return False
        self._back_since = None
        self._gone_since = t if self._gone_since is None else self._gone_since
        if self._told or gone_for < NEXT_EYE_S:
            return False
        self._told = True
        return True


def _shows_eye(assessment: Assessment) -> bool:
    """Whether a frame shows a retina for sure: a usable one, or one with a disc or a macula in it."""
    if assessment.verdict == "no_fundus":
        return False
    return assessment.verdict != "reject" or any(float(each.max()) >= 0.8 for each in assessment.regions.values())
