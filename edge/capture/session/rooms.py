"""The folders of the visits of one program: one is written, and those before it are closed in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.capture.archive.study import Study
from edge.capture.graded import Graded
from edge.capture.retention.answers import Take
from edge.capture.session.judge import Judge
from edge.capture.session.session import Session

_POLL_S = 0.02


@dataclass
class Room:
    """The folder of a visit.

    Attributes:
        session: that writes it.
        judge: of what it keeps, where there is a criterion.
        study: of its DICOM files, where there are any.
        best: the best frame so far.
        identities: how often somebody said since it began whose visit it is.
        take: hands over a DICOM file of it; None where none is.
    """

    session: Session
    judge: Judge | None
    study: Study | None
    best: Graded | None = None
    identities: int = 0
    take: Take | None = None

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
        self._closing: dict[int, tuple[Room, threading.Thread]] = {}

    def begin(self, number: int, study: Study | None) -> Room:
        """Make the room of a visit, beside those that are there.

        Raises:
            EdgeError: it cannot be made.
        """
        return self._begin(number, study)

    def open(self, number: int, room: Room) -> None:
        """From now on this one is written; call it with the lock."""
        self._over = list(self._rooms)
        self._rooms[number] = self._newest = room

    def of(self, number: int) -> Room | None:
        """The room of a visit; None where it is closed. Call it with the lock."""
        return self._rooms.get(number)

    def end(self, number: int) -> None:
        """The visit is over, and no other has begun: it is closed as those before it. Call it with the lock."""
        if number in self._rooms and number not in self._over:
            self._over.append(number)

    def is_closed(self, number: int, within_s: float) -> bool:
        """Wait until everything of a visit that is over is on disk; False if it takes longer."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            with self.lock:
                there, closing = number in self._rooms, self._closing.get(number)
            if not there and (closing is None or not closing[1].is_alive()):
                return True
            time.sleep(_POLL_S)
        return False

    @property
    def ending(self) -> list[Path]:
        """The folders of visits that are over, and of which not everything is on disk yet."""
        with self.lock:
            over = [self._rooms[number] for number in self._over]
            return [
                room.session.folder for room in (*over, *(room for room, t in self._closing.values() if t.is_alive()))
            ]

    @property
    def newest(self) -> Room:
        """That of the visit of now, also once all are closed."""
        assert self._newest is not None  # the first one is opened at once
        return self._newest

    def settle(self) -> None:
        """Close the rooms of visits that are over, in the background; called while no frame is on its way."""
        with self.lock:
            over, self._over = self._over, []
            self._closing = {number: each for number, each in self._closing.items() if each[1].is_alive()}
            for number in over:
                room = self._rooms.pop(number)
                thread = threading.Thread(target=self._close, args=(number, room), name=f"visit {number}")
                self._closing[number] = room, thread
                thread.start()

    def close(self) -> None:
        """Close all, and wait until everything is on disk."""
        self.settle()
        for _, thread in list(self._closing.values()):
            thread.join()
        with self.lock:
            rooms, self._rooms = sorted(self._rooms.items()), {}
        for number, room in rooms:
            self._close(number, room)

    def _close(self, number: int, room: Room) -> None:
        room.session.close()
        self._closed(number, room)
