"""The visits of one program: each has a folder of its own, into which goes what its frames hold."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from edge.capture.graded import Graded
from edge.capture.session.acts import Acts
from edge.capture.session.questions import question_of
from edge.capture.session.record import better
from edge.capture.session.rooms import Room
from edge.capture.visit import Captured, Step, Visit
from edge.errors import EdgeError
from edge.findings.eye import Eye


class Visits(Acts):
    """Visits one after the other: ``keep`` and ``settle`` are for the thread that grades, all else for any.

    What an operator does names the visit it is meant for, so that of two phones none acts on the other's next patient.

    Attributes:
        eye: that the frames of this moment show.
        field: what the newest frame is centred on; None without a retina.
        restarted: number of the visit that a kill had cut when this program began; None where none was.
    """

    @property
    def now(self) -> tuple[Visit, Room]:
        """Both, of the same visit: between two of them whose it is may not be told of the other."""
        with self._rooms.lock:
            return self._guided.visit, self._rooms.newest

    @property
    def ending(self) -> list[Path]:
        """The folders of visits that are over, and of which not everything is on disk yet."""
        return self._rooms.ending

    def answered(self, folder: Path, number: int, eye: Eye) -> None:
        """Somebody said among the ended visits which eye a capture of the current one shows, if it is that one."""
        with self._acting, contextlib.suppress(EdgeError):  # it was discarded meanwhile
            if self.room.session.folder == folder and self.visit.state == "ended":
                self._guided.correct_eye(number, eye)
        self._changed()

    def discarded(self, visit: int) -> tuple[Captured, ...]:
        """What may still come back."""
        return self._discards.of(visit)

    def keep(self, step: Step) -> bool:
        """Write what a step holds into the folder of its visit; nothing once that has ended.

        Returns:
            Whether it is the best frame of its visit so far.

        Raises:
            EdgeError: a capture is not kept, because too many wait for the disk.
        """
        found = step.assessment
        field = found.field_definition.kind if found.verdict != "no_fundus" else None
        if (self.eye, self.field) != (step.eye, field):
            self.eye, self.field = step.eye, field
            self._changed()
        with self._rooms.lock:
            room = self._rooms.of(step.visit.number)
            shown = None if step.capture is None else self._entered(step, step.capture.number)
            if room is None or (step.visit.state == "ended" and shown is None):
                return False
            best = not self._guided.stays and better(step.graded, room.best)
            room.best = step.graded if best else room.best
            room.session.keep(step.graded, room.best, step.visit.stated)
            if step.capture is not None and shown is not None:
                self._capture(room, step.visit.number, step.capture.frames, shown)
        if shown is not None:
            if question := question_of(step.visit.number, shown):
                self._warn(question)
            self._changed()
        return best

    def _capture(self, room: Room, visit: int, frames: Sequence[Graded], shown: Captured) -> None:
        """Save a capture; one that is refused was not taken, and may be taken again."""
        try:
            room.session.capture(frames, shown=shown)
        except EdgeError:
            with contextlib.suppress(EdgeError):  # the visit has ended
                if visit == self._guided.visit.number:
                    self._guided.discard(shown.number)
            raise

    def _entered(self, step: Step, number: int) -> Captured | None:
        """A capture as it is now, which the operator may have corrected a moment ago; None if it was discarded."""
        now = self._guided.visit
        visit = now if now.number == step.visit.number else step.visit
        there = (*visit.captures, *self._discards.of(visit.number))  # which may still come back
        return next((one for one in there if one.number == number), None)

    def settle(self) -> None:
        """Close the folders of visits that are over, in the background; called while no frame is on its way.

        What was discarded a while ago goes for good.
        """
        if self._discards.go():
            self._changed()
        self._rooms.settle()

    def close(self) -> None:
        """End the visit of now, and wait until everything is on disk; may be called twice."""
        with self._acting:
            self._ending = True
            self._discards.go(at_once=True)
        self._rooms.close()
