"""Runs a command in a network namespace of its own and tells which packets it sent: ``python isolated.py COMMAND...``.

Whatever the command sends, to any address, leaves by the loopback of the namespace, where it is read. Prints one JSON
line: the exit code, and protocol, address and port of every packet. Run by ``unshare -rn``, which needs no rights.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
import threading

_SIOCSIFFLAGS, _SIOCADDRT, _IFF_UP, _RTF_UP = 0x8914, 0x890B, 1, 1
_EVERYTHING, _IPV4 = 0x0003, 0x0800


class _Route(ctypes.Structure):
    """``struct rtentry`` of linux/route.h."""

    _fields_ = (
        ("pad1", ctypes.c_ulong), ("to", ctypes.c_ubyte * 16), ("by", ctypes.c_ubyte * 16),
        ("mask", ctypes.c_ubyte * 16), ("flags", ctypes.c_ushort), ("pad2", ctypes.c_short), ("pad3", ctypes.c_ulong),
        ("pad4", ctypes.c_void_p), ("metric", ctypes.c_short), ("device", ctypes.c_char_p), ("mtu", ctypes.c_ulong),
        ("window", ctypes.c_ulong), ("irtt", ctypes.c_ushort),
    )  # fmt: skip


def everything_by_loopback() -> None:
    """Loopback up, and the way to every address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
        route = _Route(flags=_RTF_UP, device=b"lo")
        for address in (route.to, route.by, route.mask):
            address[0] = socket.AF_INET
        fcntl.ioctl(asked, _SIOCADDRT, route)


def told(packet: bytes) -> str:
    """``17 10.0.0.1:53`` of a packet with its Ethernet header; empty for a second look at the same one."""
    if struct.unpack_from(">H", packet, 12)[0] != _IPV4:
        return "not IPv4"
    start = 14 + (packet[14] & 15) * 4
    to, (port,) = ipaddress.ip_address(packet[30:34]), struct.unpack_from(">H", packet, start + 2)
    return f"{packet[23]} {to}:{port}"


def main() -> None:
    everything_by_loopback()
    sent: set[str] = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING)) as wire:
        wire.bind(("lo", 0))
        wire.settimeout(0.2)
        over = threading.Event()

        def listen() -> None:
            while True:
                with contextlib.suppress(TimeoutError):
                    sent.add(told(wire.recv(65536)))
                    continue
                if over.is_set():
                    return

        listener = threading.Thread(target=listen)
        listener.start()
        done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ)
        over.set()
        listener.join()
    print(json.dumps({"code": done.returncode, "sent": sorted(sent), "said": (done.stdout + done.stderr)[-2000:]}))


if __name__ == "__main__":
    main()
