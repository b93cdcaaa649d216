"""From what each frame says to one hint at a time, without flicker: a vote of recent frames, and a shortest stay."""

from __future__ import annotations

import math

from edge.findings.cause import clock_at
from edge.guidance.hint import OF_A_FRAME, Code, Hint

SETTLE_S = 0.2  # time constant of the vote of recent frames
FORGOTTEN = 0.01  # share of that vote below which a cause is over
MAJORITY = 0.5  # share of that vote that a new hint needs
DWELL_S = 0.5  # how long a hint is shown at least: at most two changes a second


class Hysteresis:
    """Hysteresis: the vote of the last moments decides, and a hint stays for a while.

    Attributes:
        hint: what is shown now; None before the first frame.
    """

    def __init__(self) -> None:
        self.hint: Hint | None = None
        self._votes: dict[Code, float] = dict.fromkeys(OF_A_FRAME, 0.0)
        self._places: dict[Code, tuple[float, float]] = {}
        self._changed = self._last = 0.0

    def show(self, code: Code, place: tuple[float, float] | None, t: float) -> Hint:
        """The hint to show after one more frame.

        Args:
            code: what the frame alone says.
            place: where its cause is, x to the right and y down, in field radii; None where that says nothing.
            t: the frame's time in seconds; must not go back.
        """
        share = 1.0 if self.hint is None else 1 - math.exp(-min(max(t - self._last, 0.0), 1.0) / SETTLE_S)
        self._last = t
        for name in OF_A_FRAME:
            self._votes[name] += share * ((name == code) - self._votes[name])
        # A cause that comes back may be elsewhere: where it was the last time must not pull.
        self._places = {name: where for name, where in self._places.items() if self._votes[name] > FORGOTTEN}
        if place is not None:
            before = self._places.get(code, place)
            self._places[code] = (
                before[0] + share * (place[0] - before[0]),
                before[1] + share * (place[1] - before[1]),
            )
        winner = max(OF_A_FRAME, key=lambda name: self._votes[name])
        surely = self._votes[winner] >= MAJORITY and t - self._changed >= DWELL_S
        if self.hint is None or surely:
            told = _hint_at(winner, self._places.get(winner))
            if self.hint is None or winner != self.hint.code or _turned(self.hint, told):
                self.hint, self._changed = told, t
        return self.hint


def _turned(old: Hint, new: Hint) -> bool:
    """Whether the same cause is now so much elsewhere that the operator must know."""
    if old.clock is None or new.clock is None:
        return False
    return 2 <= (new.clock - old.clock) % 12 <= 10


def _hint_at(code: Code, place: tuple[float, float] | None) -> Hint:
    if place is None or code not in ("edge_shadow", "off_centre", "reflex"):
        return Hint(code)
    return Hint(code, *clock_at(*place))
