"""Where a request comes from, for those who must not take all places or guess without end."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

_NETWORK_BITS = 64  # of IPv6: one machine has all addresses of such a network


def source_of(peer: str, forwarded: Sequence[str], proxies: frozenset[str]) -> str:
    """The address that counts, exactly.

    Args:
        peer: the other end of the connection.
        forwarded: the headers X-Forwarded-For, which anybody can write: believed of a named proxy alone, and from
            there only as far as named proxies reach, because what stands further left came from outside.
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
    """An IP address in the one way it is written here; None where it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
