"""What waits for the disk: captured frames, and what the operator changed of them since."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.capture.graded import Graded
from edge.capture.session.shot import Shot
from edge.capture.visit import Captured
from edge.errors import EdgeError

_MOST_CAPTURES = 12  # captured frames that wait while the disk is slow or full; each is a full frame in memory


class Queue:
    """Filled from any thread, emptied by the writer's.

    Attributes:
        changed: notified when something was added; its lock guards everything here.
        refused: captures that found no room.
    """

    def __init__(self, folder: Path) -> None:
        self.changed = threading.Condition()
        self.refused = 0
        self._folder = folder
        self._captures: deque[tuple[Graded, Shot]] = deque()
        self._changes: deque[tuple[Callable[[], None], threading.Event]] = deque()
        self._stuck = 0  # how many captures the disk has refused

    def add(self, burst: Sequence[Graded], shown: Captured) -> None:
        """Add a capture.

        Raises:
            EdgeError: too many wait already.
        """
        with self.changed:
            if len(self._captures) + len(burst) > _MOST_CAPTURES:
                self.refused += 1
                raise EdgeError(
                    f"frame {burst[0].frame.index} is not kept: {len(self._captures)} captured frames still wait for "
                    f"the disk of {self._folder}; free some space."
                )
            self._captures.extend((graded, Shot(shown, rank, len(burst))) for rank, graded in enumerate(burst, 1))
            self.changed.notify_all()

    def drop(self, number: int) -> None:
        """Forget the frames of a capture that are not saved yet."""
        with self.changed:
            self._captures = deque(each for each in self._captures if each[1].shown.number != number)

    def correct(self, shown: Captured) -> None:
        """Save the frames of a capture that are not saved yet as it is now."""
        with self.changed:
            self._captures = deque(
                (graded, shot.by_now(shown) if shot.shown.number == shown.number else shot)
                for graded, shot in self._captures
            )

    def then(self, change: Callable[[], None], *, first: bool = False) -> threading.Event:
        """Make a change of what is saved, however often it takes; returns what is set then.

        It waits for no captured frame, which may wait for room on the disk; it must be right for those that follow.

        Args:
            change: after all that were added before, one of which may fail for a while.
            first: before those, whose order does not matter to this one.
        """
        done = threading.Event()
        with self.changed:
            if first:
                self._changes.appendleft((change, done))
            else:
                self._changes.append((change, done))
            self.changed.notify_all()
        return done

    @property
    def waiting(self) -> set[int]:
        """Numbers of the captures of which a frame waits."""
        return {shot.shown.number for _, shot in self._captures}

    @property
    def unchanged(self) -> int:
        """How many changes wait."""
        return len(self._changes)

    def any(self) -> bool:
        """Whether anything waits."""
        return bool(self._captures or self._changes)

    def fresh(self) -> bool:
        """Whether something waits that the disk has not refused yet."""
        return len(self._captures) + len(self._changes) > self._stuck

    def refused_by_disk(self, refused: bool) -> None:
        """After a try: whether what waits must wait for the next one."""
        with self.changed:
            self._stuck = len(self._captures) + len(self._changes) if refused else 0

    def empty(self, save: Callable[[Graded, Shot], None]) -> None:
        """Make the changes, then save what was captured, oldest first; what fails stays.

        Raises:
            Exception: the disk did not take one; a change that fails keeps no captured frame from being saved.
        """
        trouble: Exception | None = None
        while self._captures or (self._changes and trouble is None):
            with self.changed:
                change = self._changes[0] if self._changes and trouble is None else None
                capture = self._captures[0] if self._captures and change is None else None
            if change is not None:
                try:
                    change[0]()
                except Exception as error:
                    trouble = error
                    continue
                with self.changed:
                    self._changes.remove(change)
                change[1].set()
            elif capture is not None:
                save(*capture)
                with self.changed:
                    if self._captures and self._captures[0][0] is capture[0]:  # not dropped meanwhile
                        self._captures.popleft()
        if trouble is not None:
            raise trouble
