"""Send a DICOM file to a DICOM node (C-STORE), in bounded time whatever the node does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.capture.archive.dimse_address import DimseAddress
from edge.capture.archive.dimse_process import ask


@dataclass(frozen=True)
class DimseTarget:
    """A DICOM node that stores images.

    Attributes:
        address: of the node.
    """

    address: DimseAddress

    @property
    def shown(self) -> str:
        """Its address."""
        return self.address.shown

    @property
    def private(self) -> bool:
        """Whether identities may be sent there."""
        return self.address.private

    def send(self, file: Path, until: Callable[[], float]) -> None:
        """Store a file.

        Args:
            file: to send.
            until: the deadline by ``time.monotonic``; called repeatedly, because it may become earlier.

        Raises:
            OSError: the file cannot be read; the node cannot be reached, closes the connection, or is too slow.
            ArchiveRefusedError: the node does not store it, or its answer is not valid.
        """
        file.stat()  # one that was removed is an error of its own
        ask({**self.address.request, "file": str(file.absolute())}, until)
