"""Who may use the preview: this machine under its own names, the network with a token."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge.errors import EdgeError
from edge.preview.auth.source import is_loopback, read_address
from edge.preview.auth.tokens import check_token, fresh_token

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Access:
    """The rules of one server.

    Attributes:
        token: of the clients; None if none is required, which is allowed only on loopback.
        names: allowed names of this machine, in lower case; addresses are always allowed, because a foreign site can
            point its name at this machine (DNS rebinding), but not an address.
        public: names and ports under which a proxy serves the page; None is the default port of the scheme.
        proxies: addresses of proxies whose X-Forwarded-For is believed.
    """

    token: str | None
    names: frozenset[str]
    public: frozenset[tuple[str, int | None]] = frozenset()
    proxies: frozenset[str] = frozenset()

    def right_host(self, host: str) -> bool:
        """Whether the header Host names this machine by one of its names or by an address."""
        found = _read(host)
        if found is None:
            return False
        name = found[0].removesuffix(".")
        return name in self.names or read_address(name) is not None

    def right_origin(self, origin: str | None, host: str) -> bool:
        """Whether a request comes from our own page, or from no page at all.

        The origin of our own page equals Host, or, behind a proxy that replaces Host, a public name.
        """
        if origin is None:
            return True
        scheme, _, rest = origin.partition("://")
        if scheme not in _PORTS or not rest:
            return False
        if rest.lower() == host.lower():
            return True
        found = _read(rest)
        if found is None:
            return False
        usual = _PORTS[scheme]
        return (found[0], found[1] or usual) in {(name, own or usual) for name, own in self.public}

    def right_token(self, given: str | None) -> bool:
        """Compare in constant time."""
        return self.token is None or _same(given, self.token)

    @property
    def cookie(self) -> str:
        """The cookie of a browser that sent the token; the same after a restart, and not the token itself."""
        return hmac.new((self.token or "").encode(), b"efiqa preview", hashlib.sha256).hexdigest()

    def right_cookie(self, given: str | None) -> bool:
        """Compare in constant time."""
        return self.token is None or _same(given, self.cookie)


def access_for(host: str, token: str | None, public_names: Sequence[str] = (), proxies: Sequence[str] = ()) -> Access:
    """The rules of a server that listens on an address.

    Args:
        host: the address or name to listen on.
        token: of the clients, or None.
        public_names: ``HOST`` or ``HOST:PORT``, as browsers see them through a proxy.
        proxies: addresses of trusted proxies.

    Raises:
        EdgeError: it can be reached from the network and has no token, the token is too easily guessed, or a name or
            address is invalid.
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


def _same(given: str | None, right: str) -> bool:
    """Compare in constant time; headers may hold lone surrogates."""
    return given is not None and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())


def _read(host: str) -> tuple[str, int | None] | None:
    """Name and port, if it has one, of a host as headers write it; None if it is not a valid host."""
    try:
        parts = urlsplit(f"//{host}")
        if parts.port == 0 or parts.netloc != host or parts.username is not None or parts.hostname is None:
            return None
        return parts.hostname, parts.port
    except ValueError:
        return None


def _public(given: str) -> tuple[str, int | None]:
    try:
        found = _read(given)
        if found is None or not _is_name(found[0]):
            raise ValueError(given)
        name, port = found
        if ":" not in name:
            name = name.encode("idna").decode()  # as browsers write names in other alphabets
    except ValueError as error:
        raise EdgeError(
            f"{given!r} is not a name to reach the page by; give --public-name as HOST or HOST:PORT, "
            "without https:// and path, such as camera.clinic.example."
        ) from error
    return name.lower(), port


def _is_name(name: str) -> bool:
    return read_address(name) is not None or all(c.isalnum() or c in "-_." for c in name)


def _proxy(given: str) -> str:
    if (address := read_address(given)) is None:
        raise EdgeError(f"{given!r} is not the address of a proxy; give --proxy an IP address, such as 127.0.0.1.")
    return address
