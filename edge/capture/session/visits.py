"""The visits of one program: each has a folder of its own, and is ended, corrected and handed over from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge.capture.archive.study import Study
from edge.capture.archive.worklist_item import WorklistItem
from edge.capture.guided import GuidedSession
from edge.capture.session.identity import Fields, study_of_next, study_of_visit
from edge.capture.session.record import better
from edge.capture.session.rooms import Begin, Closed, Room, Rooms
from edge.capture.visit import Captured, Step, Visit
from edge.errors import EdgeError
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

_DISK_S = 10.0  # for so long an answer waits until a change is on disk


class OtherVisitError(EdgeError):
    """What was asked for is meant for a visit that is not the current one."""


class Visits:
    """Visits one after the other. ``keep`` and ``settle`` are for the thread that grades, all else for any.

    What an operator does names the visit it is meant for, so that of two phones none acts on the other's next patient.

    Attributes:
        eye: that the frames of this moment show.
        field: what the frame of now is centred on; None without a retina.
    """

    def __init__(
        self,
        guided: GuidedSession,
        begin: Begin,
        study: Study | None,
        warn: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
        closed: Closed = lambda number, room: None,
        refusal: str = "",
    ) -> None:
        """Begin the first visit.

        Args:
            guided: the session that looks at the frames.
            begin, closed: see ``Rooms``.
            study: of the first visit, where DICOM files are made.
            warn: called with one sentence where the operator must say something of a capture.
            changed: called when something of the visit has changed.
            refusal: why no identity may be given, such as where its way to the archive is open; empty where one may.

        Raises:
            EdgeError: its folder cannot be made.
        """
        self._guided, self._warn, self._changed, self._refusal = guided, warn, changed, refusal
        self._acting = threading.Lock()  # one operator's action at a time
        self._ending = False
        self._rooms = Rooms(begin, closed)
        self._rooms.open(guided.visit.number, self._rooms.begin(guided.visit.number, study))
        self.eye: Eye | None = None
        self.field: FieldKind | None = None

    @property
    def visit(self) -> Visit:
        """The one of now."""
        return self._guided.visit

    @property
    def room(self) -> Room:
        """Its folder."""
        return self._rooms.newest

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
            best = better(step.graded, room.best)
            room.best = step.graded if best else room.best
            room.session.keep(step.graded, room.best, step.visit.stated)
            if step.capture is not None and shown is not None:
                room.session.capture(step.capture.frames, shown=shown)
        if shown is not None:
            self._ask(step.visit.number, shown)
            self._changed()
        return best

    def _entered(self, step: Step, number: int) -> Captured | None:
        """A capture as it is now, which the operator may have corrected a moment ago; None if it was discarded."""
        now = self._guided.visit
        visit = now if now.number == step.visit.number else step.visit
        return next((one for one in visit.captures if one.number == number), None)

    def _ask(self, visit: int, shown: Captured) -> None:
        which = f"capture {shown.number} of visit {visit}"
        if shown.contradiction:
            self._warn(
                f"{which} shows a {shown.told} eye, but {shown.stated} was stated: say which it is, or discard it; "
                "until then it is not handed over."
            )
        elif shown.eye is None:
            self._warn(f"{which} does not tell its eye: say which it is; until then it is not handed over.")

    def settle(self) -> None:
        """Close the folders of visits that are over, in the background; called while no frame is on its way."""
        self._rooms.settle()

    def close(self) -> None:
        """End the visit of now, and wait until everything is on disk; may be called twice."""
        with self._acting:
            self._ending = True
        self._rooms.close()

    # --- what the operator does

    def next(self, visit: int, patient: Fields | None = None, item: WorklistItem | None = None) -> int:
        """The next patient comes; what is kept of the last one is ended.

        Args:
            visit: of now.
            patient: fields of identity, as for ``check_patient``.
            item: of the worklist.

        Returns:
            The number of the new visit.

        Raises:
            OtherVisitError: ``visit`` is not the one of now.
            EdgeError: the identity is wrong, there is nowhere to put it, no folder can be made; nothing changes.
        """
        with self._acting:
            self._check(visit)
            self._check_identity(patient, item)
            study = study_of_next(self.room.study, patient or {}, item)
            room = self._rooms.begin(visit + 1, study)
            with self._rooms.lock:
                self._guided.next_visit()
                self._rooms.open(visit + 1, room)
        self._changed()
        return visit + 1

    def end(self, visit: int) -> None:
        """End the visit: nothing more is captured, and what is certain is handed over.

        Raises:
            OtherVisitError: ``visit`` is not the one of now.
        """
        with self._acting:
            self._check(visit)
            self._guided.end_visit()
            done = self.room.session.release()
        self._changed()
        done.wait(_DISK_S)

    def identify(self, visit: int, patient: Fields, item: WorklistItem | None = None) -> None:
        """Say whose visit it is; what is there already gets that identity too.

        Raises:
            OtherVisitError: ``visit`` is not the one of now.
            EdgeError: the identity is wrong, there is nowhere to put it, the visit has ended, or it has captures of
                somebody else.
        """
        with self._acting:
            self._check(visit)
            self._check_identity(patient, item)
            room = self.room
            study = study_of_visit(self.visit, room.study, patient, item)
            room.study = study
            done = room.session.identify(study)
        self._changed()
        done.wait(_DISK_S)

    def set_eye(self, visit: int, eye: Eye | None) -> None:
        """State the eye of what comes.

        Raises:
            OtherVisitError: ``visit`` is not the one of now.
            InputError: there is no such eye.
        """
        with self._acting:
            self._check(visit)
            self._guided.set_eye(eye)
        self._changed()

    def correct_eye(self, visit: int, number: int, eye: Eye) -> Captured:
        """State which eye a capture shows.

        Raises:
            OtherVisitError: ``visit`` is not the one of now.
            EdgeError: as ``GuidedSession.correct_eye`` says.
        """
        with self._acting:
            self._check(visit)
            with self._rooms.lock:
                shown = self._guided.correct_eye(number, eye)
            done = self.room.session.correct(shown)
        self._changed()
        done.wait(_DISK_S)
        return shown

    def discard(self, visit: int, number: int) -> None:
        """Take a capture out, with every file of it.

        Raises:
            OtherVisitError: ``visit`` is not the one of now.
            EdgeError: as ``GuidedSession.discard`` says.
        """
        with self._acting:
            self._check(visit)
            with self._rooms.lock:
                self._guided.discard(number)
            done = self.room.session.discard(number)
        self._changed()
        done.wait(_DISK_S)

    def _check(self, visit: int) -> None:
        if self._ending:
            raise EdgeError(f"visit {self.visit.number} has ended, with the program: start it again for the next one.")
        if visit != self.visit.number:
            raise OtherVisitError(f"visit {self.visit.number} is the one of now, not visit {visit}: look again.")

    def _check_identity(self, patient: Fields | None, item: WorklistItem | None) -> None:
        if self._refusal and (patient or item is not None):
            raise EdgeError(self._refusal)
