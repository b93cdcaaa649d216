"""The visit of now: which picture of which eye is there, which may fire, and what the operator says of them."""

from __future__ import annotations

import dataclasses
import math

from edge.capture.graded import Graded
from edge.capture.trigger import AGAIN_S, Fired
from edge.capture.visit import EYES, By, Captured, Visit, VisitState, wanted_of
from edge.criteria.adequacy import judge
from edge.criteria.criterion import Criterion
from edge.errors import EdgeError, InputError
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind
from edge.guidance.hint import Code


class Register:
    """Enters the captures of one visit after the other. Used under the lock of its session.

    Attributes:
        visit: of now.

    Args:
        criterion: what a picture must be to count; None: good or usable.
        eyes: whose pictures are wanted.
        stated: the eye of every capture, unless the operator says otherwise; None where the picture tells.
    """

    def __init__(self, criterion: Criterion | None, eyes: tuple[Eye, ...], stated: Eye | None) -> None:
        self._criterion, self._stated = criterion, check_eye(stated)
        self._wanted = wanted_of(criterion, tuple(eye for eye in map(check_eye, eyes) if eye is not None))
        if not self._wanted:
            raise InputError("a visit is of one eye at least: give right, left or both.")
        self._by_field = any(each.field is not None for each in self._wanted)
        self.visit = Visit()
        self._begin(1)

    def _begin(self, number: int) -> None:
        self.visit = Visit(number, wanted=self._wanted, stated=self._stated)
        self._last_number = 0
        self._paused_until = -math.inf  # nothing fires by itself before that
        self._taken: dict[int, float] = {}  # when each capture was,
        self._best: dict[int, tuple[int, float]] = {}  # and which frame is its best one
        self._discarded: dict[int, Captured] = {}

    def allows(self, best: Graded, eye_number: int, told: Eye | None, t: float) -> bool:
        """Whether a frame may fire by itself: its picture is wanted, and not there yet.

        Args:
            best: the frame.
            eye_number: of the eye before the camera, as ``Fired`` counts.
            told: the eye that the picture tells.
            t: the time of now.
        """
        field = best.assessment.field_definition.kind
        if self.visit.state == "ended" or t < self._paused_until or (self._by_field and field == "other"):
            return False
        alike = [one for one in self.visit.captures if self._is_alike(one, field, eye_number, told)]
        if not alike:
            return told is not None or bool(self.visit.missing)
        waits = any(t - self._taken[one.number] < AGAIN_S for one in alike)
        return not waits and not any(one.adequate for one in alike) and self._is_adequate(best)

    def _is_alike(self, one: Captured, field: FieldKind, eye_number: int, told: Eye | None) -> bool:
        """Whether a capture shows the eye and the field of now; one whose eye is not known may."""
        if self._by_field and one.field != field:
            return False
        eye = self.visit.stated or told
        if eye is None or one.eye is None:
            return one.eye_number == eye_number
        return eye == one.eye or (one.contradiction and told == one.told)

    def done(self, told: Eye | None) -> Code | None:
        """The hint in place of ``hold`` where nothing is left to do: at this eye, or in this visit.

        Args:
            told: the eye that the picture tells.
        """
        visit, eye = self.visit, self.visit.stated or told
        if visit.state == "ended" or not visit.captures:
            return None
        if not visit.missing:
            return "complete"
        wanted = any(each.eye == eye for each in visit.wanted)
        return "other_eye" if wanted and all(each.eye != eye for each in visit.missing) else None

    def has(self, best: Graded) -> bool:
        """Whether a frame is captured already, as where a hand presses the shutter while it fires by itself."""
        return any(self._best[one.number] == (best.frame.index, best.t) for one in self.visit.captures)

    def enter(self, fired: Fired, by: By, told: Eye | None) -> Captured:
        """Enter a capture.

        Args:
            fired: its frames.
            by: what fired.
            told: the eye that the picture tells.
        """
        best, stated = fired.frames[0], self.visit.stated
        self._last_number += 1
        entered = Captured(
            self._last_number,
            stated or told,
            best.assessment.field_definition.kind,
            by,
            best.assessment.score,
            best.assessment.verdict,
            self._is_adequate(best),
            None not in (stated, told) and stated != told,
            told,
            stated,
            fired.eye,
        )
        self._taken[entered.number], self._best[entered.number] = fired.t, (best.frame.index, best.t)
        self.visit = dataclasses.replace(self.visit, captures=(*self.visit.captures, entered))
        return entered

    def _is_adequate(self, graded: Graded) -> bool:
        if self._criterion is not None:
            return judge(graded.assessment, self._criterion).adequate
        return graded.assessment.verdict in ("good", "usable")

    def correct_eye(self, number: int, eye: Eye) -> Captured:
        """The operator says which eye a capture shows; that settles any contradiction.

        Raises:
            InputError: there is no such eye.
            EdgeError: there is no such capture, or the visit has ended and it was no question any more.
        """
        if check_eye(eye) is None:
            raise InputError("a capture is of the right or the left eye: say which.")
        self._changeable(number)
        changed = dataclasses.replace(self._find(number), eye=eye, stated=eye, contradiction=False)
        captures = tuple(changed if one.number == number else one for one in self.visit.captures)
        self.visit = dataclasses.replace(self.visit, captures=captures)
        return changed

    def discard(self, number: int, t: float) -> Captured:
        """Take a capture out: what it showed is missing again, and may fire, a moment after ``t``.

        Raises:
            EdgeError: as for ``correct_eye``.
        """
        self._changeable(number)
        gone = self._find(number)
        self.visit = dataclasses.replace(
            self.visit, captures=tuple(one for one in self.visit.captures if one.number != number)
        )
        self._paused_until, self._discarded[number] = t + AGAIN_S, gone
        return gone

    def restore(self, number: int) -> Captured:
        """Put back what was discarded.

        Raises:
            EdgeError: no such capture was discarded in this visit.
        """
        if (back := self._discarded.pop(number, None)) is None:
            raise EdgeError(f"visit {self.visit.number} has no discarded capture {number} to bring back.")
        captures = sorted((*self.visit.captures, back), key=lambda one: one.number)
        self.visit = dataclasses.replace(self.visit, captures=tuple(captures))
        return back

    def _find(self, number: int) -> Captured:
        for one in self.visit.captures:
            if one.number == number:
                return one
        raise EdgeError(f"visit {self.visit.number} has no capture {number}: it was discarded, or never taken.")

    def _changeable(self, number: int) -> None:
        if self.visit.state == "ended" and not self._find(number).question:
            raise EdgeError(
                f"visit {self.visit.number} has ended, and capture {number} with it: it can no longer be changed."
            )

    def set_eye(self, eye: Eye | None) -> None:
        """The operator states the eye of what comes; None leaves it to the picture.

        Raises:
            InputError: there is no such eye.
        """
        self.visit = dataclasses.replace(self.visit, stated=check_eye(eye))

    def end(self) -> Visit:
        """End the visit: nothing more is captured; returns it."""
        ended: VisitState = "ended"
        self.visit = dataclasses.replace(self.visit, state=ended)
        return self.visit

    def next(self) -> Visit:
        """Begin the next visit; returns the one before, ended."""
        before = self.end()
        self._begin(before.number + 1)
        return before


def check_eye(eye: Eye | None) -> Eye | None:
    """An eye as it is.

    Raises:
        InputError: it is neither ``right`` nor ``left`` nor None.
    """
    if eye is not None and eye not in EYES:
        raise InputError(f"there is no eye {eye!r}: it is right or left.")
    return eye
