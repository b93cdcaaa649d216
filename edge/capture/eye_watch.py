"""Whether the frames of a session keep showing the other eye than the operator stated.

A camera that mirrors its picture, or lies upside down, makes a right eye look like a left one. One picture alone cannot
tell it from the other eye; beside what was stated it can be noticed, and only there.
"""

from __future__ import annotations

from collections.abc import Callable

from edge.assessment import Assessment
from edge.findings.eye import Eye

ENOUGH = 30  # sure frames against the stated eye, more than for it: a second of video

_LETTERS: dict[Eye, str] = {"right": "R", "left": "L"}


class EyeWatch:
    """Compares the eye that frames show with the stated one, and says once that they differ."""

    def __init__(self, stated: Eye | None, tell: Callable[[str], None]) -> None:
        """Set up.

        Args:
            stated: by the operator; None where nothing was, and then nothing is said.
            tell: called with one sentence, at most once.
        """
        self._stated, self._tell = stated, tell
        self._against = 0  # frames in a row, but for a few others between them
        self._frames = {True: 0, False: 0}  # that show the stated eye, and the other one
        self._told = False

    def look(self, assessment: Assessment) -> None:
        """Look at a frame; one that is refused, or does not tell, says nothing."""
        if self._stated is None or self._told or assessment.verdict not in ("good", "usable"):
            return
        if assessment.eye is None:
            return
        agrees = assessment.eye == self._stated
        self._frames[agrees] += 1
        self._against = max(0, self._against - 1) if agrees else self._against + 1
        if self._against >= ENOUGH:
            self._say()

    def close(self) -> None:
        """At the end of a session, short as it may be: most of its frames decide."""
        if not self._told and self._frames[False] > self._frames[True]:
            self._say()

    def _say(self) -> None:
        if self._stated is None:
            return
        self._told = True
        other: Eye = "left" if self._stated == "right" else "right"
        self._tell(
            f"these frames show a {other} eye, but --laterality {_LETTERS[self._stated]} was given: if that is right, "
            "the camera mirrors its picture or is upside down, which is to be corrected there; if not, start again "
            f"with --laterality {_LETTERS[other]}."
        )
