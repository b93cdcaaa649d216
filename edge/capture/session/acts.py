"""What an operator does with the visits of a program, from any thread: next, end, whose, which eye, discard, undo."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge.capture.archive.study import Study
from edge.capture.archive.worklist_item import WorklistItem
from edge.capture.guided import GuidedSession
from edge.capture.retention.answers import answer_capture, set_aside_capture
from edge.capture.session.discards import Discards
from edge.capture.session.identity import Fields, study_of_next, study_of_visit
from edge.capture.session.rooms import Begin, Closed, Room, Rooms
from edge.capture.visit import Captured, Visit
from edge.errors import EdgeError
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

_DISK_S = 10.0  # for so long an answer waits until a change is on disk


class OtherVisitError(EdgeError):
    """What was asked for is meant for a visit that is not the current one."""


class Acts:
    """The buttons of a visit; see ``Visits``."""

    def __init__(
        self,
        guided: GuidedSession,
        begin: Begin,
        study: Study | None,
        warn: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
        closed: Closed = lambda number, room: None,
        refusal: str = "",
        restarted: int | None = None,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin the first visit.

        Args:
            guided: the session that looks at the frames.
            begin, closed: see ``Rooms``.
            study: of the first visit, where DICOM files are made.
            warn: called with one sentence where the operator must say something of a capture.
            changed: called when something of the visit has changed.
            restarted: see the attribute.
            settled: called when a question of a visit that is over is answered, or its capture discarded.
            refusal: why no identity may be given, such as where its way to the archive is open; empty where one may.

        Raises:
            EdgeError: its folder cannot be made.
        """
        self._guided, self._warn, self._changed, self._refusal = guided, warn, changed, refusal
        self.restarted, self._settled = restarted, settled
        self._acting = threading.Lock()  # one operator's action at a time
        self._ending = False
        self._rooms = Rooms(begin, closed)
        self._discards = Discards(self._rooms, warn)
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

    def next(self, visit: int, patient: Fields | None = None, item: WorklistItem | None = None) -> int:
        """The next patient comes; what is kept of the last one is ended.

        Args:
            visit: the current one.
            patient: fields of identity, as for ``check_patient``.
            item: of the worklist.

        Returns:
            The number of the new visit.

        Raises:
            OtherVisitError: ``visit`` is not the current one.
            EdgeError: the identity is wrong, there is nowhere to put it, no folder can be made; nothing changes.
        """
        with self._acting:
            self._check(visit, whose=patient or item)
            study = study_of_next(self.room.study, patient or {}, item)
            room = self._rooms.begin(visit + 1, study)
            self._discards.go(at_once=True)
            with self._rooms.lock:
                self._guided.next_visit()
                self._rooms.open(visit + 1, room)
        self._changed()
        return visit + 1

    def end(self, visit: int) -> None:
        """End the visit: nothing more is captured, what is certain is handed over, and its folder is closed soon.

        Raises:
            OtherVisitError: ``visit`` is not the current one.
        """
        with self._acting:
            self._check(visit)
            self._guided.end_visit()
            self._discards.go(at_once=True)
            with self._rooms.lock:
                room = self._rooms.of(visit)
                done = None if room is None else room.session.release()
                self._rooms.end(visit)
        self._done(done)

    def identify(self, visit: int, patient: Fields, item: WorklistItem | None = None) -> None:
        """Say whose visit it is; what is there already gets that identity too.

        Raises:
            OtherVisitError: ``visit`` is not the current one.
            EdgeError: the identity is wrong, there is nowhere to put it, the visit has ended, or it has captures of
                somebody else.
        """
        with self._acting:
            self._check(visit, whose=patient or item)
            room = self.room
            study = study_of_visit(self.visit, room.study, patient, item)
            if room.study is not None and room.study.names_somebody and study.attributes != room.study.attributes:
                self._discards.go(at_once=True)  # they are of somebody else
            done = room.identify(study)
        self._done(done)

    def capture_now(self, visit: int) -> None:
        """Keep a frame now.

        Raises:
            OtherVisitError: ``visit`` is not the current one.
            EdgeError: it has ended.
        """
        with self._acting:  # until the next one begins, which forgets what was asked for
            self._check(visit)
            if self.visit.state == "ended":
                raise EdgeError(f"visit {visit} has ended: begin the next one.")
            self._guided.capture_now()

    def set_eye(self, visit: int, eye: Eye | None) -> None:
        """State the eye of what comes.

        Raises:
            OtherVisitError: ``visit`` is not the current one.
            InputError: there is no such eye.
        """
        with self._acting:
            self._check(visit)
            self._guided.set_eye(eye)
        self._changed()

    def correct_eye(self, visit: int, number: int, eye: Eye) -> Captured:
        """State which eye a capture shows.

        Raises:
            OtherVisitError: ``visit`` is not the current one.
            EdgeError: as ``GuidedSession.correct_eye`` says.
        """
        with self._acting:
            self._check(visit)
            with self._rooms.lock:
                room, done = self._rooms.of(visit), None
                if room is not None:
                    shown = self._guided.correct_eye(number, eye)
                    done = room.session.correct(shown)
            if room is None:
                self._on_disk(visit, number, lambda last: answer_capture(last.session.folder, number, eye, last.take))
                shown = self._guided.correct_eye(number, eye)
        self._done(done)
        return shown

    def discard(self, visit: int, number: int) -> None:
        """Take a capture out; its files go a few seconds later, or with the visit, and until then it may come back.

        Raises:
            OtherVisitError: ``visit`` is not the current one.
            EdgeError: as ``GuidedSession.discard`` says.
        """
        with self._acting:
            self._check(visit)
            with self._rooms.lock:
                room, done = self._rooms.of(visit), None
                if room is not None:
                    self._discards.add(visit, self._guided.discard(number))
                    done = room.session.set_aside(number, True)
            if room is None:
                self._on_disk(visit, number, lambda last: set_aside_capture(last.session.folder, number, True))
                self._discards.add(visit, self._guided.discard(number))
        self._done(done)

    def undo(self, visit: int, number: int) -> None:
        """Bring a discarded capture back.

        Raises:
            OtherVisitError: ``visit`` is not the current one.
            EdgeError: it is gone for good.
        """
        with self._acting:
            self._check(visit)
            if (back := self._discards.take_back(visit, number)) is None:
                raise EdgeError(f"capture {number} of visit {visit} is gone: take it again.")
            with self._rooms.lock:
                room, done = self._rooms.of(visit), None
                if room is not None:
                    self._guided.restore(number)
                    done = room.session.set_aside(number, False)
            if room is None:
                try:
                    self._on_disk(visit, number, lambda last: set_aside_capture(last.session.folder, number, False))
                except EdgeError:
                    self._discards.add(visit, back)
                    raise
                self._guided.restore(number)
        self._done(done)

    def _on_disk(self, visit: int, number: int, change: Callable[[Room], bool]) -> None:
        """Change a capture of the current visit, which is over: what is asked of it is on disk alone.

        Raises:
            EdgeError: not all of the visit is on disk yet, it is not asked about any more, or it cannot be changed.
        """
        if not self._rooms.is_closed(visit, _DISK_S):
            raise EdgeError(f"visit {visit} is not on disk yet, which is slow or full: try again in a while.")
        certain = any(one.number == number and not one.question for one in self.visit.captures)
        if not change(self._rooms.newest) and not certain:  # which the guided session refuses in its own words
            raise EdgeError(f"capture {number} of visit {visit} was answered already, or is gone: look again.")
        self._settled()

    def _done(self, done: threading.Event | None) -> None:
        """Tell of a change, and wait until it is on disk: what was answered is not lost by a power cut."""
        self._changed()
        if done is not None and not done.wait(_DISK_S):
            raise EdgeError("this is not on disk yet, which is slow or full: it is tried again until the program ends.")

    def _check(self, visit: int, whose: Fields | WorklistItem | None = None) -> None:
        if self._ending:
            raise EdgeError(f"visit {self.visit.number} has ended, with the program: start it again for the next one.")
        if visit != self.visit.number:
            raise OtherVisitError(f"visit {self.visit.number} is the current one, not visit {visit}: look again.")
        if self._refusal and whose:
            raise EdgeError(self._refusal)
