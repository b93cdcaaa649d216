"""Notify systemd that the session is ready and alive, and of its status; does nothing without systemd."""

from __future__ import annotations

import os
import socket
import time


class Watchdog:
    """Notifies the service manager over the socket in ``NOTIFY_SOCKET``.

    A beat means that frames are graded, or that the grading thread waits for a camera that is being reopened; if it
    hangs in an engine, the beats stop, and systemd restarts the session.
    """

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        asked = os.environ.get("WATCHDOG_USEC", "")
        meant = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # Twice as often as required, as systemd's manual recommends.
        self._every_s = int(asked) / 2e6 if asked.isdigit() and meant else 0.0
        self._last = 0.0
        self._ready = False

    def beat(self, status: str = "") -> None:
        """Report that all is well; cheap enough to be called for every frame."""
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
        """Report that the session ends, so that its last files may take some time."""
        if self._address:
            self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as speaking:
                speaking.sendto(text.encode(), name)
        except OSError:  # the session continues without its manager
            return
