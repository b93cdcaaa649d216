"""What a service manager hears, on a real datagram socket."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.capture.service.watchdog import Watchdog

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_ready_then_alive_then_stopping(manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    now = 1000.0
    monkeypatch.setattr("edge.capture.service.watchdog.time", SimpleNamespace(monotonic=lambda: now))
    dog = Watchdog()
    dog.beat()
    assert manager.recv(100) == b"READY=1\nWATCHDOG=1"
    for _ in range(70):
        now += 0.005
        dog.beat("30 frames graded")
    beats = []
    manager.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            beats.append(manager.recv(100))
    assert set(beats) == {b"WATCHDOG=1\nSTATUS=30 frames graded"}
    assert 4 <= len(beats) <= 9  # of 350 ms: at least every 100, and not for every frame
    manager.settimeout(60)
    dog.stopping()
    assert manager.recv(100) == b"STOPPING=1"


def test_a_watchdog_meant_for_another_process_is_not_fed(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    Watchdog().beat()
    assert manager.recv(100) == b"READY=1"


def test_a_missing_listener_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Watchdog().beat()
    monkeypatch.delenv("NOTIFY_SOCKET")
    Watchdog().beat()
