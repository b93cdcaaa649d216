"""The source of a request, for the limits on connections and guesses; addresses that sent the right token."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

_MOST_KNOWN = 256  # addresses
_NETWORK_BITS = 64  # of IPv6: one machine can use all addresses of such a network


def source_of(peer: str, forwarded: Sequence[str], proxies: frozenset[str]) -> str:
    """The exact address of the client.

    Args:
        peer: the other end of the connection.
        forwarded: the headers X-Forwarded-For, which anyone can forge: trusted only from a named proxy, and there only
            as far as named proxies reach, because entries further left came from outside.
        proxies: addresses of proxies, as ``read_address`` gives them.
    """
    source = read_address(peer) or peer
    for each in reversed([part.strip() for header in forwarded for part in header.split(",")]):
        if source not in proxies:
            break
        if (address := read_address(each)) is None:
            break
        source = address
    return source


def machine_of(source: str) -> str:
    """All the addresses that one machine can have, as one."""
    if ":" not in source:
        return source
    return str(ipaddress.ip_network((source, _NETWORK_BITS), strict=False))


def read_address(text: str) -> str | None:
    """An IP address in canonical form; None if it is not one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Known:
    """Exact addresses that sent the right token: the latest ones, and always this machine."""

    def __init__(self) -> None:
        self._addresses: dict[str, None] = {}

    def add(self, address: str) -> None:
        """Remember an address that sent the right token."""
        self._addresses.pop(address, None)
        self._addresses[address] = None
        if len(self._addresses) > _MOST_KNOWN:
            del self._addresses[next(iter(self._addresses))]

    def __contains__(self, address: str) -> bool:
        return address in self._addresses or is_loopback(address)
