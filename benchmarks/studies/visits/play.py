"""One visit played: what was captured of which eye, by what, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.visits.eyes import PlayedEye
from benchmarks.studies.visits.hand import FPS, Hand, between
from edge.camera.protocol import Frame
from edge.capture.guided import GuidedSession
from edge.capture.session.visits import Visits
from edge.capture.visit import Captured, Step, Wanted
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

_PATIENCE_S = 12.0  # for one field, before the operator presses the button
_GIVEN_UP_S = 3.0  # and then goes on
_FIELDS: tuple[FieldKind, ...] = ("macula", "disc")


@dataclass(frozen=True)
class Shown:
    """A capture and what was before the camera.

    Attributes:
        captured: as the visit has it.
        eye, field: that were shown; the field is that which the camera pointed at then.
    """

    captured: Captured
    eye: Eye
    field: FieldKind

    @property
    def right(self) -> bool:
        """Whether eye and field are those that were shown."""
        return self.captured.eye == self.eye and self.captured.field == self.field


@dataclass
class Played:
    """One visit.

    Attributes:
        names: of its photographs.
        shown: each capture.
        twice: adequate captures of an eye and a field that was there already.
        missing: what was still missing at the end.
        seconds: that it took, of the camera's own time.
    """

    names: tuple[str, ...]
    shown: list[Shown] = field(default_factory=list)
    twice: int = 0
    missing: tuple[Wanted, ...] = ()
    seconds: float = 0.0

    @property
    def wrong(self) -> list[Shown]:
        """Captures with another eye or field than was shown, questions aside."""
        return [each for each in self.shown if not each.captured.question and not each.right]


class Player:
    """Plays visits one after the other into the same session.

    Args:
        guided: the session.
        visits: its folders; None to keep nothing.
    """

    def __init__(self, guided: GuidedSession, visits: Visits | None) -> None:
        self._guided, self._visits = guided, visits
        self._index = 0

    def play(self, eyes: Sequence[PlayedEye], seed: int) -> Played:
        """Play the visit of now: each eye, with something in between; the caller begins the next one."""
        rng, began = np.random.default_rng(seed), self._index
        played = Played(tuple(eye.name for eye in eyes))
        for number, eye in enumerate(eyes):
            hand = Hand(eye, seed * 2 + number)
            for picture in between(hand.size, rng.uniform(0.8, 3.0), rng):
                self._look(picture, None, played)
            for kind in _FIELDS:
                self._point(hand, eye, kind, played)
        played.missing = self._guided.visit.missing
        played.seconds = (self._index - began) / FPS
        return played

    def _point(self, hand: Hand, eye: PlayedEye, kind: FieldKind, played: Played) -> None:
        """Point at one field until the page says that it is there."""
        spoils_at, since = self._index + round(0.7 * FPS), self._index
        while hand.left and Wanted(eye.eye, kind) in self._guided.visit.missing:
            spent = (self._index - since) / FPS
            if self._index == spoils_at:
                hand.spoil()
            if spent >= _PATIENCE_S + _GIVEN_UP_S:
                return
            if spent >= _PATIENCE_S and spent - 1 / FPS < _PATIENCE_S:
                self._guided.capture_now()
            self._look(hand.frame(eye.places[kind]), (eye.eye, hand.shows), played)
        for _ in range(round(0.7 * FPS)):  # until the operator has seen it
            if hand.left:
                self._look(hand.frame(eye.places[kind]), (eye.eye, hand.shows), played)

    def _look(self, picture: NDArray[np.uint8], truth: tuple[Eye, FieldKind] | None, played: Played) -> Step:
        if self._visits is not None:
            self._visits.settle()
        before = self._guided.visit.missing
        frame = Frame(picture, self._index, time.monotonic())
        step = self._guided.update_frame(frame, self._index / FPS)
        self._index += 1
        if self._visits is not None:
            self._visits.keep(step)
        if step.capture is not None:
            entered = step.visit.captures[-1]
            eye, kind = truth or ("right", "other")
            played.shown.append(Shown(entered, eye, kind))
            if entered.adequate and not entered.question and truth is not None:
                played.twice += not any(each.eye == entered.eye and each.field == entered.field for each in before)
        return step
