"""Hosts and certificates of archives, whatever they speak."""

from __future__ import annotations

import ipaddress
import re
import ssl
from pathlib import Path

from edge.errors import EdgeError

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)


def is_host(host: str) -> bool:
    """Whether it is an address or may be a name."""
    if ":" in host:
        return _address_of(host) is not None
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.rstrip(".").split("."))


def is_here(host: str) -> bool:
    """Whether a host is certainly this machine: the address of any other name depends on a name server."""
    address = _address_of(host)
    return host.rstrip(".") == "localhost" if address is None else address.is_loopback


def trust(ca: Path | None) -> ssl.SSLContext:
    """How a certificate is checked: by the certificates of a file, or by those that the system trusts.

    Raises:
        EdgeError: the file cannot be read, or holds none.
    """
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ValueError) as error:  # an error of OpenSSL is an OSError too
        why = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", error)
        raise EdgeError(f"{ca} cannot be used for --ca ({why}); give a PEM file.") from error


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
