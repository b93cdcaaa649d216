"""What somebody on the network would try who has read the docs."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.preview import body, connections, streams
from edge.preview.auth import guesses
from edge.preview.auth import middleware as gate
from edge.preview.auth.source import Known
from edge.preview.server import Listen

from .conftest import Demo, wait_for

TOKEN = "c81f5e0b97d2a643"
HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
UPGRADE = b"GET /stream HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
UPGRADE += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
ASK = b"\x81\x87\x00\x00\x00\x00overlay"  # a masked frame, with a mask of zeros
Start = Callable[..., Demo]


def call(running: Demo) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.preview.port), timeout=300)


def answers(running: Demo, data: bytes) -> bytes:
    """All that comes back until the server ends the connection."""
    with call(running) as client:
        client.sendall(data)
        parts = []
        with contextlib.suppress(ConnectionError):
            parts.extend(iter(lambda: client.recv(65536), b""))
        return b"".join(parts)


def deaf(running: Demo, data: bytes) -> socket.socket:
    """Sends as much as goes, and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", running.preview.port))
    client.setblocking(False)
    with contextlib.suppress(BlockingIOError, ConnectionError):
        for _ in range(400):
            client.send(data)
    return client


@pytest.mark.parametrize("what", ["page", "stream", "captures", "garbage after the page"])
def test_who_asks_and_does_not_read_keeps_no_place(demo: Start, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(gate, "_SLOW_S", 0.5)
    monkeypatch.setattr(streams, "_SLOW_S", 0.5)
    monkeypatch.setattr(connections, "_DEAF_MS", 1500)
    monkeypatch.setattr(connections, "_SILENT_S", 1.0)
    running = demo()
    running.preview.captured(running.newest)
    wait_for(lambda: running.preview.hub.captured == 1)
    page = b"GET /page.js HTTP/1.1\r\n" + HOST + b"\r\n"
    data = {
        "page": page * 50,
        "stream": UPGRADE + ASK * 2000,
        "captures": (b"GET /captures/1.plain.jpg HTTP/1.1\r\n" + HOST + b"\r\n") * 50,
        "garbage after the page": page * 20 + b"nonsense\r\n\r\n",
    }[what]
    clients = [deaf(running, data) for _ in range(6)]
    wait_for(lambda: running.clients() == 0)
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\nX: ",
        b"POST /login HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 900\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 900\r\n\r\n",
        b"POST /nowhere HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n1\r\n",
    ],
)
def test_a_request_that_drips_is_ended(demo: Start, monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    monkeypatch.setattr(connections, "_SILENT_S", 1.0)
    monkeypatch.setattr(body, "_BODY_S", 0.5)
    running = demo()
    with call(running) as client:
        client.sendall(first)

        def ended() -> bool:
            with contextlib.suppress(ConnectionError):
                client.sendall(b"a")
                time.sleep(0.1)
                return False
            return True

        wait_for(ended)
    wait_for(lambda: running.clients() == 0)


def test_pipelined_requests_take_no_memory_and_no_turn(demo: Start) -> None:
    running = demo()
    before = _resident()
    clients = [deaf(running, (b"GET / HTTP/1.1\r\n" + HOST + b"\r\n") * 2000) for _ in range(8)]
    assert running.ask("GET", "/captures")[0] == 200
    assert _resident() - before < 64 << 20
    for client in clients:
        client.close()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_packed_body_is_not_unfolded(demo: Start) -> None:
    running = demo()
    bomb = zlib.compress(b'{"strictness": "strict"}' + b" " * 900)
    assert len(bomb) < 1024
    assert running.ask("POST", "/settings", bomb, {"Content-Encoding": "deflate"})[0] == 400
    assert running.levels == []


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x07overlay",  # not masked
        b"\x81\xfe\x10\x00\x00\x00\x00\x00" + b"a" * 4096,  # longer than any message of ours
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",  # 2^63 bytes promised
        b"\xf1\x87\x00\x00\x00\x00overlay",  # reserved bits
        b"\x80\x87\x00\x00\x00\x00overlay",  # goes on with what never began
        b"\x83\x80\x00\x00\x00\x00",  # a kind that there is not
        b"\x89\xfe\x00\x80\x00\x00\x00\x00" + b"a" * 128,  # a long ping
        b"\x01\x81\x00\x00\x00\x00a" + b"\x00\x81\x00\x00\x00\x00a" * 500,  # never ends
        b"\x81\x82\x00\x00\x00\x00\xff\xfe",  # no text
        b"\x82\x87\x00\x00\x00\x00overlay",  # bytes
        b"\x88\x81\x00\x00\x00\x00a",  # half a code
    ],
)
def test_frames_that_are_none_end_their_connection_alone(demo: Start, frame: bytes) -> None:
    running = demo()
    with call(running) as client:
        client.sendall(UPGRADE + frame)
        with contextlib.suppress(ConnectionError):
            while client.recv(65536):
                pass
    wait_for(lambda: running.clients() == 0)
    assert running.reports == []
    assert running.ask("GET", "/captures")[0] == 200


def test_who_asks_for_what_there_is_not_is_not_written_down(demo: Start, caplog: pytest.LogCaptureFixture) -> None:
    running = demo()
    for header in (
        b"Sec-WebSocket-Protocol: evil",
        b"Sec-WebSocket-Extensions: permessage-deflate; x",
        b"Cookie: a[b=c",
    ):
        with call(running) as client:
            client.sendall(
                UPGRADE.replace(b"Upgrade: websocket", header + b"\r\nUpgrade: websocket") + b"\x88\x80\0\0\0\0"
            )
            assert client.recv(4096).startswith(b"HTTP/1.1 101")
    assert [record for record in caplog.records if record.name.startswith(("aiohttp", "asyncio"))] == []


@pytest.mark.parametrize(
    "path",
    [
        *("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/page.js/../../server.py", "/.git/config"),
        *("/captures/../server.py", "/captures/1.plain.jpg/../../x", "/captures/%31.exe", "/captures/-1.plain.jpg"),
        *(
            "/captures/99999999999.plain.jpg",
            "/captures/1.plain.jpg%00.html",
            "/page.js%00",
            "/page/index.html",
            "/\\etc",
        ),
    ],
)
def test_no_path_leads_to_a_file(demo: Start, path: str) -> None:
    running = demo()
    answer = answers(running, f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"Connection: close\r\n\r\n")
    assert answer.split(b" ")[1] in (b"400", b"404"), answer[:200]
    assert b"root:" not in answer
    assert b"import" not in answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n" + HOST,
        b"GET /nowhere<script> HTTP/1.1\r\n" + HOST,
        b"TRACE / HTTP/1.1\r\nCookie: efiqa=secret\r\n" + HOST,
        b"G<script>T / HTTP/1.1\r\n" + HOST,
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Expect: nonsense\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"<script>" * 2000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 500,
        b"GET / HTTP/9.9\r\n" + HOST,
        b"POST /trigger HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"POST /settings HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 2\r\n\r\n[]",
        b"<script>alert(1)</script>",
    ],
)
def test_every_answer_keeps_browsers_safe_and_reveals_no_version(demo: Start, request_: bytes) -> None:
    running = demo()
    answer = answers(running, request_ + b"Connection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = {line.lower() for line in head.decode().split("\r\n")[1:]}
    assert {"cache-control: no-store", "x-content-type-options: nosniff", "x-frame-options: deny"} <= lines
    assert {"server: efiqa-edge", "referrer-policy: no-referrer"} <= lines
    assert any(line.startswith("content-security-policy: default-src 'none'") for line in lines)
    assert b"aiohttp" not in answer
    assert b"<script>" not in body
    assert b"secret" not in answer
    assert not running.triggered.is_set()


def test_wrong_tokens_and_cookies_wait_alike_and_many_at_once_learn_nothing(
    demo: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "WRONG_S", 3600.0)  # as good as for ever
    running = demo(Listen(port=0, token=TOKEN))
    cookie = f"Cookie: efiqa_{running.preview.port}=".encode()
    wrong = {
        "127.0.0.2": b"Authorization: Bearer wrong\r\n",
        "127.0.0.3": cookie + b"0" * 64 + b"\r\n",
        "127.0.0.4": b"Content-Length: 18\r\n" + JSON,
        "127.0.0.5": cookie + b"0\r\nAuthorization: Bearer \xff\r\n",
    }

    def ask(source: str, header: bytes) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", running.preview.port), 60, (source, 0))
        start, end = (b"POST /login", b'{"token": "wrong"}') if JSON in header else (b"GET /captures", b"")
        client.sendall(start + b" HTTP/1.1\r\n" + HOST + header + b"\r\n" + end)
        return client

    def silent(client: socket.socket) -> bool:
        client.settimeout(0.5)
        try:
            return client.recv(100) == b"silence is no end"
        except TimeoutError:
            return True

    right = f"Authorization: Bearer {TOKEN}\r\n".encode()
    clients = []
    for source, header in wrong.items():
        first = ask(source, header)
        assert silent(first), f"{header!r} was answered at once"
        first.close()  # who does not wait for the answer gains nothing
        clients += [ask(source, right) for _ in range(8)]
        assert all(map(silent, clients[-2:])), "a guess was looked at before its turn"
        turned = ask(source, right)
        assert b" 429 " in turned.recv(100)
        clients.append(turned)
    nothing = ask("127.0.0.2", b"")  # asks without guessing: the page must learn that it wants a token
    assert b" 401 " in nothing.recv(100)
    other = ask("127.0.0.6", right)
    assert b" 200 " in other.recv(100), "one machine locked the others out"
    for client in (*clients, nothing, other):
        client.close()


def test_guesses_of_a_neighbour_do_not_hold_up_who_was_let_in(demo: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of IPv6 the machines of a house share a network, and so one line of guesses: not with one that is known."""
    running = demo(Listen(port=0, token=TOKEN, proxies=("127.0.0.1",)))
    right = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "2001:db8::1"}
    assert running.ask("GET", "/captures", headers=right)[0] == 200
    monkeypatch.setattr(guesses, "WRONG_S", 3600.0)
    start = b"GET /captures HTTP/1.1\r\n" + HOST + b"Authorization: Bearer wrong\r\n"
    clients = [call(running) for _ in range(12)]
    for number, client in enumerate(clients):
        client.sendall(start + b"X-Forwarded-For: 2001:db8::%x\r\n\r\n" % (number + 2))
    wait_for(lambda: len(select.select(clients, [], [], 0)[0]) == 4)  # the line is full: 8 wait
    assert running.ask("GET", "/captures", headers=right)[0] == 200
    for client in clients:
        client.close()


def test_many_machines_leave_places_for_who_was_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 16)
    monkeypatch.setattr(connections, "MOST_PER_ADDRESS", 6)
    known = Known()
    known.add("10.0.0.9")
    known.add("2001:db8::9")
    places, held = connections.Places(frozenset({"10.0.0.1"}), known), list[socket.socket]()

    def take(address: str) -> bool:
        one, other = socket.socketpair()
        held.extend((one, other))
        return places.take(one, address)

    def most(*addresses: str) -> int:
        return sum(take(address) for address in addresses)

    assert most(*(f"2001:db8::{number:x}" for number in range(16, 32))) == 6  # one machine may have them all
    assert most(*(f"10.0.1.{number}" for number in range(20))) == 6  # 12 in all
    assert take("2001:db8::9")
    assert take("10.0.0.9")
    assert take("10.0.0.1")
    assert take("::ffff:127.0.0.1")
    assert not take("127.0.0.1")  # all 16 are taken
    held[0].close()
    assert not take("10.0.1.40")
    assert take("10.0.0.9")
    for each in held:
        each.close()


def test_counts_return_to_nothing_and_never_exceed_the_sockets(demo: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against what the kernel says, on the server's own thread, while clients come and leave in every way."""
    made: list[connections.Places] = []

    class Seen(connections.Places):
        def __init__(self, proxies: frozenset[str], known: Known) -> None:
            super().__init__(proxies, known)
            made.append(self)

    monkeypatch.setattr(connections, "Places", Seen)
    running = demo()
    loop = running.preview._loop
    accept, accepted, seen = loop.sock_accept, set[int](), list[tuple[int, int]]()

    async def noting(listening: socket.socket) -> Any:
        client, address = await accept(listening)
        accepted.add(os.fstat(client.fileno()).st_ino)
        return client, address

    def held() -> int:
        """Of all that were accepted, those whose descriptor this process has still."""
        links = []
        for each in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):  # of another thread, and closed just now
                links.append(str(each.readlink()))
        return len(accepted & {int(each[8:-1]) for each in links if each.startswith("socket:[")})

    def sample() -> None:
        seen.append((made[0].count(), held()))
        if not running.preview.hub.ended:
            loop.call_later(0.001, sample)

    monkeypatch.setattr(loop, "sock_accept", noting)
    call(running).close()  # the first one is accepted by the call that waited before
    wait_for(lambda: running.clients() == 0)
    loop.call_soon_threadsafe(sample)
    ways = (
        b"",
        b"GET /sta",
        b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
        UPGRADE,
        UPGRADE + ASK,
        b"\x16\x03\x01 nonsense\r\n\r\n",
    )
    for number in range(60):
        clients = [call(running) for _ in range(1 + number % 12)]
        for index, client in enumerate(clients):
            client.sendall(ways[(number + index) % len(ways)])
            if index % 3 == 0:  # leaves without a word
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for client in clients:
            client.close()
    staying = [call(running) for _ in range(6)]  # of a server that is late, the others may have left before they came
    wait_for(lambda: seen[-1][0] >= 6)
    for client in staying:
        client.close()
    wait_for(lambda: seen[-1] == (0, 0))
    over = [each for each in seen if each[0] > each[1]]
    assert over == [], f"counted more than there were: {over[:5]} of {len(seen)}"


def test_as_many_as_there_is_room_for_are_never_refused(demo: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 5)
    running = demo()
    for _ in range(60):
        clients = []
        for _ in range(4):  # and one for the count
            clients.append(call(running))
            clients[-1].sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        for client in clients:
            assert client.recv(4096).startswith(b"HTTP/1.1 200"), "there was room"
            client.close()
        wait_for(lambda: json.loads(running.ask("GET", "/healthz")[2]) and running.clients() == 0)
