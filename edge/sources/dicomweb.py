"""Photographs that a query finds in an archive that speaks DICOMweb; rows do not tell whose they are."""

from __future__ import annotations

import hashlib
import importlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from edge.archive.refusal import ArchiveRefusedError
from edge.archive.server import Server, read_server
from edge.errors import EdgeError, first_line
from edge.images.limits import MOST_BYTES, RefusedError
from edge.sources.patience import patience_with
from edge.sources.shared import Shared
from edge.sources.shown import DICOMWEB, without_secrets
from edge.sources.source import Found, Tell, Trouble

_WRONG = "that is no address of a query such as dicomweb+https://pacs.example/dicom-web?Modality=OP&StudyDate=20210101-"
_ONE = re.compile(r"/studies/([0-9.]{1,64})/series/([0-9.]{1,64})/instances/([0-9.]{1,64})$")


@dataclass(frozen=True)
class Access:
    """How an archive is reached.

    Attributes:
        ca: a PEM file with the CA certificates for it; None for those that the system trusts.
        insecure: whether pictures may travel unencrypted.
        identity: whether names may tell study, series and instance.
    """

    ca: Path | None = None
    insecure: bool = False
    identity: bool = False


@dataclass(frozen=True)
class DicomwebInstance:
    """A photograph in an archive; an instance does not change, so ``change`` is of its UID."""

    address: str = field(repr=False)  # it may hold a password
    shown: str
    access: Access
    uids: tuple[str, str, str] = field(repr=False)
    size: int | None = None

    @property
    def _digest(self) -> str:
        return hashlib.sha256("/".join(self.uids).encode()).hexdigest()

    @property
    def name(self) -> str:
        """By its UIDs only where these may be told."""
        study, series, instance = self.uids
        told = f"studies/{study}/series/{series}/instances/{instance}"
        return f"{DICOMWEB}{self.shown}/{told if self.access.identity else f'instances/{self._digest[:32]}'}"

    @property
    def root(self) -> str:
        """The archive, and all that tells no sites apart."""
        return self.name.rpartition("/")[0]

    @property
    def change(self) -> int | None:
        """See ``Source``."""
        return int(self._digest[:16], 16) >> 1

    def look(self, shared: Shared) -> tuple[int | None, int | None]:
        """See ``Source``."""
        return None, self.change

    def open(self, shared: Shared) -> BinaryIO:
        """See ``Source``."""
        query = _query()
        server, of = _server(self.address, self.access, shared), query.Instance(*self.uids)
        try:
            return io.BytesIO(patience_with(self.shown, shared).try_(lambda: query.retrieve(server, of, MOST_BYTES)))
        except (OSError, ArchiveRefusedError) as error:
            raise RefusedError(f"does not come from the archive ({first_line(error)})") from None


def dicomweb_instances(text: str, access: Access, tell: Tell, shared: Shared) -> Iterator[Found]:
    """The photographs that a query finds, or the one that an address names.

    Args:
        text: ``dicomweb+https://host/dicom-web?Modality=OP&...``.
        access: how the archive is reached.
        tell: receives what is no picture.
        shared: of the run.
    """
    address, _, query = text[len(DICOMWEB) :].partition("?")
    one = _ONE.search(address)
    address = address[: one.start()] if one else address.rstrip("/")
    shown = without_secrets(text)
    try:
        server = _server(address, access, shared)
        shown = DICOMWEB + server.shown
        if one:
            yield DicomwebInstance(address, server.shown, access, (one[1], one[2], one[3]))
            return
        for found in _query().search(server, query, patience_with(server.shown, shared).try_):
            made = DicomwebInstance(address, server.shown, access, (found.study, found.series, found.instance))
            if _may_show(found.kind):
                yield made
            else:
                tell(made.name + "/no-picture.dat", lambda: b"")
    except EdgeError as error:
        yield Trouble(shown, str(error))
    except (OSError, ArchiveRefusedError) as error:
        yield Trouble(shown, f"{shown} cannot be asked ({first_line(error)}): check the address, and the network.")


def _query() -> Any:
    try:
        return importlib.import_module("edge.archive.query")
    except ImportError as error:
        raise EdgeError(f'a DICOMweb archive needs {error.name}: pip install "efiqa-edge[dicom]".') from None


def _server(address: str, access: Access, shared: Shared) -> Server:
    """The archive at an address; what is read there identifies patients, so it comes encrypted."""
    ca, insecure = access.ca, access.insecure
    return shared.once(
        "server", (address, access), lambda: read_server(address, _WRONG, ca=ca, insecure=insecure, secret=True)
    )


def _may_show(kind: str) -> bool:
    """Whether objects of a SOP class are pictures, or may be."""
    if not kind:
        return True
    try:
        name = str(importlib.import_module("pydicom.uid").UID(kind).name)
    except ImportError:  # told of when one is read
        return True
    return "Image" in name or name == kind
