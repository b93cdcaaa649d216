"""One frame of a capture, as its sidecar names it."""

from __future__ import annotations

import dataclasses
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

    def by_now(self, shown: Captured) -> Shot:
        """The same frame, of the capture as it was corrected."""
        return dataclasses.replace(self, shown=shown)


def alone(number: int, best: Graded, by: By, eye_number: int, stated: Eye | None) -> Captured:
    """A capture outside of any visit: its best frame alone tells the eye."""
    found, told = best.assessment, best.assessment.eye
    against = None not in (told, stated) and told != stated
    kind = found.field_definition.kind
    return Captured(
        number, stated or told, kind, by, found.score, found.verdict, True, against, told, stated, eye_number
    )
