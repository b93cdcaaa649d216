"""When to keep something: automatically, or by hand."""

from __future__ import annotations

import threading

from edge.bundle.bundle import Thresholds
from edge.capture.graded import Graded
from edge.capture.trigger import Allows, Fired, Strictness, Trigger, profile_of
from edge.capture.visit import By


class Shutter:
    """Decides once per graded frame whether to keep something now: by the trigger, or by hand.

    Attributes:
        asked: set from anywhere (a key, a web page, a signal) to keep a frame now.
    """

    def __init__(self, thresholds: Thresholds, strictness: Strictness | None, keep: int) -> None:
        """Set up.

        Args:
            thresholds: of the bundle.
            strictness: of automatic capture; None for capture by hand only.
            keep: frames of one capture, runners-up included.
        """
        self.asked = threading.Event()
        self._thresholds, self._keep = thresholds, keep
        self._strictness = strictness
        self._wanted: Strictness | None = None
        self._trigger: Trigger | None = None
        self.forget()

    def forget(self) -> None:
        """Start over with the next frame, with the strictness of now: earlier frames and captures are another's."""
        wanted, self._wanted = self._wanted, None
        self.asked.clear()
        if self._strictness is not None:
            self._strictness = wanted or self._strictness
            self._trigger = Trigger(self._strictness, self._thresholds, self._keep)

    def set_strictness(self, strictness: Strictness) -> None:
        """Change it from any thread; valid from the next frame on, and of no effect on capture by hand only.

        Raises:
            InputError: there is no such strictness.
        """
        profile_of(strictness)
        self._wanted = strictness

    @property
    def eye_number(self) -> int:
        """Of the eye before the camera, counted from 1 since the last ``forget``; always 1 by hand only."""
        return 1 if self._trigger is None else self._trigger.eye

    def wait(self) -> None:
        """What the last moments gave is not wanted: what fires next is held anew, from the next frame on."""
        self.asked.clear()
        if self._trigger is not None:
            self._trigger.wait()

    def update(self, graded: Graded, allows: Allows | None = None) -> tuple[Fired, By] | None:
        """What to keep now, and by what: ``auto`` or ``hand``.

        By hand, the best of the last moments is kept with automatic capture, else the current frame.

        Args:
            graded: the frame.
            allows: see ``Trigger.update``.
        """
        wanted, self._wanted = self._wanted, None
        if wanted is not None and self._trigger is not None:
            self._strictness = wanted
            self._trigger.set_strictness(wanted)
        fired = None if self._trigger is None else self._trigger.update(graded, allows)
        if self.asked.is_set():
            self.asked.clear()
            by_hand = self._trigger.manual() if self._trigger is not None else None
            return by_hand or Fired((graded,), graded.t, 1), "hand"
        return None if fired is None else (fired, "auto")
