"""The address of a DICOM node: ``dicom://AET@host:port``, or ``dicoms://`` for TLS."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from edge.archive.host import is_here, is_host, trust
from edge.errors import EdgeError

SCHEMES = ("dicom", "dicoms")
OWN_TITLE = "EFIQA"
_PORTS = {"dicom": 104, "dicoms": 2762}  # as registered with IANA
_TITLE = re.compile(r"(?=.*[^ ])[ -\[\]-~]{1,16}")  # PS3.5, AE: no backslash, no control character, not blank
_MODALITY = re.compile(r"any|[A-Z0-9_]{1,16}")


@dataclass(frozen=True)
class DimseAddress:
    """A DICOM node, and who we are to it.

    Attributes:
        called, calling: application entity titles, its own and ours.
        host, port: of the node.
        encrypted: whether it is reached by TLS; its certificate is always checked.
        ca: the certificates that sign its own; None for those that the system trusts.
        private: whether identities may travel there: it is encrypted, this machine, or allowed by ``--insecure``.
        modality: that a worklist is asked for; empty for all.
        station: title of the station that a worklist is asked for; empty for all.
    """

    called: str
    host: str
    port: int
    calling: str = OWN_TITLE
    encrypted: bool = False
    ca: Path | None = None
    private: bool = False
    modality: str = "OP"
    station: str = ""

    @property
    def shown(self) -> str:
        """As a message names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'dicoms' if self.encrypted else 'dicom'}://{self.called}@{host}:{self.port}"

    @property
    def request(self) -> dict[str, Any]:
        """What the process that speaks to it has to know; see ``edge.capture.archive.dimse_worker``."""
        return {
            "called": self.called,
            "calling": self.calling,
            "host": self.host,
            "port": self.port,
            "encrypted": self.encrypted,
            "ca": None if self.ca is None else str(self.ca.absolute()),
        }


def read_address(
    given: str, *, calling: str = OWN_TITLE, ca: Path | None = None, insecure: bool = False
) -> DimseAddress:
    """Parse the address of a node, as ``--hand-over`` and ``--worklist`` take it.

    Args:
        given: ``dicom://AET@host:port`` or ``dicoms://``; for a worklist also ``?modality=XC&station=ROOM1``.
        calling: our own application entity title.
        ca: a PEM file with the CA certificates for the node; None for those that the system trusts.
        insecure: allow identities to be sent unencrypted.

    Raises:
        EdgeError: it is invalid, the file holds no certificates, or pynetdicom is missing.
    """
    if importlib.util.find_spec("pynetdicom") is None:
        raise EdgeError('a DICOM node needs pynetdicom; install it with: pip install "efiqa-edge[dicom]"')
    if not _TITLE.fullmatch(calling):
        raise EdgeError("--aet is an application entity title: 1 to 16 letters, digits or signs, without backslash.")
    wrong = EdgeError("the address of a DICOM node is its AE title, host and port: dicom://PACS@archive.example:104.")
    try:
        url = urlsplit(given)
        port = url.port or _PORTS[url.scheme]
        asked = dict(parse_qsl(url.query, strict_parsing=True)) if url.query else {}
    except (ValueError, KeyError):
        raise wrong from None
    title = unquote(url.username or "")
    if not (_TITLE.fullmatch(title) and url.hostname and is_host(url.hostname)) or url.port == 0:
        raise wrong
    if url.password is not None or url.path not in ("", "/") or re.search(r"[\x00-\x20\x7f#]", given):
        raise wrong
    encrypted = url.scheme == "dicoms"
    if encrypted:
        trust(ca)
    private = encrypted or insecure or is_here(url.hostname)
    address = DimseAddress(title, url.hostname, port, calling, encrypted, ca if encrypted else None, private)
    return _asking(address, asked, wrong)


def _asking(address: DimseAddress, asked: dict[str, str], wrong: EdgeError) -> DimseAddress:
    """The address with what a worklist is asked for."""
    modality, station = asked.pop("modality", address.modality), asked.pop("station", address.station)
    if asked or not _MODALITY.fullmatch(modality) or (station and not _TITLE.fullmatch(station)):
        raise wrong
    return dataclasses.replace(address, modality="" if modality == "any" else modality, station=station)
