"""A thread that keeps an ``--out`` folder within its policy: at the start, after each visit and every few minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.capture.background import give_way
from edge.capture.retention.answers import Take, answer
from edge.capture.retention.delete import delete_visit, finish_deletions
from edge.capture.retention.policy import Cleaned, Clock, Policy, clean
from edge.capture.retention.questions import Question
from edge.capture.retention.sentences import cleaned_words, counted, held_words, low_words
from edge.capture.retention.space import LOW_MIB, Level, Space, free_space
from edge.capture.retention.visits import Visit, all_visits
from edge.errors import first_line
from edge.findings.eye import Eye

_LOOK_S = 5.0  # at the free space
_CLEAN_S = 120.0
_WELL_MIB = 1.2 * LOW_MIB


class Housekeeper:
    """Removes what a policy does not keep, and watches the free space; grading never waits for it.

    Attributes:
        out: the folder of all sessions.
        space: the room on its disk when it was asked last; None where it refused.
        waiting: DICOM files there that wait for the archive, two minutes old at most.
        asks: captures of ended visits whose eye nobody has said, as old.
    """

    def __init__(self, out: Path, policy: Policy, tell: Callable[[str], None], report: Callable[[str], None]) -> None:
        """Finish deletions that were interrupted, and start.

        Args:
            out: the folder of all sessions; it need not exist yet.
            policy: what may stay.
            tell: called, from the thread, with one sentence about what was removed or may not be.
            report: called with one sentence, once, per kind of trouble.
        """
        self.out, self._policy, self._tell, self._report = out, policy, tell, report
        self._began, self._boot = time.time(), _seconds()
        self._reported: set[str] = set()
        self._held = 0  # undelivered visits that were last told of
        self._level: Level = "ok"
        self._wake, self._ended = threading.Event(), False
        self.space: Space | None = None
        self._looked = time.monotonic()
        self.waiting = self.asks = 0
        if interrupted := finish_deletions(out):
            tell(f"the deletion of {counted(interrupted)} in {out} was interrupted: it is finished now.")
        self._look()
        self._thread = threading.Thread(target=self._work, name="retention", daemon=True)
        self._thread.start()
        threading.Thread(target=self._measure, name="disk", daemon=True).start()  # nobody waits for this one

    @property
    def space_age_s(self) -> float:
        """How old ``space`` is: a few seconds, unless the disk does not answer."""
        return time.monotonic() - self._looked

    def visit_ended(self) -> None:
        """A visit has ended, or less is asked of one: count and clean soon; returns at once."""
        self._wake.set()

    def visits(self, ending: Sequence[Path] = ()) -> list[Visit]:
        """The visits that have ended, oldest first, also those of these folders, which are still written.

        It reads the disk.
        """
        return [visit for visit in all_visits(self.out) if not visit.running or visit.folder in ending]

    def delete(self, visit_id: str) -> Visit:
        """Delete a visit for a person who asked for it; see ``delete_visit``."""
        visit = delete_visit(self.out, visit_id)
        self._wake.set()
        self._tell(f"the visit of {visit.begun_at:%Y-%m-%d %H:%M} UTC was deleted, as was asked for.")
        return visit

    def answer(self, visit_id: str, frame: int, eye: Eye, take: Take | None = None) -> tuple[Visit, Question]:
        """Say which eye a capture of an ended visit shows; see ``edge.capture.retention.answers.answer``."""
        found = answer(self.out, visit_id, frame, eye, take)
        self._count(all_visits(self.out))
        return found

    def close(self) -> None:
        """Clean once more, and end."""
        self._ended = True
        self._wake.set()
        self._thread.join()

    def __enter__(self) -> Housekeeper:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _work(self) -> None:
        give_way()
        due, pause = 0.0, 0.0
        while True:
            woken = self._wake.wait(pause)
            self._wake.clear()
            ending, pause = self._ended, _LOOK_S
            try:
                if ending or woken or time.monotonic() >= due:
                    self._clean()
                    due = time.monotonic() + _CLEAN_S
            except Exception as error:  # the thread must go on: it warns of a full disk
                self._report_once(f"{self.out} could not be tidied ({first_line(error)}); nothing is lost.")
            if ending:
                return

    def _measure(self) -> None:
        """Ask the disk now and then, on a thread of its own: a clean-up takes minutes, a dead network for ever."""
        while not self._ended:
            time.sleep(_LOOK_S)
            self._look()

    def _look(self) -> None:
        try:
            self.space = free_space(self.out)
        except OSError:
            self.space = None
        self._looked = time.monotonic()

    def _clean(self) -> None:
        clock = Clock(time.time(), self._began, _seconds() - self._boot)
        cleaned = clean(self.out, self._policy, clock)
        visits = all_visits(self.out)
        self._count(visits)
        if cleaned.old or cleaned.large:
            self._tell(cleaned_words(self.out, self._policy, cleaned))
        for sentence in cleaned.troubles:
            self._report_once(sentence)
        self._tell_held(cleaned)
        self._look()
        self._tell_low(visits)

    def _count(self, visits: list[Visit]) -> None:
        self.waiting = sum(each.waiting for each in visits)
        self.asks = sum(each.asks for each in visits if not each.running)

    def _tell_held(self, cleaned: Cleaned) -> None:
        """Say what stays although it is old or too large: once, and again each time that twice as much does."""
        held = len(cleaned.plan.held)
        if held >= max(1, 2 * self._held):
            self._tell(held_words(self.out, self._policy, cleaned.plan))
            self._held = held
        elif held == 0:
            self._held = 0

    def _tell_low(self, visits: list[Visit]) -> None:
        """Say what may go, each time that the disk gets lower by a level."""
        level: Level = self.space.level if self.space is not None else "ok"
        if level == "ok" and self.space is not None and self.space.free_mib < _WELL_MIB:
            level = self._level  # about the limit, where it would be told again and again
        order = ("ok", "low", "full")
        if order.index(level) > order.index(self._level) and (words := low_words(self.out, visits)):
            self._tell(words)
        self._level = level

    def _report_once(self, sentence: str) -> None:
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._report(sentence)


def _seconds() -> float:
    """By a clock that nobody sets and that counts sleep, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
