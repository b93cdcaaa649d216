"""What makes a session keep a frame: the trigger, or a hand."""

from __future__ import annotations

import threading

from edge.bundle.bundle import Thresholds
from edge.capture.loop import Graded
from edge.capture.trigger import Fired, Strictness, Trigger


class Shutter:
    """Asked once per graded frame whether to keep something now.

    Attributes:
        asked: set from anywhere (a key, a web page, a signal) to keep a frame now.
    """

    def __init__(self, thresholds: Thresholds, strictness: Strictness | None, keep: int) -> None:
        """Set up.

        Args:
            thresholds: of the bundle.
            strictness: of automatic capture; None leaves it to the hand.
            keep: frames of one capture, runners-up included.
        """
        self.asked = threading.Event()
        self._trigger = None if strictness is None else Trigger(strictness, thresholds, keep)
        self._wanted: Strictness | None = None

    def set_strictness(self, strictness: Strictness) -> None:
        """Change it from any thread; the next frame is judged by it."""
        self._wanted = strictness

    def update(self, graded: Graded) -> tuple[Fired, str] | None:
        """What to keep now, and who said so: ``auto`` or ``hand``.

        A hand gets the best of the last moments where there is automatic capture, else the frame at hand.
        """
        wanted, self._wanted = self._wanted, None
        if wanted is not None and self._trigger is not None:
            self._trigger.set_strictness(wanted)
        fired = None if self._trigger is None else self._trigger.update(graded)
        if self.asked.is_set():
            self.asked.clear()
            by_hand = self._trigger.manual() if self._trigger is not None else None
            return by_hand or Fired((graded,), graded.t, 1), "hand"
        return None if fired is None else (fired, "auto")
