"""One frame of a capture, as its sidecar names it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edge.capture.graded import Graded
from edge.capture.visit import By, Captured
from edge.findings.eye import Eye


@dataclass(frozen=True)
class Shot:
    """A frame of a capture.

    Attributes:
        shown: the capture, as the operator sees it now.
        rank: of the frame in it, from 1, the best one.
        of: frames of the capture.
    """

    shown: Captured
    rank: int
    of: int

    @property
    def details(self) -> dict[str, Any]:
        """What the sidecar says of the capture."""
        shown = self.shown
        return {
            "shot": shown.number,
            "rank": self.rank,
            "of": self.of,
            "by": shown.by,
            "eye": shown.eye_number,
            "laterality": shown.eye,
            "field": shown.field,
            "contradiction": shown.contradiction,
        }

    @property
    def sure(self) -> Eye | None:
        """The eye that it shows; None where the operator must say it first."""
        return None if self.shown.question else self.shown.eye

    def by_now(self, shown: Captured) -> Shot:
        """The same frame, of the capture as it was corrected."""
        return dataclasses.replace(self, shown=shown)


def sure_among(shots: Iterable[Shot]) -> Eye | None:
    """The eye of a frame that several captures have; None where it is not certain, or they contradict each other."""
    eyes = {shot.sure for shot in shots}
    return eyes.pop() if len(eyes) == 1 else None


def alone(number: int, best: Graded, by: By, eye_number: int, stated: Eye | None) -> Captured:
    """A capture outside of any visit: its best frame alone tells the eye."""
    found, told = best.assessment, best.assessment.eye
    against = None not in (told, stated) and told != stated
    kind = found.field_definition.kind
    return Captured(
        number, stated or told, kind, by, found.score, found.verdict, True, against, told, stated, eye_number
    )
