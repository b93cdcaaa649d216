"""What a guided session says of each frame, and what it has captured of one patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.capture.graded import Graded
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind
from edge.guidance.hint import Hint

By = Literal["auto", "hand"]


@dataclass(frozen=True)
class Captured:
    """One capture of a visit, without its frames.

    Attributes:
        number: of the capture in the visit, counted from 1.
        eye: that it shows, ``right`` or ``left``; None where that is unknown.
        field: what it is centred on: ``macula``, ``disc`` or ``other``.
    """

    number: int
    eye: Eye | None
    field: FieldKind


@dataclass(frozen=True)
class Visit:
    """What was captured of one patient so far.

    Attributes:
        number: of the visit in the session, counted from 1.
        captures: in their order.
    """

    number: int = 1
    captures: tuple[Captured, ...] = ()


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
        eye_number: of the eye in the visit, counted from 1, whichever it is: the same number again is a better capture
            of the same eye.
    """

    frames: tuple[Graded, ...]
    t: float
    by: By
    number: int
    eye: Eye | None
    field: FieldKind
    eye_number: int


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
