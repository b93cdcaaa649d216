"""Addresses from which the right token came: their neighbours cannot take their places, or their turn."""

from __future__ import annotations

import ipaddress

_MOST = 256  # remembered


class Known:
    """Exact addresses, the latest ones, for as long as the server lives."""

    def __init__(self) -> None:
        self._addresses: dict[str, None] = {}

    def add(self, address: str) -> None:
        """The right token came from there."""
        self._addresses.pop(address, None)
        self._addresses[address] = None
        if len(self._addresses) > _MOST:
            del self._addresses[next(iter(self._addresses))]

    def __contains__(self, address: str) -> bool:
        return address in self._addresses or _is_here(address)


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
