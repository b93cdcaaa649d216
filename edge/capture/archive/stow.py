"""Handing DICOM files over on a thread that stalls nobody.

Whatever goes wrong is tried again with growing pauses until the file's deadline, or the end of the session. What was
not delivered by then stays in the session's folder, marked, and the next session with the same ``--out`` goes on
with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.capture.archive.answer import ArchiveRefusedError
from edge.capture.archive.target import Target
from edge.capture.archive.waiting import Folders, mark_of
from edge.errors import first_line

log = logging.getLogger(__name__)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_DEADLINE_S = 12 * 3600.0  # of one file, all tries together: an archive may be away for a night
_TRY_S, _SLOWEST_BYTES_S = 60.0, 128 << 10  # of one try: a minute, and what a file takes at a megabit a second
_LAST_S = 30.0  # for all that is left at the end of a session
_UNTOLD_S = 2.0  # of these, before it is said that they pass
_GOODBYE_S = 2.0  # then a thread that hangs is left behind


@dataclass
class _Errand:
    file: Path
    deadline: float
    pause: float  # behind the next try that fails
    due: float = 0.0  # the next try
    failed: bool = False


class HandOver:
    """Takes finished files in the order in which they come; one that fails goes behind the others.

    Attributes:
        delivered: how many arrived.
    """

    def __init__(self, target: Target, report: Callable[[str], None], tell: Callable[[str], None]) -> None:
        """Start.

        Args:
            target: where files go.
            report: told one sentence of what is lost to this session.
            tell: told one sentence when the target stops taking files, and one when it takes them again.
        """
        self._target, self._report, self._tell = target, _unharmed(report), _unharmed(tell)
        self.delivered = 0
        self._folders = Folders()
        self._errands: list[_Errand] = []
        self._late: list[Path] = []  # beyond their deadline
        self._why = ""  # of the newest failure, until all that failed has arrived
        self._since = 0.0
        self._changed = threading.Condition()
        self._end: float | None = None
        self._thread = threading.Thread(target=self._work, name="hand-over", daemon=True)
        self._thread.start()

    def take(self, file: Path) -> None:
        """Hand a file over as soon as may be; returns at once."""
        self._folders.hold(file.parent)
        self._add([file])

    def take_left_over(self, out: Path) -> None:
        """Hand over what earlier sessions with this ``--out`` could not; they are told of in one note."""
        files = self._folders.left_over(out)
        if files:
            self._tell(
                f"{_files(len(files))} of earlier sessions in {out} {'waits' if len(files) == 1 else 'wait'} for "
                f"{self._target.shown}: handing {'it' if len(files) == 1 else 'them'} over."
            )
            self._add(files)

    def close(self) -> None:
        """Try again what is left, for half a minute at most, and say what stays behind."""
        with self._changed:
            self._end = time.monotonic() + _LAST_S
            for errand in self._errands:
                errand.due, errand.pause = 0.0, _FIRST_PAUSE_S
            waiting = bool(self._errands)
            self._changed.notify_all()
        if waiting and self._why:
            self._tell(f"{self._target.shown} still does not take DICOM files: trying for {_LAST_S:.0f} s more.")
        elif waiting:
            self._thread.join(_UNTOLD_S)
            self._tell_of_the_wait()
        self._thread.join(_LAST_S + _GOODBYE_S)
        with self._changed:
            left = [*self._late, *(errand.file for errand in self._errands)]
        self._folders.release()
        if left:
            why = f" ({self._why})" if self._why else ""
            folders = sorted({str(file.parent) for file in left})
            where = folders[0] if len(folders) == 1 else f"{len(folders)} folders of sessions"
            self._report(
                f"{_files(len(left))} could not be handed over to {self._target.shown}{why}; in {where} "
                "the next session with the same --out and --hand-over finds what is left."
            )

    def _tell_of_the_wait(self) -> None:
        """Nobody shall sit before a silent terminal, as with a server that takes its time and refuses nothing."""
        with self._changed:
            left, told = len(self._errands), bool(self._why)
        if left and not told and self._thread.is_alive():
            verb = "is" if left == 1 else "are"
            more = f"{_LAST_S - _UNTOLD_S:.0f} s more at most"
            self._tell(f"{_files(left)} {verb} still on the way to {self._target.shown}: waiting for {more}.")

    def _add(self, files: Iterable[Path]) -> None:
        with self._changed:
            self._errands += [_Errand(file, time.monotonic() + _DEADLINE_S, _FIRST_PAUSE_S) for file in files]
            self._changed.notify_all()

    def _work(self) -> None:
        while (errand := self._next()) is not None:
            try:
                self._target.send(errand.file, self._until(errand))
            except Exception as error:  # a thread that dies would deliver nothing any more
                log.debug("%s was not delivered", errand.file.name, exc_info=True)
                self._failed(errand, error)
            else:
                self._arrived(errand)

    def _next(self) -> _Errand | None:
        """Wait for the next try; None once the session has ended and nothing is left, or no time."""
        with self._changed:
            while True:
                now = time.monotonic()
                if self._end is not None and (not self._errands or now >= self._end):
                    return None
                errand = min(self._errands, key=lambda each: each.due, default=None)  # of equals the first
                if errand is not None and errand.due <= now:
                    return errand
                moments = [] if errand is None else [errand.due]
                moments += [] if self._end is None else [self._end]
                self._changed.wait(min(moments) - now if moments else None)

    def _until(self, errand: _Errand) -> Callable[[], float]:
        """When to give a try up: asked along the way, for the session may end meanwhile."""
        try:
            size = errand.file.stat().st_size
        except OSError:
            size = 0
        limit = min(errand.deadline, time.monotonic() + _TRY_S + size / _SLOWEST_BYTES_S)
        return lambda: limit if self._end is None else min(limit, self._end)

    def _arrived(self, errand: _Errand) -> None:
        _unmark(errand.file)
        with self._changed:
            self._errands.remove(errand)
            over = bool(self._why) and not any(each.failed for each in self._errands)
            seconds = time.monotonic() - self._since
            if over:
                self._why = ""
            self.delivered += 1
        if over:
            self._tell(f"{self._target.shown} takes DICOM files again, after {seconds:.0f} s.")

    def _failed(self, errand: _Errand, error: Exception) -> None:
        if isinstance(error, FileNotFoundError) and not errand.file.exists():
            with self._changed:
                self._errands.remove(errand)
            _unmark(errand.file)
            self._report(f"{errand.file} was taken away before it was handed over to {self._target.shown}.")
            return
        why = _words_of(error)
        now = time.monotonic()
        with self._changed:
            begins, self._why = not self._why, why
            self._since = now if begins else self._since
            trying = "until it does" if self._end is None else f"for {max(0.0, self._end - now):.0f} s more"
            late = now >= errand.deadline
            if late:
                self._errands.remove(errand)
                self._late.append(errand.file)
            errand.failed, errand.due = True, now + errand.pause
            errand.pause = min(2 * errand.pause, _LONGEST_PAUSE_S)
        if begins:
            self._tell(f"{self._target.shown} does not take DICOM files ({why}): trying again {trying}.")
        if late:
            self._report(
                f"{errand.file} was not handed over to {self._target.shown} within {_DEADLINE_S / 3600:.0f} hours "
                f"({why}): it stays, and the next session with the same --out and --hand-over goes on with it."
            )


def _unharmed(say: Callable[[str], None]) -> Callable[[str], None]:
    """To say something where perhaps nobody can be told any more: files go on without that."""

    def unharmed(sentence: str) -> None:
        try:
            say(sentence)
        except Exception:
            log.debug("could not be told: %s", sentence, exc_info=True)

    return unharmed


def _unmark(file: Path) -> None:
    try:
        mark_of(file).unlink(missing_ok=True)
    except OSError as error:  # then it is delivered once more
        log.debug("the mark of %s stays: %s", file.name, error)


def _files(number: int) -> str:
    return "1 DICOM file" if number == 1 else f"{number} DICOM files"


def _words_of(error: Exception) -> str:
    """What went wrong; of what nobody foresaw only the kind, for its text may quote the server."""
    if not isinstance(error, (OSError, ArchiveRefusedError)):
        return f"{type(error).__name__}"
    return str(getattr(error, "strerror", None) or first_line(error)).rstrip(".")
