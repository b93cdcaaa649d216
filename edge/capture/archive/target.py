"""Where DICOM files go: a folder, or a DICOMweb server, checked before a session begins."""

from __future__ import annotations

import base64
import hashlib
import importlib
import ipaddress
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from edge.errors import EdgeError
from edge.files.atomic import write_atomically

# Of the environment: an argument shows a secret to everybody on the machine.
TOKEN = "EFIQA_STOW_TOKEN"  # for OAuth and the like
LOGIN = "EFIQA_STOW_LOGIN"  # user:password
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:/", re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)


class Target(Protocol):
    """Takes one file after another."""

    @property
    def shown(self) -> str:
        """What it is called, without secrets."""

    def send(self, file: Path, until: Callable[[], float]) -> None:
        """Deliver a file.

        Args:
            file: it.
            until: when to give up, by ``time.monotonic``; asked again and again, for it may come nearer.

        Raises:
            Exception: it was not delivered; what it says may be shown.
        """


@dataclass(frozen=True)
class FolderTarget:
    """A folder from which something else fetches the files."""

    folder: Path

    @property
    def shown(self) -> str:
        return str(self.folder)

    def send(self, file: Path, until: Callable[[], float]) -> None:
        """Copy it. The name says nothing, and is the same where a file is delivered twice."""
        data = file.read_bytes()
        write_atomically(self.folder / f"{hashlib.sha256(data).hexdigest()[:24]}.dcm", data, private=True)


def read_target(given: str, *, ca: Path | None = None, insecure: bool = False, secret: bool = False) -> Target:
    """What ``--hand-over`` names; secrets come from the address or the environment.

    Args:
        given: a folder, or the address of a DICOMweb server: ``https://pacs/dicom-web``.
        ca: a PEM file with the certificates that sign the server's; None for those that the system trusts.
        insecure: let secrets travel unencrypted.
        secret: the files may hold an identity.

    Raises:
        EdgeError: it is none, or secrets would travel unencrypted to another machine; no message shows one.
    """
    if not _ADDRESS.match(given) and not re.match(r"https?:", given, re.IGNORECASE):
        if ca is not None:
            raise EdgeError("--ca belongs to a server: give --hand-over an address that begins with https://.")
        return _folder(Path(given))
    url = _url(given)
    shown = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}".rstrip("/")
    authorization = _authorization(url, shown)
    tls = None
    if url.scheme == "https":
        tls = _trust(ca)
    elif ca is not None:
        raise EdgeError(f"{shown} has no certificate to check with --ca: give an address that begins with https://.")
    elif (secret or authorization) and not insecure and not _is_here(url.hostname or ""):
        what = "identities" if secret else "user, password or token"
        raise EdgeError(
            f"{shown} is another machine, and {what} would travel to it unencrypted: give an address that begins "
            "with https://, or --insecure if everybody on the way may read them."
        )
    try:
        request = importlib.import_module("edge.capture.archive.stow_request")
    except ImportError as error:
        raise EdgeError('a DICOMweb server wants aiohttp; install it with: pip install "efiqa-edge[dicom]"') from error
    target: Target = request.StowTarget(shown, authorization, tls)
    return target


def _folder(folder: Path) -> FolderTarget:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no such name can be"
        raise EdgeError(f"{folder} cannot take DICOM files ({why}); give another folder.") from error
    return FolderTarget(folder)


def _url(given: str) -> SplitResult:
    wrong = EdgeError(
        "--hand-over names neither a folder nor an address such as https://pacs.example/dicom-web; mind that in user "
        "and password / ? # @ : and % are written %2F %3F %23 %40 %3A and %25."
    )
    try:
        url = urlsplit(given)
        port = url.port
    except ValueError:
        raise wrong from None
    if url.scheme not in ("http", "https") or port == 0 or not url.hostname or not _is_host(url.hostname):
        raise wrong
    # A user, a password or a token that is not escaped would end up in the rest of the address.
    if re.search(r"[\x00-\x20\x7f]|[?#]", given) or not url.path.isascii() or "@" in url.path:
        raise wrong
    return url


def _is_host(host: str) -> bool:
    if ":" in host:
        return _is_address(host)
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.rstrip(".").split("."))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_here(host: str) -> bool:
    """Whether a host is this machine for sure: what a name leads to, a name server says."""
    if host.rstrip(".") == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _authorization(url: SplitResult, shown: str) -> str:
    """The header that opens a server's door, from the one place that says it."""
    token, login = os.environ.get(TOKEN, ""), os.environ.get(LOGIN, "")
    given = ":".join(unquote(part or "") for part in (url.username, url.password)) if "@" in url.netloc else ""
    said = [name for name, value in (("its address", given), (TOKEN, token), (LOGIN, login)) if value]
    if len(said) > 1:
        raise EdgeError(f"who we are to {shown} stands in {' and in '.join(said)}: give one of them.")
    if LOGIN in said and ":" not in login:
        raise EdgeError(f"{LOGIN} is not of the form user:password; set it so, or take it out of the environment.")
    if re.search(r"[\x00-\x1f\x7f]|[^\x00-\x7f]", token):
        raise EdgeError(f"{TOKEN} holds a character that no token has; set it without line breaks.")
    if token:
        return f"Bearer {token}"
    basic = given or login
    return f"Basic {base64.b64encode(basic.encode('utf-8', 'surrogateescape')).decode()}" if basic else ""


def _trust(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ValueError) as error:  # what OpenSSL does not understand is an OSError too
        why = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", error)
        raise EdgeError(f"{ca} cannot be used for --ca ({why}); give a PEM file.") from error
