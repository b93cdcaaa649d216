"""The visits of one program: each has a folder of its own, and is ended, corrected and handed over from any thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence

from edge.capture.archive.study import Study
from edge.capture.archive.worklist_item import WorklistItem
from edge.capture.graded import Graded
from edge.capture.guided import GuidedSession
from edge.capture.session.identity import Fields, study_of_next, study_of_visit
from edge.capture.session.questions import question_of
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
    """Visits one after the other: ``keep`` and ``settle`` are for the thread that grades, all else for any.

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

    @property
    def now(self) -> tuple[Visit, Room]:
        """Both, of the same visit: between two of them whose it is may not be told of the other."""
        with self._rooms.lock:
            return self._guided.visit, self._rooms.newest

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
        return next((one for one in visit.captures if one.number == number), None)

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
            self._check(visit, whose=patient or item)
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
        self._done(done)

    def identify(self, visit: int, patient: Fields, item: WorklistItem | None = None) -> None:
        """Say whose visit it is; what is there already gets that identity too.

        Raises:
            OtherVisitError: ``visit`` is not the one of now.
            EdgeError: the identity is wrong, there is nowhere to put it, the visit has ended, or it has captures of
                somebody else.
        """
        with self._acting:
            self._check(visit, whose=patient or item)
            room = self.room
            study = study_of_visit(self.visit, room.study, patient, item)
            done = room.identify(study)
        self._done(done)

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
        self._done(done)
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
        self._done(done)

    def _done(self, done: threading.Event) -> None:
        """Tell of a change, and wait until it is on disk: what was answered is not lost by a power cut."""
        self._changed()
        if not done.wait(_DISK_S):
            raise EdgeError("this is not on disk yet, which is slow or full: it is tried again until the program ends.")

    def _check(self, visit: int, whose: Fields | WorklistItem | None = None) -> None:
        if self._ending:
            raise EdgeError(f"visit {self.visit.number} has ended, with the program: start it again for the next one.")
        if visit != self.visit.number:
            raise OtherVisitError(f"visit {self.visit.number} is the one of now, not visit {visit}: look again.")
        if self._refusal and whose:
            raise EdgeError(self._refusal)
