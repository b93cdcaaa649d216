"""What a guided session says of each frame, and what it has captured of one patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment, Verdict
from edge.capture.graded import Graded
from edge.criteria.criterion import Criterion
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind
from edge.guidance.hint import Hint

By = Literal["auto", "hand"]
VisitState = Literal["open", "ended"]
EYES: tuple[Eye, ...] = ("right", "left")
_FIELDS: tuple[FieldKind, ...] = ("macula", "disc")  # of a protocol of two fields an eye


@dataclass(frozen=True)
class Wanted:
    """One picture that a visit is to have.

    Attributes:
        eye: ``right`` or ``left``.
        field: what it is to be centred on; None where any will do.
    """

    eye: Eye
    field: FieldKind | None = None


def wanted_of(criterion: Criterion | None, eyes: tuple[Eye, ...] = EYES) -> tuple[Wanted, ...]:
    """The pictures of a visit: both fields of each eye where the criterion asks for macula and disc, else one."""
    two = criterion is not None and None not in (criterion.macula, criterion.disc) and criterion.other is None
    fields: tuple[FieldKind | None, ...] = _FIELDS if two else (None,)
    return tuple(Wanted(eye, field) for eye in eyes for field in fields)


BOTH_EYES = wanted_of(None)


@dataclass(frozen=True)
class Captured:
    """One capture of a visit, without its frames.

    Attributes:
        number: of the capture in the visit, counted from 1; that of a discarded one is not used again.
        eye: that it shows, ``right`` or ``left``: as the operator said, else as the picture tells; None where neither.
        field: what it is centred on: ``macula``, ``disc`` or ``other``.
        by: what captured it.
        score, verdict: of its best frame.
        adequate: whether that one is, by the criterion; without one, whether it is good or usable.
        contradiction: whether the picture tells the other eye than the operator stated before it was taken.
        told: the eye that the picture tells; None where it does not.
        stated: the eye that the operator stated, before or since; None where the picture alone tells.
        eye_number: of the eye in the visit, counted from 1, whichever it is.
    """

    number: int
    eye: Eye | None
    field: FieldKind
    by: By = "auto"
    score: float = 0.0
    verdict: Verdict = "no_fundus"
    adequate: bool = False
    contradiction: bool = False
    told: Eye | None = None
    stated: Eye | None = None
    eye_number: int = 1

    @property
    def question(self) -> bool:
        """Whether the operator must say which eye it shows before it is sent anywhere."""
        return self.eye is None or self.contradiction


@dataclass(frozen=True)
class Visit:
    """What was captured of one patient so far.

    Attributes:
        number: of the visit in the session, counted from 1.
        captures: in their order, without discarded ones.
        state: ``open``, or ``ended``, from when on nothing is captured until the next visit.
        wanted: the pictures that it is to have.
        stated: the eye that the operator stated for what comes; None where the picture alone tells.
    """

    number: int = 1
    captures: tuple[Captured, ...] = ()
    state: VisitState = "open"
    wanted: tuple[Wanted, ...] = BOTH_EYES
    stated: Eye | None = None

    @property
    def missing(self) -> tuple[Wanted, ...]:
        """What is wanted and not there yet: adequate, and of an eye that is known."""
        return tuple(
            each
            for each in self.wanted
            if not any(
                one.adequate and not one.question and one.eye == each.eye and each.field in (None, one.field)
                for one in self.captures
            )
        )


@dataclass(frozen=True)
class Capture:
    """The frames that are kept of one moment.

    Attributes:
        frames: the best one first, then the runners-up.
        t: when it was captured, in seconds of the caller's own time.
        by: what captured it: ``auto`` (the picture was good and the hand still) or ``hand``.
        number: of the capture in the visit, counted from 1.
        eye: that it shows, ``right`` or ``left``; None where that is unknown.
        field: what its best frame is centred on: ``macula``, ``disc`` or ``other``.
        eye_number: of the eye in the visit, counted from 1, whichever it is.
        contradiction: whether the picture tells the other eye than the operator stated.
    """

    frames: tuple[Graded, ...]
    t: float
    by: By
    number: int
    eye: Eye | None
    field: FieldKind
    eye_number: int
    contradiction: bool = False


@dataclass(frozen=True)
class Step:
    """What a session says after one more frame.

    Attributes:
        graded: the frame with its assessment; it holds the picture, so keep no steps that you do not need.
        hint: what the operator should know now, steadied over the last frames.
        capture: the frames that are kept, where this was the moment; else None.
        eye: that the frames of this moment show, ``right`` or ``left``; None where too few tell.
        visit: what was captured of this patient so far, this step included.
    """

    graded: Graded
    hint: Hint
    capture: Capture | None
    eye: Eye | None
    visit: Visit

    @property
    def assessment(self) -> Assessment:
        """The quality of the frame."""
        return self.graded.assessment

    @property
    def image(self) -> NDArray[np.uint8]:
        """The frame, uint8 BGR (H, W, 3), whatever format it came in."""
        return self.graded.image
