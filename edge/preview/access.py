"""Who may use the preview: from this machine by the names it has, from the network with a token."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.errors import EdgeError

SHORTEST_TOKEN = 12
_LONGEST_TOKEN = 256


@dataclass(frozen=True)
class Access:
    """The rules of one server.

    Attributes:
        token: what a client must know; None where none is asked for, which only loopback may do.
        names: what a client may call this machine, in lower case; addresses are always allowed, because a foreign
            site can point its name at this machine (DNS rebinding), but not an address.
    """

    token: str | None
    names: frozenset[str]

    def right_host(self, host: str) -> bool:
        """Whether the header Host names this machine by one of its names or by an address."""
        name = _name_of(host)
        return name is not None and (name in self.names or _is_address(name))

    def right_origin(self, origin: str | None, host: str) -> bool:
        """Whether a request comes from our own page, or from no page at all."""
        if origin is None:
            return True
        scheme, _, rest = origin.partition("://")
        return scheme in ("http", "https") and rest.lower() == host.lower() and bool(rest)

    def right_token(self, given: str | None) -> bool:
        """Compare in constant time."""
        if self.token is None:
            return True
        return given is not None and _same(given, self.token)

    @property
    def cookie(self) -> str:
        """What a browser that knew the token shows from then on; the same after a restart, and not the token itself."""
        return hmac.new((self.token or "").encode(), b"efiqa preview", hashlib.sha256).hexdigest()

    def right_cookie(self, given: str | None) -> bool:
        """Compare in constant time."""
        return self.token is None or (given is not None and _same(given, self.cookie))


def access_for(host: str, token: str | None) -> Access:
    """The rules of a server that listens on an address.

    Args:
        host: the address or name to listen on.
        token: what clients must know, or None.

    Raises:
        EdgeError: it can be reached from the network and has no token, or the token is too easily guessed.
    """
    if token is not None and not (SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN and token.isascii()):
        raise EdgeError(
            f"the token must have {SHORTEST_TOKEN} to {_LONGEST_TOKEN} plain characters; a good one: {_fresh_token()}"
        )
    if token is None and not is_loopback(host):
        raise EdgeError(
            f"{host} can be reached from the network, so it wants a token: give one with --token or EFIQA_TOKEN, "
            f"such as {_fresh_token()}"
        )
    own = socket.gethostname().lower()
    own_names = {own, own.split(".")[0] + ".local"} if not is_loopback(host) else set()
    return Access(token, frozenset({"localhost", host.lower(), *own_names}))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _same(given: str, right: str) -> bool:
    """Compared in a time that does not tell how much was right; headers may hold half characters."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def _fresh_token() -> str:
    return secrets.token_hex(8)


def _name_of(host: str) -> str | None:
    """The name in a Host header, in lower case and without port or brackets; None where there is no such thing."""
    try:
        parts = urlsplit(f"//{host}")
        if parts.port == 0 or parts.netloc != host or parts.username is not None or parts.hostname is None:
            return None
    except ValueError:
        return None
    return parts.hostname.removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
