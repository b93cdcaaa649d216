"""Send a DICOM file to a DICOMweb server (STOW-RS)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydicom.filereader import read_file_meta_info

from edge.archive.http import ask
from edge.archive.server import Server
from edge.capture.archive.answer import check_answer


@dataclass(frozen=True)
class StowTarget:
    """A DICOMweb server."""

    server: Server

    @property
    def shown(self) -> str:
        """Its address, without user and password."""
        return self.server.shown

    @property
    def private(self) -> bool:
        """Whether identities may be sent there."""
        return self.server.private

    def send(self, file: Path, until: Callable[[], float]) -> None:
        """Store a file.

        Args:
            file: to send.
            until: the deadline by ``time.monotonic``; called repeatedly, because it may become earlier.

        Raises:
            OSError: the file cannot be read; the server cannot be reached, closes the connection, or is too slow.
            ArchiveRefusedError: the server does not store it, or its answer is not valid.
        """
        boundary = secrets.token_hex(16)
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        data = b"".join((head, file.read_bytes(), f"\r\n--{boundary}--\r\n".encode()))
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
        }
        answer = ask(self.server, "/studies", headers, until, data=data)
        check_answer(answer.status, answer.headers, answer.body, _uid_of(file))


def _uid_of(file: Path) -> str | None:
    """The UID of the instance in a file; None if it is not valid DICOM, which the server decides."""
    try:
        return str(read_file_meta_info(file).MediaStorageSOPInstanceUID)
    except Exception:
        return None
