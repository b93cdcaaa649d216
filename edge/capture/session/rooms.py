"""The folders of the visits of one program: one is written, and those before it are closed in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge.capture.archive.study import Study
from edge.capture.graded import Graded
from edge.capture.session.judge import Judge
from edge.capture.session.session import Session


@dataclass
class Room:
    """The folder of a visit.

    Attributes:
        session: that writes it.
        judge: of what it keeps, where there is a criterion.
        study: of its DICOM files, where there are any.
        best: the best frame so far.
        identities: how often somebody said since it began whose visit it is.
    """

    session: Session
    judge: Judge | None
    study: Study | None
    best: Graded | None = None
    identities: int = 0

    def identify(self, study: Study) -> threading.Event:
        """The visit is of this study; returns what is set once its files say so."""
        self.study, self.identities = study, self.identities + 1
        return self.session.identify(study)


Begin = Callable[[int, Study | None], Room]
Closed = Callable[[int, Room], None]


class Rooms:
    """The rooms by the number of their visit.

    Attributes:
        lock: held while one is looked up and used.

    Args:
        begin: makes one, by the number of its visit and its study; raises EdgeError where it cannot.
        closed: called once everything of a visit is on disk, from a thread of its own.
    """

    def __init__(self, begin: Begin, closed: Closed) -> None:
        self.lock = threading.Lock()
        self._begin, self._closed = begin, closed
        self._rooms: dict[int, Room] = {}
        self._newest: Room | None = None
        self._over: list[int] = []
        self._closing: list[threading.Thread] = []

    def begin(self, number: int, study: Study | None) -> Room:
        """Make the room of a visit, beside those that are there.

        Raises:
            EdgeError: it cannot be made.
        """
        return self._begin(number, study)

    def open(self, number: int, room: Room) -> None:
        """From now on this one is written; call it with the lock."""
        self._over += list(self._rooms)
        self._rooms[number] = self._newest = room

    def of(self, number: int) -> Room | None:
        """The room of a visit; None where it is closed. Call it with the lock."""
        return self._rooms.get(number)

    @property
    def newest(self) -> Room:
        """That of the visit of now, also once all are closed."""
        assert self._newest is not None  # the first one is opened at once
        return self._newest

    def settle(self) -> None:
        """Close the rooms of visits that are over, in the background; called while no frame is on its way."""
        with self.lock:
            over, self._over = self._over, []
            rooms = [(number, self._rooms.pop(number)) for number in over]
        for number, room in rooms:
            thread = threading.Thread(target=self._close, args=(number, room), name=f"visit {number}")
            self._closing = [*(each for each in self._closing if each.is_alive()), thread]
            thread.start()

    def close(self) -> None:
        """Close all, and wait until everything is on disk."""
        self.settle()
        for thread in self._closing:
            thread.join()
        with self.lock:
            rooms, self._rooms = sorted(self._rooms.items()), {}
        for number, room in rooms:
            self._close(number, room)

    def _close(self, number: int, room: Room) -> None:
        room.session.close()
        self._closed(number, room)
