"""The server, asked over real connections while a real session runs."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
import pytest

from edge.capture.graded import Graded
from edge.capture.loop import Counts
from edge.commands.console.reporter import Reporter
from edge.errors import EdgeError
from edge.preview import connections, streams
from edge.preview.auth import guesses
from edge.preview.context import Controls
from edge.preview.server import Listen, Preview

from .conftest import Demo, wait_for

TOKEN = "c81f5e0b97d2a643"
Start = Callable[..., Demo]


def picture_of(jpeg: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


async def pictures(demo: Demo, *kinds: str) -> list[np.ndarray]:
    """One picture after the other, as the page asks for them."""
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{demo.preview.url}stream") as stream:
        made = []
        for kind in kinds:
            await stream.send_str(kind)
            made.append(picture_of(await stream.receive_bytes(timeout=300)))
        return made


async def events(demo: Demo, until: str, number: int = 1, path: str = "state") -> list[tuple[str, Any]]:
    """Server-sent events up to the n-th of a name."""
    made: list[tuple[str, Any]] = []
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(timeout=timeout) as client, client.get(demo.preview.url + path) as answer:
        assert answer.content_type == "text/event-stream"
        name = ""
        async for line in answer.content:
            if line.startswith(b"event: "):
                name = line[7:].decode().strip()
            elif line.startswith(b"data: "):
                made.append((name, json.loads(line[6:])))
                if [each for each, _ in made].count(until) == number:
                    break
    return made


def test_stream_gives_new_pictures_with_and_without_the_map(demo: Start) -> None:
    running = demo()
    made = asyncio.run(pictures(running, *["overlay"] * 5, "plain"))
    for picture in made:
        assert picture.shape == (360, 480, 3)
        assert picture[120:240, 180:300, 2].mean() > picture[120:240, 180:300, 0].mean() + 20, "no retina in it"
    assert len({picture.tobytes() for picture in made}) > 2  # the same frame comes again by chance, but not always


def test_no_picture_is_drawn_while_no_client_watches(demo: Start) -> None:
    running = demo()
    graded = running.counts.graded
    wait_for(lambda: running.counts.graded > graded + 10)
    assert running.preview.painter.drawn == 0
    asyncio.run(pictures(running, "overlay"))
    assert running.preview.painter.drawn <= 3


def test_state_holds_session_frames_and_hint_in_a_language(demo: Start) -> None:
    running = demo()
    told = asyncio.run(events(running, "frame", 3, "state?language=de"))
    names = [name for name, _ in told]
    assert names[:3] == ["session", "captures", "frame"]
    session = told[0][1]
    assert session["strictness"] == "normal"
    assert set(session["languages"]) >= {"en", "de", "es", "pt", "hi"}
    frames = [data for name, data in told if name == "frame"]
    assert [each["index"] for each in frames] == sorted({each["index"] for each in frames})
    for each in frames:
        assert 0 <= each["score"] <= 1
        assert each["verdict"] in ("good", "usable", "reject", "no_fundus")
        assert each["graded"] <= each["seen"] + 1
    hint = running.newest.hint
    assert hint is not None
    latest = asyncio.run(events(running, "frame", path="state?language=de"))[-1][1]["hint"]
    assert latest["text"]
    assert {"code", "clock", "icon", "sound"} <= set(latest)


def test_trigger_keeps_a_frame_and_shows_it(demo: Start) -> None:
    running = demo()
    assert json.loads(running.ask("GET", "/captures")[2]) == {"captures": []}
    status, _, body = running.ask("POST", "/trigger")
    assert (status, json.loads(body)) == (202, {"triggered": True})
    (kept,) = wait_for(lambda: json.loads(running.ask("GET", "/captures")[2])["captures"])
    for kind in ("overlay", "plain"):
        status, headers, jpeg = running.ask("GET", kept[kind])
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        assert picture_of(jpeg).shape == (360, 480, 3)
    assert running.ask("GET", "/captures/7.plain.jpg")[0] == 404
    told = dict(asyncio.run(events(running, "captures")))
    assert told["captures"] == [kept]


def test_a_session_that_keeps_nothing_answers_so(demo: Start) -> None:
    running = demo(controls=Controls(None))
    status, _, body = running.ask("POST", "/trigger")
    assert status == 409
    assert "--out" in json.loads(body)["error"]
    assert dict(asyncio.run(events(running, "session")))["session"]["keeps"] is False


def test_strictness_is_set_where_there_is_automatic_capture(demo: Start) -> None:
    running = demo()
    assert running.ask("POST", "/settings", {"strictness": "strict"})[0] == 200
    assert running.levels == ["strict"]
    assert dict(asyncio.run(events(running, "session")))["session"]["strictness"] == "strict"
    for wrong in ({"strictness": "hopeless"}, {}, {"strictness": ["easy"]}):
        assert running.ask("POST", "/settings", wrong)[0] == 400
    without = demo(strictness=None)
    status, _, body = without.ask("POST", "/settings", {"strictness": "easy"})
    assert status == 409
    assert "--strictness" in json.loads(body)["error"]
    assert without.levels == []


def test_health_and_metrics(demo: Start) -> None:
    running = demo()
    assert wait_for(lambda: running.ask("GET", "/healthz")[0] == 200)
    status, headers, body = running.ask("GET", "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    text = body.decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert 0 < float(values["efiqa_frames_graded_total"]) <= running.counts.graded
    assert float(values["efiqa_preview_clients"]) >= 1
    assert float(values['efiqa_latency_seconds{quantile="0.5"}']) > 0
    assert sum(float(v) for k, v in values.items() if k.startswith("efiqa_verdict{")) == 1
    for name in {re.match(r"[a-z_]+", key).group() for key in values}:  # type: ignore[union-attr]
        assert f"# TYPE {name} " in text
    assert re.fullmatch(r"(# (HELP|TYPE) [^\n]+\n|[a-z_]+(\{[a-z]+=\"[\w.]+\"\})? [-\d.e+]+\n)+", text)


def test_the_age_of_sent_pictures_is_reported(demo: Start) -> None:
    running = demo()
    assert b"efiqa_preview_age_seconds" not in running.ask("GET", "/metrics")[2]
    asyncio.run(pictures(running, *["overlay"] * 3))
    told = re.findall(rb'\nefiqa_preview_age_seconds\{quantile="[\d.]+"\} ([\d.]+)', running.ask("GET", "/metrics")[2])
    assert [float(age) for age in told] == sorted(float(age) for age in told)
    assert len(told) == 3
    assert float(told[0]) > 0


def test_a_late_picture_is_passed_over_for_the_next_one_but_not_two(graded_grey: Callable[..., Graded]) -> None:
    counts = Counts(graded=31, seconds=1.0)  # 30 frames a second

    async def ask_once(preview: Preview) -> float:
        async with aiohttp.ClientSession() as client, client.ws_connect(f"{preview.url}stream") as stream:
            await stream.send_str("plain")
            for number, grey in enumerate((60, 200), 1):
                preview.publish(graded_grey(grey, age_s=10.0))
                await asyncio.to_thread(wait_for, lambda number=number: preview.painter.drawn >= number)
            return float(picture_of(await stream.receive_bytes(timeout=300)).mean())

    with Preview(Listen(port=0), counts, Controls(None), lambda sentence: None) as preview:
        assert asyncio.run(ask_once(preview)) == pytest.approx(200, abs=3)


def test_health_reports_a_missing_frame() -> None:
    from edge.capture.loop import Counts

    with (
        Preview(Listen(port=0), Counts(), Controls(lambda: None), print) as preview,
        socket.create_connection(("127.0.0.1", preview.port)) as client,
    ):
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert b" 503 " in answer.splitlines()[0]
    assert b"starting" in answer


def test_notes_reach_the_page_each_once(demo: Start) -> None:
    running = demo()
    running.preview.tell("the camera is unplugged; plug it in again.")
    told = asyncio.run(events(running, "frame", 6))
    assert [data for name, data in told if name == "note"] == ["the camera is unplugged; plug it in again."]


PROTECTED = ("/stream", "/state", "/captures", "/captures/1.plain.jpg", "/metrics")


def test_token_guards_everything_but_the_empty_page(demo: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "WRONG_S", 0.01)
    running = demo(Listen(port=0, token=TOKEN))
    for path in ("/", "/page.css", "/page.js", "/words.json", "/healthz"):
        status, _, body = running.ask("GET", path)
        assert status == 200
        assert TOKEN.encode() not in body
    for path in PROTECTED:
        assert running.ask("GET", path)[0] == 401
        assert running.ask("GET", f"{path}?token={TOKEN}")[0] == 401
        assert running.ask("GET", path, headers={"Authorization": "Bearer wrong"})[0] == 401
    assert running.ask("POST", "/trigger")[0] == 401
    assert not running.triggered.is_set()
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert running.ask("GET", "/metrics", headers=bearer)[0] == 200
    assert running.ask("POST", "/trigger", headers=bearer)[0] == 202
    for wrong in ({"token": "wrong"}, {"token": 7}, {}, {"token": None}):
        assert running.ask("POST", "/login", wrong)[0] == 401
    status, headers, _ = running.ask("POST", "/login", {"token": TOKEN})
    cookie = headers["set-cookie"]
    assert status == 200
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert running.ask("GET", "/captures", headers={"Cookie": cookie.split(";")[0]})[0] == 200


def test_foreign_sites_and_names_are_refused(demo: Start) -> None:
    running = demo()
    host = {"Host": f"evil.example:{running.preview.port}"}
    own = {"Origin": f"http://127.0.0.1:{running.preview.port}"}
    for path in ("/", "/captures", "/state", "/stream"):
        assert running.ask("GET", path, headers=host)[0] == 421
        assert running.ask("GET", path, headers={"Origin": "http://evil.example"})[0] == 403
    assert running.ask("POST", "/trigger", headers={"Origin": "null"})[0] == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert running.ask("POST", "/trigger", headers={"Content-Type": kind})[0] == 415
    assert not running.triggered.is_set()
    assert running.ask("POST", "/trigger", headers=own)[0] == 202


def test_every_answer_forbids_framing_sniffing_and_the_outside(demo: Start) -> None:
    running = demo()
    for path in ("/", "/captures", "/nowhere", "/healthz"):
        headers = running.ask("GET", path)[1]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"https?:|unsafe|\*", policy)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
    for path in ("/", "/page.css", "/page.js"):
        assert not re.search(rb"https?://|//cdn|@import", running.ask("GET", path)[2]), "the page asks outside"


@pytest.mark.parametrize(
    "body", [b"x" * 5000, b"[]", b"{", b"\xff\xfe", b"[" * 900, b'{"strictness":' + b"1" * 900 + b"}"]
)
def test_bad_bodies_are_answered(demo: Start, body: bytes) -> None:
    running = demo()
    assert 400 <= running.ask("POST", "/settings", body)[0] < 500
    assert running.ask("GET", "/captures")[0] == 200


def test_invalid_requests_harm_and_print_nothing(demo: Start, caplog: pytest.LogCaptureFixture) -> None:
    running = demo()
    random = np.random.default_rng(0)
    starts = (
        b"",
        b"GET / HTTP/1.1\r\n",
        b"POST /trigger HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
    )
    starts += (
        b"GET /" + b"x" * 9000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500,
        b"\x16\x03\x01\x02\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\n",
    )
    for number in range(70):
        client = socket.create_connection(("127.0.0.1", running.preview.port), timeout=300)
        with client, contextlib.suppress(ConnectionError):
            client.sendall(starts[number % len(starts)] + random.bytes(200) + b"\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            answer = client.recv(4096)
            assert answer == b"" or re.match(rb"HTTP/1\.[01] [24]\d\d ", answer), answer
    assert running.ask("POST", "/login", '{"token": "\\ud800"}')[0] == 200  # no token here: any will do
    assert running.ask("GET", "/captures", headers={"Cookie": "efiqa=\xff; ;;=", "Authorization": "\xe9"})[0] == 200
    assert not running.triggered.is_set()
    assert running.reports == []
    assert [each.getMessage() for each in caplog.records if each.levelname not in ("DEBUG", "INFO")] == []


def test_an_internal_error_is_reported_once_and_ends_nothing(demo: Start) -> None:
    running = demo(controls=Controls(lambda: 1 / 0))  # type: ignore[arg-type, return-value]
    assert [running.ask("POST", "/trigger")[0] for _ in range(3)] == [500] * 3
    (told,) = running.reports
    assert "/trigger" in told
    assert running.ask("GET", "/captures")[0] == 200


def test_fifty_clients_of_which_half_never_read(demo: Start) -> None:
    """The session goes on as fast, readers get their pictures, and one drawing serves them all."""
    running = demo()
    port = running.preview.port
    deaf: list[socket.socket] = []
    key = b"GET /%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    key += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    # A masked frame that says "overlay", with a mask of zeros; 2,000 of them at once.
    ask = b"\x81\x87\x00\x00\x00\x00overlay" * 2000
    for number in range(25):
        client = socket.create_connection(("127.0.0.1", port), timeout=300)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        if number % 5 == 4:
            client.sendall(b"GET /sta")  # and no more
        elif number % 5 == 3:
            client.sendall(b"GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n")
        else:
            client.sendall(key % b"stream")
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.send(ask)
        deaf.append(client)

    published = running.preview.published
    wait_for(lambda: running.preview.published > published + 20)  # a publisher that waits for the deaf would not
    before = running.preview.painter.drawn, running.preview.published
    got = asyncio.run(_read_all(running, clients=25, each=8))
    drawn, published = running.preview.painter.drawn - before[0], running.preview.published - before[1]
    for client in deaf:
        client.close()
    assert got == [8] * 25
    assert drawn <= 2 * published, "a picture was drawn more than once for its kind"
    assert drawn < 25 * 8, "every reader had its own drawing"
    assert published > 0
    assert running.reports == []


async def _read_all(running: Demo, clients: int, each: int) -> list[int]:
    kinds = ["overlay"] * each
    return [len(made) for made in await asyncio.gather(*(pictures(running, *kinds) for _ in range(clients)))]


def test_a_hundred_reconnections_leave_nothing_behind(demo: Start) -> None:
    running = demo()
    threads = set(threading.enumerate())

    async def come_and_go() -> None:
        async with aiohttp.ClientSession() as client:
            for number in range(100):
                if number % 2:
                    stream = await client.ws_connect(f"{running.preview.url}stream")
                    await stream.send_str("overlay")
                    assert stream._response.connection is not None
                    stream._response.connection.transport.abort()  # type: ignore[union-attr]
                else:
                    answer = await client.get(f"{running.preview.url}state")
                    await answer.content.readline()
                    answer.close()

    asyncio.run(come_and_go())
    wait_for(lambda: running.clients() == 0)
    assert set(threading.enumerate()) <= threads  # one of an earlier test may have ended meanwhile
    assert asyncio.run(pictures(running, "overlay"))
    assert running.reports == []


def test_new_hint_does_not_wait_for_the_calm_pace(demo: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_CALM_S", 60.0)
    running = demo()

    async def hint_after_change() -> dict[str, Any]:
        timer = asyncio.get_running_loop().call_later(0.5, setattr, running.camera, "dark", True)
        told = await events(running, "frame", 2)
        timer.cancel()
        return told[-1][1]["hint"]

    first = running.newest.hint
    changed = asyncio.run(hint_after_change())
    assert first is not None
    assert changed["code"] != first.code


def test_connections_are_bounded_and_silent_ones_end(demo: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 12)
    monkeypatch.setattr(connections, "_SILENT_S", 1.5)
    running = demo()
    silent = [socket.create_connection(("127.0.0.1", running.preview.port), timeout=300) for _ in range(30)]
    turned_away = [client for client in silent[12:] if client.recv(1) == b""]
    assert len(turned_away) == 18
    for client in silent[:12]:
        assert client.recv(1) == b"", "a silent client kept its place"
    assert wait_for(lambda: running.ask("GET", "/captures")[0] == 200)
    for client in silent:
        client.close()


def test_publishing_needs_no_server(demo: Start) -> None:
    """While the server's own thread hangs, frames are still published at once."""
    running = demo()
    hang = threading.Event()
    let_go: list[bool] = []
    running.preview._call(lambda: let_go.append(hang.wait(120)))
    number = running.preview.published
    wait_for(lambda: running.preview.published > number + 20)
    assert let_go == []  # it still hangs
    hang.set()
    assert running.ask("GET", "/captures")[0] == 200


def test_the_end_is_sent_and_closing_is_quick(demo: Start) -> None:
    running = demo()

    async def watch() -> bytes:
        async with aiohttp.ClientSession() as client, client.get(f"{running.preview.url}state") as answer:
            await answer.content.readline()  # it is connected, also on a busy machine
            threading.Thread(target=running.preview.close).start()
            return await answer.content.read()

    assert asyncio.run(watch()).endswith(b"event: end\ndata: {}\n\n")
    closing = threading.Thread(target=running.preview.close, daemon=True)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()
    running.preview.publish(running.newest)  # too late, and harmless
    running.preview.captured(running.newest)
    running.preview.tell("nobody hears this")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", running.preview.port), timeout=300)


def test_each_capture_is_shown_by_its_number_in_its_visit(demo: Start) -> None:
    """The best frame alone, once it is on disk; runners-up are not shown."""
    running = demo()
    reporter = Reporter(json_lines=False)
    reporter.preview = running.preview
    one, other, more = (
        dataclasses.replace(running.newest, frame=dataclasses.replace(running.newest.frame, index=n)) for n in (7, 9, 8)
    )
    for number, best in enumerate((one, other), 3):
        reporter.fired(best, 2, number)
    for saved in (one, more, other, more):
        reporter.saved(Path(f"frame-{saved.frame.index}.png"), saved)
    wait_for(lambda: running.preview.hub.captured >= 2)
    time.sleep(0.5)
    shown = [(each.visit, each.number, each.grade["index"]) for each in running.preview.hub.captures]
    assert shown == [(2, 3, 7), (2, 4, 9)]


def test_an_address_that_is_taken_or_foreign_is_reported(demo: Start) -> None:
    running = demo()
    for listen in (
        Listen(port=running.preview.port),
        Listen(host="203.0.113.9", port=0, token=TOKEN),
        Listen(host="no such name", port=0, token=TOKEN),
        Listen(host="ä..b", port=0, token=TOKEN),
        Listen(port=70_000),
    ):
        with pytest.raises(EdgeError, match="cannot listen") as said:
            Preview(listen, running.counts, Controls(lambda: None), print)
        assert str(said.value).endswith(".")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key)]
    subprocess.run([*command, "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def test_tls(demo: Start, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    running = demo(Listen(port=0, token=TOKEN, cert=cert, key=key))
    assert running.preview.url.startswith("https://")
    trusting = ssl.create_default_context(cafile=str(cert))

    async def ask() -> tuple[int, str]:
        url = f"https://localhost:{running.preview.port}/login"
        login = {"token": TOKEN}
        async with aiohttp.ClientSession() as client, client.post(url, json=login, ssl=trusting) as answer:
            return answer.status, answer.headers["Set-Cookie"]

    with socket.create_connection(("127.0.0.1", running.preview.port)) as silent:  # no handshake: others must not wait
        status, cookie = asyncio.run(ask())
        silent.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert status == 200
    assert "Secure" in cookie
    (tmp_path / "no.pem").write_text("nothing")
    for pair in ((cert, None), (None, key), (cert, tmp_path / "missing.pem"), (tmp_path / "no.pem", key), (key, cert)):
        with pytest.raises(EdgeError, match="certificate"):
            Preview(Listen(port=0, cert=pair[0], key=pair[1]), running.counts, Controls(lambda: None), print)


def test_closing_ends_a_handshake_that_goes_on(
    certificate: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = certificate
    preview = Preview(Listen(port=0, cert=cert, key=key), Counts(), Controls(None), print)
    with socket.create_connection(("127.0.0.1", preview.port), timeout=300) as silent:
        time.sleep(0.2)
        preview.close()
        with contextlib.suppress(ConnectionResetError):  # of a machine so busy that it had not been accepted
            assert silent.recv(1) == b""
    gc.collect()  # asyncio tells of a forgotten task when it is gone
    assert caplog.records == []


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from edge.capture.loop import Counts

    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(EdgeError, match=r"efiqa-edge\[web\]"):
        Preview(Listen(port=0), Counts(), Controls(lambda: None), print)
