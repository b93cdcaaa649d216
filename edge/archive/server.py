"""A DICOMweb server by its address, with what it takes to be let in; checked before anything is sent."""

from __future__ import annotations

import base64
import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from edge.archive.host import is_here, is_host, trust
from edge.errors import EdgeError

# Environment variables: an argument would show a secret to every user of the machine.
TOKEN = "EFIQA_STOW_TOKEN"  # for OAuth and the like
LOGIN = "EFIQA_STOW_LOGIN"  # user:password
_ESCAPES = "mind that in user and password / ? # @ : and % are written %2F %3F %23 %40 %3A and %25."


@dataclass(frozen=True)
class Server:
    """A DICOMweb server; its repr shows no secret.

    Attributes:
        shown: its address, without user and password.
        authorization: the header of that name; empty for none.
        tls: how its certificate is checked; None for plain HTTP.
        private: whether identities may be sent there.
    """

    shown: str
    authorization: str = field(repr=False)
    tls: ssl.SSLContext | None = field(repr=False)
    private: bool = False


def read_server(
    given: str, wrong: str, *, ca: Path | None = None, insecure: bool = False, secret: bool = False
) -> Server:
    """Parse the address of a DICOMweb server; secrets come from the address or the environment.

    Args:
        given: ``https://pacs/dicom-web``.
        wrong: the beginning of the sentence where it is no address.
        ca: a PEM file with the CA certificates for the server; None for those that the system trusts.
        insecure: allow secrets to be sent unencrypted.
        secret: whether what is sent may identify a person.

    Raises:
        EdgeError: it is invalid, or secrets would be sent unencrypted to another machine; no message shows one.
    """
    url = _url(given, f"{wrong}; {_ESCAPES}")
    shown = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}".rstrip("/")
    authorization = _authorization(url, shown)
    tls = None
    if url.scheme == "https":
        tls = trust(ca)
    elif ca is not None:
        raise EdgeError(f"{shown} has no certificate to check with --ca: give an address that begins with https://.")
    elif (secret or authorization) and not insecure and not is_here(url.hostname or ""):
        what = "identities" if secret else "user, password or token"
        raise EdgeError(
            f"{shown} is another machine, and {what} would be sent to it unencrypted: give an address that begins "
            "with https://, or --insecure if everybody on the way may read them."
        )
    return Server(shown, authorization, tls, tls is not None or insecure or is_here(url.hostname or ""))


def _url(given: str, wrong: str) -> SplitResult:
    try:
        url = urlsplit(given)
        port = url.port
    except ValueError:
        raise EdgeError(wrong) from None
    if url.scheme not in ("http", "https") or port == 0 or not url.hostname or not is_host(url.hostname):
        raise EdgeError(wrong)
    # A user, a password or a token that is not escaped would end up in the rest of the address.
    if re.search(r"[\x00-\x20\x7f]|[?#]", given) or not url.path.isascii() or "@" in url.path:
        raise EdgeError(wrong)
    return url


def _authorization(url: SplitResult, shown: str) -> str:
    """The header Authorization, from the only place that gives credentials."""
    token, login = os.environ.get(TOKEN, ""), os.environ.get(LOGIN, "")
    given = ":".join(unquote(part or "") for part in (url.username, url.password)) if "@" in url.netloc else ""
    places = [name for name, value in (("its address", given), (TOKEN, token), (LOGIN, login)) if value]
    if len(places) > 1:
        raise EdgeError(f"credentials for {shown} are given in {' and in '.join(places)}: give only one of them.")
    if LOGIN in places and ":" not in login:
        raise EdgeError(f"{LOGIN} is not of the form user:password; set it so, or take it out of the environment.")
    if re.search(r"[\x00-\x1f\x7f]|[^\x00-\x7f]", token):
        raise EdgeError(f"{TOKEN} holds a character that no token has; set it without line breaks.")
    if token:
        return f"Bearer {token}"
    basic = given or login
    return f"Basic {base64.b64encode(basic.encode('utf-8', 'surrogateescape')).decode()}" if basic else ""
