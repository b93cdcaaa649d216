"""The target of DICOM files: a folder, a DICOMweb server or a DICOM node, checked before a session begins."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.archive.server import read_server
from edge.capture.archive.dimse_address import OWN_TITLE, SCHEMES, read_address
from edge.capture.archive.dimse_target import DimseTarget
from edge.errors import EdgeError
from edge.files.atomic import write_atomically

_WRONG = (
    "--hand-over names neither a folder nor an address such as https://pacs.example/dicom-web or "
    "dicom://PACS@pacs.example:104"
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:/", re.IGNORECASE)


class Target(Protocol):
    """Accepts one file after another."""

    @property
    def shown(self) -> str:
        """Its name or address, without secrets."""

    @property
    def private(self) -> bool:
        """Whether identities may be sent there: it is encrypted, this machine, or allowed by ``--insecure``."""

    def send(self, file: Path, until: Callable[[], float]) -> None:
        """Deliver a file.

        Args:
            file: to deliver.
            until: the deadline by ``time.monotonic``; called repeatedly, because it may become earlier.

        Raises:
            Exception: it was not delivered; the message may be shown.
        """


@dataclass(frozen=True)
class FolderTarget:
    """A folder, by its name, from which another program fetches the files."""

    shown: str
    private: bool = True

    def send(self, file: Path, until: Callable[[], float]) -> None:
        """Copy it. The new name reveals nothing, and is the same if a file is delivered twice."""
        data = file.read_bytes()
        write_atomically(Path(self.shown) / f"{hashlib.sha256(data).hexdigest()[:24]}.dcm", data, private=True)


def read_target(
    given: str, *, ca: Path | None = None, insecure: bool = False, secret: bool = False, calling: str = OWN_TITLE
) -> Target:
    """Parse ``--hand-over``; secrets come from the address or the environment.

    Args:
        given: a folder, or the address of a DICOMweb server, ``https://pacs/dicom-web``, or of a DICOM node,
            ``dicom://AET@host:port`` or ``dicoms://``.
        ca: a PEM file with the CA certificates for the server; None for those that the system trusts.
        insecure: allow secrets to be sent unencrypted.
        secret: whether the files may identify a person.
        calling: our application entity title, for a DICOM node.

    Raises:
        EdgeError: it is invalid, or secrets would be sent unencrypted to another machine; no message shows one.
    """
    if not _ADDRESS.match(given) and not re.match(r"https?:", given, re.IGNORECASE):
        if ca is not None:
            raise EdgeError("--ca needs a server: give --hand-over an address that begins with https:// or dicoms://.")
        return _folder(Path(given))
    if given.partition(":")[0].lower() in SCHEMES:
        return _node(given, ca, insecure, secret, calling)
    server = read_server(given, _WRONG, ca=ca, insecure=insecure, secret=secret)
    try:
        request = importlib.import_module("edge.capture.archive.stow_request")
    except ImportError as error:
        raise EdgeError('a DICOMweb server needs aiohttp; install it with: pip install "efiqa-edge[dicom]"') from error
    target: Target = request.StowTarget(server)
    return target


def _node(given: str, ca: Path | None, insecure: bool, secret: bool, calling: str) -> DimseTarget:
    address = read_address(given, calling=calling, ca=ca, insecure=insecure)
    if ca is not None and not address.encrypted:
        raise EdgeError(f"{address.shown} has no certificate to check with --ca: give dicoms:// if it speaks TLS.")
    if secret and not address.private:
        raise EdgeError(
            f"{address.shown} is another machine, and identities would be sent to it unencrypted: give an address that "
            "begins with dicoms://, or --insecure if everybody on the way may read them."
        )
    return DimseTarget(address)


def _folder(folder: Path) -> FolderTarget:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "the name is not possible"
        raise EdgeError(f"{folder} cannot take DICOM files ({why}); give another folder.") from error
    return FolderTarget(str(folder))
