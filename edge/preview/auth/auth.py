"""Who may use the preview: from this machine by the names it has, from the network with a token."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from edge.errors import EdgeError
from edge.preview.auth.source import read_address
from edge.preview.auth.tokens import check_token, fresh_token

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Access:
    """The rules of one server.

    Attributes:
        token: what a client must know; None where none is asked for, which only loopback may do.
        names: what a client may call this machine, in lower case; addresses are always allowed, because a foreign
            site can point its name at this machine (DNS rebinding), but not an address.
        public: names and ports under which a proxy shows the page; no port stands for the one that the scheme has.
        proxies: addresses of proxies whose X-Forwarded-For is believed.
    """

    token: str | None
    names: frozenset[str]
    public: frozenset[tuple[str, int | None]] = frozenset()
    proxies: frozenset[str] = frozenset()

    def right_host(self, host: str) -> bool:
        """Whether the header Host names this machine by one of its names or by an address."""
        parts = _read(host)
        if parts is None or parts.hostname is None:
            return False
        name = parts.hostname.removesuffix(".")
        return name in self.names or read_address(name) is not None

    def right_origin(self, origin: str | None, host: str) -> bool:
        """Whether a request comes from our own page, or from no page at all.

        Our own page is where Host says that we are, or, behind a proxy that writes its own Host, at a public name.
        """
        if origin is None:
            return True
        scheme, _, rest = origin.partition("://")
        if scheme not in _PORTS or not rest:
            return False
        if rest.lower() == host.lower():
            return True
        parts = _read(rest)
        if parts is None or parts.hostname is None:
            return False
        port = parts.port or _PORTS[scheme]
        return any(
            parts.hostname == name and port == (_PORTS[scheme] if own is None else own) for name, own in self.public
        )

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


def access_for(host: str, token: str | None, public_names: Sequence[str] = (), proxies: Sequence[str] = ()) -> Access:
    """The rules of a server that listens on an address.

    Args:
        host: the address or name to listen on.
        token: what clients must know, or None.
        public_names: ``HOST`` or ``HOST:PORT``, as browsers see them through a proxy.
        proxies: addresses of proxies that say truly whom they speak for.

    Raises:
        EdgeError: it can be reached from the network and has no token, the token is too easily guessed, or a name or
            address is none.
    """
    if token is not None:
        check_token(token)
    public = frozenset(map(_public, public_names))
    if token is None and (public or proxies or not is_loopback(host)):
        through = host if not is_loopback(host) else "a page behind a proxy"
        raise EdgeError(
            f"{through} can be reached from the network, so it wants a token: give one with --token or EFIQA_TOKEN, "
            f"such as {fresh_token()}"
        )
    own = socket.gethostname().lower()
    own_names = {own, own.split(".")[0] + ".local"} if not is_loopback(host) else set()
    names = frozenset({"localhost", host.lower(), *own_names, *(name for name, _ in public)})
    return Access(token, names, public, frozenset(map(_proxy, proxies)))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _same(given: str, right: str) -> bool:
    """Compared in a time that does not tell how much was right; headers may hold half characters."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def _read(host: str) -> SplitResult | None:
    """A host as headers write it, with its port if it has one; None where there is no such thing."""
    try:
        parts = urlsplit(f"//{host}")
        if parts.port == 0 or parts.netloc != host or parts.username is not None or parts.hostname is None:
            return None
    except ValueError:
        return None
    return parts


def _public(given: str) -> tuple[str, int | None]:
    parts = _read(given)
    try:
        if parts is None or not parts.hostname or not _is_name(parts.hostname):
            raise ValueError(given)
        # Browsers write names of other alphabets so.
        name = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
    except ValueError as error:
        raise EdgeError(
            f"{given!r} is no name to reach the page by; give --public-name as HOST or HOST:PORT, "
            "without https:// and path, such as camera.clinic.example."
        ) from error
    return name.lower(), parts.port


def _is_name(name: str) -> bool:
    return read_address(name) is not None or all(c.isalnum() or c in "-_." for c in name)


def _proxy(given: str) -> str:
    if (address := read_address(given)) is None:
        raise EdgeError(f"{given!r} is no address of a proxy; give --proxy an IP address, such as 127.0.0.1.")
    return address
