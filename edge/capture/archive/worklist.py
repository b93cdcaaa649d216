"""Whom a modality worklist expects today, and which of them the operator chose."""

from __future__ import annotations

import datetime

from edge.capture.archive.dimse_address import DimseAddress
from edge.capture.archive.worklist_item import WorklistItem


class Worklist:
    """A worklist server; may be used from any thread. Nothing of what it answers is logged.

    Attributes:
        shown: its address.
    """

    def __init__(self, address: DimseAddress) -> None:
        self.shown = address.shown
        self._address = address

    def items(self) -> tuple[WorklistItem, ...]:
        """Ask for those who are expected today, earliest first; waits for at most ten seconds.

        Raises:
            EdgeError: it gives no answer, or a wrong one; one sentence, without anything that the server wrote.
        """
        raise NotImplementedError

    def taken(self, key: str) -> WorklistItem | None:
        """The entry of a key that ``items`` returned since the program began, also while the server is away."""
        raise NotImplementedError


def query(address: DimseAddress, day: datetime.date) -> tuple[WorklistItem, ...]:
    """Ask a server once; see ``Worklist.items``."""
    raise NotImplementedError
