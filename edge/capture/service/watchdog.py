"""Telling systemd that the session runs: ready, alive, and what it does; nothing where systemd does not ask."""

from __future__ import annotations

import os
import socket
import time


class Watchdog:
    """Speaks to the service manager over the socket that it names in ``NOTIFY_SOCKET``.

    A beat means that frames are graded, or that the grading side waits for a camera that is being opened again; one
    that hangs in an engine beats no more, and systemd starts it anew.
    """

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        asked = os.environ.get("WATCHDOG_USEC", "")
        meant = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # Twice as often as asked for, as systemd's manual says.
        self._every_s = int(asked) / 2e6 if asked.isdigit() and meant else 0.0
        self._last = 0.0
        self._ready = False

    def beat(self, status: str = "") -> None:
        """Say that all is well; costs nothing where nobody asked, and little where it is called for every frame."""
        now = time.monotonic()
        if not self._address or now - self._last < (self._every_s or 5.0) / 2:
            return
        self._last = now
        words = ["WATCHDOG=1"] if self._every_s else []
        if not self._ready:
            words, self._ready = ["READY=1", *words], True
        if status:
            words.append(f"STATUS={status}")
        self._send("\n".join(words))

    def stopping(self) -> None:
        """Say that the session ends, so that its last files may take their time."""
        if self._address:
            self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as speaking:
                speaking.sendto(text.encode(), name)
        except OSError:  # a manager that does not listen is no reason to stop
            return
