"""Sources that never come, stop coming or never end: SIGTERM ends a session at once, with everything kept."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import cv2
import numpy as np
import pytest

av = pytest.importorskip("av")

from edge.camera.demo import DemoCamera
from edge.camera.open import open_camera
from edge.camera.opening import OpeningStopped, open_aside
from edge.camera.protocol import Camera
from edge.errors import EdgeError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="named pipes and signals")

Writer = Callable[..., list[np.ndarray]]
ROOT = Path(__file__).parents[3]
GUARD_S = 300  # a hang guard only
COMMAND = [sys.executable, "-c", "from edge.commands.capture import main; main()"]


@contextlib.contextmanager
def capture(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    # Its own group, so that nothing of it outlives the test.
    running = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def wait_for_line(stream: IO[str] | None, words: str, times: int = 1) -> None:
    assert stream is not None
    for line in stream:
        times -= words in line
        if not times:
            return
    raise AssertionError(f"it ended without saying '{words}'")


def end(running: subprocess.Popen[str]) -> tuple[int, str]:
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=GUARD_S)
    return running.returncode, errors


def kept(folder: Path) -> int:
    """Lines of a session of which all is whole."""
    lines = [json.loads(line) for line in (folder / "session.jsonl").read_text().splitlines()]
    with av.open(str(folder / "session.webm")) as film:
        assert sum(1 for _ in film.decode(video=0)) >= 1
    assert not list(folder.glob(".*"))
    return len(lines)


def fifo_without_writer(folder: Path, clip: bytes) -> str:
    os.mkfifo(folder / "pipe.ts")
    return str(folder / "pipe.ts")


def dripping_server(folder: Path, clip: bytes) -> str:
    """One byte a second, for ever."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                client.sendall(b"HTTP/1.0 200 OK\r\n")
                for letter in b"Content-Type: multipart/x-mixed-replace; boundary=frame\r\n" * 1000:
                    client.sendall(bytes([letter]))
                    time.sleep(1)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}/live"


@pytest.mark.parametrize("source", [fifo_without_writer, dripping_server], ids=lambda each: each.__name__)
def test_a_source_that_never_opens(tmp_path: Path, source: Callable[[Path, bytes], str]) -> None:
    with capture(source(tmp_path, b""), "--out", tmp_path / "out") as running:
        wait_for_line(running.stderr, "has given nothing yet: still waiting for it; Ctrl-C ends that.")
        code, errors = end(running)
    assert (code, errors.strip()) == (130, "interrupted before the source was open")
    assert not (tmp_path / "out").exists()


def fifo_that_falls_silent(folder: Path, clip: bytes) -> str:
    """Its writer lives on and says nothing."""
    os.mkfifo(folder / "pipe.ts")

    def write() -> None:
        with contextlib.suppress(OSError), (folder / "pipe.ts").open("wb", buffering=0) as pipe:
            pipe.write(clip)
            time.sleep(3 * GUARD_S)

    threading.Thread(target=write, daemon=True).start()
    return str(folder / "pipe.ts")


def fifo_without_end(folder: Path, clip: bytes) -> str:
    os.mkfifo(folder / "pipe.ts")

    def write() -> None:
        with contextlib.suppress(OSError), (folder / "pipe.ts").open("wb", buffering=0) as pipe:
            while True:
                pipe.write(clip)

    threading.Thread(target=write, daemon=True).start()
    return str(folder / "pipe.ts")


def playlist_without_end(folder: Path, clip: bytes) -> str:
    """As of a broadcast: whoever reads it asks for its next part for ever."""
    (folder / "part.ts").write_bytes(clip)
    text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2.0,\npart.ts\n"
    (folder / "live.m3u8").write_text(text)
    return str(folder / "live.m3u8")


def list_of_files_one_of_which_is_silent(folder: Path, clip: bytes) -> str:
    (folder / "part.ts").write_bytes(clip)
    os.mkfifo(folder / "pipe.ts")
    (folder / "list.ffconcat").write_text("ffconcat version 1.0\nfile part.ts\nfile pipe.ts\n")
    return str(folder / "list.ffconcat")


@pytest.mark.parametrize(
    "source",
    [fifo_that_falls_silent, fifo_without_end, playlist_without_end, list_of_files_one_of_which_is_silent],
    ids=lambda each: each.__name__,
)
def test_a_source_that_stops_coming_or_never_ends(
    tmp_path: Path, write_clip: Writer, source: Callable[[Path, bytes], str]
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    write_clip(folder / "clip.ts", "libx264", 60)
    with capture(source(folder, (folder / "clip.ts").read_bytes()), "--json", "--out", tmp_path / "out") as running:
        wait_for_line(running.stdout, '"index"', 5)
        code, errors = end(running)
    assert code == 130
    assert "Traceback" not in errors
    assert kept(tmp_path / "out") >= 5


def jpeg() -> bytes:
    return cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8))[1].tobytes()


class OneFrame:
    """A server that gives one frame to whoever comes, and hangs up."""

    def __init__(self) -> None:
        self.accepted = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._server.getsockname()[1]}/live"
        threading.Thread(target=self._serve, daemon=True).start()

    def settle(self) -> None:
        """Come last: whoever came before has then been served, and has gone."""
        port = self._server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=GUARD_S) as last:
            last.sendall(b"GET /live HTTP/1.0\r\n\r\n")
            while last.recv(4096):
                pass

    def _serve(self) -> None:
        head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
        part = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg())}\r\n\r\n"
        while True:
            client, _ = self._server.accept()
            self.accepted += 1
            with client, contextlib.suppress(OSError):
                client.recv(4096)
                client.sendall(head.encode() + part.encode() + jpeg() + b"\r\n")
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):  # until the other side has hung up too
                    pass


def test_a_server_that_hangs_up_is_asked_less_and_less_and_never_again_once_closed() -> None:
    server, said, before = OneFrame(), [], set(threading.enumerate())
    camera = open_camera(server.address, tell=said.append)
    frames = [camera.read() for _ in range(5)]
    assert [frame.index for frame in frames if frame is not None] == [0, 1, 2, 3, 4]
    assert server.accepted <= 7
    assert ["comes and goes" in sentence for sentence in said] == [False, False, True]
    reader = threading.Thread(target=lambda: list(iter(camera.read, None)), daemon=True)
    reader.start()
    camera.close()
    reader.join(GUARD_S)
    assert not reader.is_alive()
    until = time.monotonic() + GUARD_S
    while any(each.name == "connection" for each in set(threading.enumerate()) - before):  # a try that had begun
        assert time.monotonic() < until
        time.sleep(0.01)
    server.settle()
    asked = server.accepted
    time.sleep(0.3)
    server.settle()
    assert server.accepted == asked + 1  # and that was the test
    camera.close()


def test_a_server_whose_first_frame_never_ends_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's time-out while it reads a frame is another error than any of a network."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = server.accept()
        with client, contextlib.suppress(OSError):
            client.recv(4096)
            client.sendall(
                b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n--frame\r\n"
            )
            while True:
                client.sendall(b"X-Never: ends\r\n")
                time.sleep(0.001)

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setattr("edge.camera.recording.network._OPEN_S", 1.0)
    monkeypatch.setattr("edge.camera.patience._LEARNING", 1)
    with server, pytest.raises(EdgeError, match=r"gives no video: check the address"):
        open_camera(f"http://127.0.0.1:{server.getsockname()[1]}/live")


def test_what_is_opened_too_late_is_closed() -> None:
    stop, go_on = threading.Event(), threading.Event()
    opened: list[DemoCamera] = []

    def slow() -> Camera:
        assert go_on.wait(GUARD_S)
        opened.append(DemoCamera())
        return opened[-1]

    stop.set()
    with pytest.raises(OpeningStopped):
        open_aside(slow, stop, lambda: None)
    go_on.set()
    until = time.monotonic() + GUARD_S
    while any(thread.name == "opening" for thread in threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.01)
    assert opened[0].read() is None


def test_an_error_of_opening_is_raised() -> None:
    def wrong() -> Camera:
        raise EdgeError("it is not there.")

    with pytest.raises(EdgeError, match=r"^it is not there\.$"):
        open_aside(wrong, threading.Event(), lambda: None)
    camera = open_aside(DemoCamera, threading.Event(), lambda: None)
    assert camera.read() is not None  # not closed behind our back
