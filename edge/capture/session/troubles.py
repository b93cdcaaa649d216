"""What goes wrong while a session is written: told once a kind, and never the end of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from edge.capture.session.storage import is_full, why
from edge.errors import first_line

_LOW_MIB = 1024.0  # free space from which the operator is told


class Troubles:
    """Runs steps of writing; may be used from any thread."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        """Set up.

        Args:
            folder: what is written to.
            report: told one sentence, once, per kind of trouble.
        """
        self._folder, self._report = folder, report
        self._told: set[str] = set()

    def of(self, step: Callable[[], None]) -> Exception | None:
        """Run one step of writing; trouble is told once and ends neither the thread nor the session."""
        try:
            step()
        except Exception as error:  # a writer that dies silently would lose the best frame
            self.tell(error)
            return error
        return None

    def went_well(self, step: Callable[[], None]) -> bool:
        """Run one step of writing; whether there was no trouble."""
        return self.of(step) is None

    def tell(self, error: Exception) -> None:
        if isinstance(error, OSError):
            self.tell_once(why(error, self._folder))
        else:
            said = first_line(error)
            self.tell_once(f"something of {self._folder} could not be written ({said}); the other files are whole.")

    def tell_once(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._report(sentence)

    def tell_lost(self, captures: int, last: Exception | None) -> None:
        """At the end: captures that are not there.

        Args:
            captures: how many; of none nothing is told.
            last: why the disk did not take one of them, the last time that it was tried.
        """
        if captures:
            lost = "1 capture is" if captures == 1 else f"{captures} captures are"
            full = last is None or is_full(last)
            self._report(
                f"{lost} lost or not whole, for want of room on the disk of {self._folder}: free some space."
                if full
                else f"{lost} lost or not whole, because {self._folder} could not be written to: check the disk and "
                "its permissions."
            )


class DiskGauge:
    """Tells of a disk that runs low while there is still room: once, and again each time that half of it is gone."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder, self._tell, self._low = folder, tell, _LOW_MIB

    def look(self) -> None:
        left = shutil.disk_usage(self._folder).free / 2**20
        if left < self._low:
            self._low = left / 2
            self._tell(f"the disk of {self._folder} has {left:.0f} MiB left: free some space before it is full.")
