"""Errors while a session is written: each kind is reported once, and none ends the session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.capture.retention.space import LOW_MIB, free_space
from edge.capture.session.storage import is_full, why
from edge.errors import first_line


class Troubles:
    """Runs steps of writing; may be used from any thread."""

    def __init__(self, folder: Path, report: Callable[[str], None], warn: Callable[[str], None]) -> None:
        """Set up.

        Args:
            folder: of the session.
            report: called with one sentence, once, per kind of trouble.
            warn: called with one sentence when the disk runs low.
        """
        self._folder, self._report, self._warn = folder, report, warn
        self._low = LOW_MIB
        self._reported: set[str] = set()

    def of(self, step: Callable[[], None], *make_room: Callable[[], bool]) -> Exception | None:
        """Run one step of writing and return its error, which is reported once and does not end the session.

        Args:
            step: of writing.
            make_room: called one after the other while the disk is full; whether it is worth another try.
        """
        try:
            step()
        except Exception as error:  # a writer that ends silently would lose the best frame
            self.report(error)
            for number, give_up in enumerate(make_room, 1):
                if is_full(error) and give_up():
                    return self.of(step, *make_room[number:])
            return error
        return None

    def went_well(self, step: Callable[[], None]) -> bool:
        """Run one step of writing; True if there was no error."""
        return self.of(step) is None

    def report(self, error: Exception) -> None:
        if isinstance(error, OSError):
            self.report_once(why(error, self._folder))
        else:
            reason = first_line(error)
            self.report_once(
                f"something of {self._folder} could not be written ({reason}); the other files are complete."
            )

    def report_once(self, sentence: str) -> None:
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._report(sentence)

    def report_unchanged(self) -> None:
        """At the end, report that what the operator changed last is not on disk."""
        self.report_once(
            f"what was changed last in {self._folder} could not be written: nothing more of it is handed over."
        )

    def report_lost(self, captures: int, last: Exception | None) -> None:
        """At the end, report captures that are missing.

        Args:
            captures: how many; nothing is reported for 0.
            last: the latest error of the disk when one of them was written.
        """
        if captures:
            lost = "1 capture is" if captures == 1 else f"{captures} captures are"
            full = last is None or is_full(last)
            self._report(
                f"{lost} lost or incomplete, because the disk of {self._folder} is full: free some space."
                if full
                else f"{lost} lost or incomplete, because {self._folder} could not be written to: check the disk and "
                "its permissions."
            )

    def warn_if_low(self) -> None:
        """Warn of a disk that runs low while there is still room: once, and again each time that half of it is gone."""
        space = free_space(self._folder)
        if space.free_mib < self._low:
            self._low = space.free_mib / 2
            todo = (
                "captures are kept as long as they fit, then refused with an error, and what is saved stays; free some "
                "space."
                if space.level == "full"
                else "free some space before it is full."
            )
            self._warn(f"the disk of {self._folder} has {space.free_mib:.0f} MiB left: {todo}")
