"""Deliver DICOM files on a separate thread.

A failed delivery is retried with growing pauses while the archive is away, and until the file's deadline if it is there
and refuses the file; or until the end of the session. A file that was not delivered by then stays in the session's
folder, marked, and the next session with the same ``--out`` continues with it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.capture.archive.target import Target
from edge.capture.archive.telling import Delivery, files_words, guarded, reason_for
from edge.capture.archive.waiting import Folders, mark_delivered, mark_of

log = logging.getLogger(__name__)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_DEADLINE_S = 12 * 3600.0  # of a file that is refused: an archive may be full, or not set up, for a night
_TRY_S, _SLOWEST_BYTES_S = 60.0, 128 << 10  # of one try: a minute, plus the time of the file at a megabit a second
_LAST_S = 30.0  # for all remaining files at the end of a session
_QUIET_S = 2.0  # of these, before the wait is reported
_GOODBYE_S = 2.0  # then a thread that hangs is abandoned


@dataclass
class _Delivery:
    file: Path
    deadline: float
    pause: float  # after the next failed try
    due: float = 0.0  # the next try
    failed: bool = False


class HandOver:
    """Delivers files in the order of their arrival; one that fails goes behind the others.

    Attributes:
        delivered: how many arrived.
    """

    def __init__(self, target: Target, report: Callable[[str], None], tell: Callable[[str], None]) -> None:
        """Start.

        Args:
            target: of the files.
            report: called with one sentence about files that this session will not deliver.
            tell: called with one sentence when the target stops taking files, and one when it takes them again.
        """
        self._target, self._report, self._tell = target, guarded(report), guarded(tell)
        self.delivered = 0
        self._out: Path | None = None  # of the sessions whose remaining files are taken
        self._folders = Folders()
        self._deliveries: list[_Delivery] = []
        self._late: list[Path] = []  # beyond their deadline
        self._why = ""  # the latest failure, until all failed files have arrived
        self._since = 0.0
        self._changed = threading.Condition()
        self._end: float | None = None
        self._thread = threading.Thread(target=self._work, name="hand-over", daemon=True)
        self._thread.start()

    @property
    def state(self) -> Delivery:
        """How far it is. It takes no lock: one is held while a disk is asked."""
        left = len(self._deliveries) + len(self._late)
        if left == 0:
            return Delivery("sent", self.delivered)
        return Delivery("failed" if self._why or self._late else "waiting", left)

    def take(self, file: Path) -> None:
        """Deliver a file as soon as possible; returns at once."""
        with self._changed:
            self._folders.hold(file.parent)
            self._add([file])

    def take_left_over(self, out: Path) -> None:
        """Deliver the remaining files of earlier sessions with this ``--out``; one note reports them."""
        self._out, files = out, self._folders.left_over(out)
        if files:
            many = "more than " if self._folders.more else ""
            wait, them = ("waits", "it") if len(files) == 1 else ("wait", "them")
            self._tell(
                f"{many}{files_words(len(files))} of earlier sessions in {out} {wait} for {self._target.shown}: "
                f"handing {them} over."
            )
            self._add(files)

    def close(self) -> None:
        """Retry the remaining files for at most half a minute, and report what is left."""
        with self._changed:
            self._end = time.monotonic() + _LAST_S
            for delivery in self._deliveries:
                delivery.due, delivery.pause = 0.0, _FIRST_PAUSE_S
            waiting = bool(self._deliveries)
            self._changed.notify_all()
        if waiting and self._why:
            self._tell(f"{self._target.shown} still does not take DICOM files: trying for {_LAST_S:.0f} s more.")
        elif waiting:
            self._thread.join(_QUIET_S)
            self._report_the_wait()
        self._thread.join(_LAST_S + _GOODBYE_S)
        with self._changed:
            left = [*self._late, *(delivery.file for delivery in self._deliveries)]
        self._folders.release()
        if left:
            why = f" ({self._why})" if self._why else ""
            folders = sorted({str(file.parent) for file in left})
            where = folders[0] if len(folders) == 1 else f"{len(folders)} folders of sessions"
            self._report(
                f"{files_words(len(left))} could not be handed over to {self._target.shown}{why}; in {where} "
                "the next session with the same --out and --hand-over delivers what is left."
            )

    def _report_the_wait(self) -> None:
        """Report the wait for a server that is slow but refuses nothing: a silent terminal looks like a hang."""
        with self._changed:
            left, reported = len(self._deliveries), bool(self._why)
        if left and not reported and self._thread.is_alive():
            verb = "is" if left == 1 else "are"
            more = f"{_LAST_S - _QUIET_S:.0f} s more at most"
            self._tell(f"{files_words(left)} {verb} still on the way to {self._target.shown}: waiting for {more}.")

    def _add(self, files: Iterable[Path]) -> None:
        with self._changed:
            self._deliveries += [_Delivery(file, time.monotonic() + _DEADLINE_S, _FIRST_PAUSE_S) for file in files]
            self._changed.notify_all()

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            try:
                self._target.send(delivery.file, self._until(delivery))
            except Exception as error:  # a dead thread would deliver nothing more
                log.debug("%s was not delivered", delivery.file.name, exc_info=True)
                self._failed(delivery, error)
            else:
                self._arrived(delivery)
                self._take_more()

    def _next(self) -> _Delivery | None:
        """Wait for the next try; None once the session has ended and no file or no time is left."""
        with self._changed:
            while True:
                now = time.monotonic()
                if self._end is not None and (not self._deliveries or now >= self._end):
                    return None
                delivery = min(self._deliveries, key=lambda each: each.due, default=None)  # of equals the first
                if delivery is not None and delivery.due <= now:
                    return delivery
                moments = [] if delivery is None else [delivery.due]
                moments += [] if self._end is None else [self._end]
                self._changed.wait(min(moments) - now if moments else None)

    def _until(self, delivery: _Delivery) -> Callable[[], float]:
        """When to abandon a try: called repeatedly, because the session may end in the meantime."""
        try:
            size = delivery.file.stat().st_size
        except OSError:
            size = 0
        limit = time.monotonic() + _TRY_S + size / _SLOWEST_BYTES_S
        return lambda: limit if self._end is None else min(limit, self._end)

    def _arrived(self, delivery: _Delivery) -> None:
        _mark(delivery.file)
        with self._changed:
            self._deliveries.remove(delivery)
            self._unlock(delivery.file.parent)
            over = bool(self._why) and not any(each.failed for each in self._deliveries)
            seconds = time.monotonic() - self._since
            if over:
                self._why = ""
            self.delivered += 1
        if over:
            self._tell(f"{self._target.shown} takes DICOM files again, after {seconds:.0f} s.")

    def _take_more(self) -> None:
        """Take files of further earlier sessions once most of those before have arrived."""
        if self._out is not None and self._folders.more and self._folders.few:
            with contextlib.suppress(OSError):  # the folder went; the next start looks again
                self._add(self._folders.left_over(self._out))

    def _unlock(self, folder: Path) -> None:
        """Unlock a folder of which nothing waits any more: its visit may be deleted."""
        left = (*self._late, *(each.file for each in self._deliveries))
        if not any(file.parent == folder for file in left):
            self._folders.release(folder)

    def _failed(self, delivery: _Delivery, error: Exception) -> None:
        if isinstance(error, FileNotFoundError) and not delivery.file.exists():
            _unmark(delivery.file)
            with self._changed:
                self._deliveries.remove(delivery)
                self._unlock(delivery.file.parent)
            self._report(f"{delivery.file} was removed before it was handed over to {self._target.shown}.")
            return
        why = reason_for(error)
        now = time.monotonic()
        with self._changed:
            begins, self._why = not self._why, why
            self._since = now if begins else self._since
            trying = "until it does" if self._end is None else f"for {max(0.0, self._end - now):.0f} s more"
            if isinstance(error, OSError):  # the archive is away, which says nothing of the file
                delivery.deadline = now + _DEADLINE_S
            late = now >= delivery.deadline
            if late:
                self._deliveries.remove(delivery)
                self._late.append(delivery.file)
            delivery.failed, delivery.due = True, now + delivery.pause
            delivery.pause = min(2 * delivery.pause, _LONGEST_PAUSE_S)
        if begins:
            self._tell(f"{self._target.shown} does not take DICOM files ({why}): trying again {trying}.")
        if late:
            self._report(
                f"{delivery.file} was not handed over to {self._target.shown} within {_DEADLINE_S / 3600:.0f} hours "
                f"({why}): it stays, and the next session with the same --out and --hand-over continues with it."
            )


def _mark(file: Path) -> None:
    try:
        mark_delivered(file)
    except OSError as error:  # then it is delivered again
        log.debug("the mark of %s stays: %s", file.name, error)


def _unmark(file: Path) -> None:
    try:
        mark_of(file).unlink(missing_ok=True)
    except OSError as error:  # then it is delivered again
        log.debug("the mark of %s stays: %s", file.name, error)
