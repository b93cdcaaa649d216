"""The page behind a real nginx with TLS: with the snippet of the docs, and with nothing but its defaults."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

if shutil.which("nginx") is None:
    pytest.skip("no nginx here (Debian: nginx): THE PAGE WAS NOT TRIED BEHIND A PROXY", allow_module_level=True)

pytest.importorskip("selenium", reason="selenium is not installed: the page was NOT tried behind nginx")

from edge.preview.auth import guesses
from edge.preview.server import Listen

from .conftest import Demo, Switched, wait_for
from .driving import Page

DOCS = Path(__file__).parents[3] / "docs" / "preview.md"
TOKEN = "c81f5e0b97d2a643"
NAME = "camera.localhost"  # browsers look for it on this machine
DEFAULTS = """server {
    listen 443 ssl;
    server_name camera.clinic.example;
    ssl_certificate     /etc/ssl/certs/camera.pem;
    ssl_certificate_key /etc/ssl/private/camera.key;
    location / { proxy_pass http://127.0.0.1:8080; }
}"""
Start = Callable[..., Demo]
Proxied = Callable[..., "Through"]


@dataclass
class Through:
    """A session, and the proxy in front of it."""

    running: Demo
    port: int
    cert: Path

    @property
    def origin(self) -> str:
        return f"https://{NAME}:{self.port}"

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.cert))

    def ask(
        self, method: str, path: str, body: Any = None, source: str = "127.0.0.1", seconds: float = 60, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """As a browser on the page would, from an address of this machine."""
        raw = socket.create_connection(("127.0.0.1", self.port), seconds, (source, 0))
        with self.trusting().wrap_socket(raw, server_hostname=NAME) as stream:
            connection = http.client.HTTPConnection(NAME, self.port)
            connection.sock = stream
            sent = {"Content-Type": "application/json", "Origin": self.origin} if method == "POST" else {}
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {**sent, **{k.replace("_", "-"): v for k, v in headers.items()}})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def log_in(self) -> str:
        status, headers, _ = self.ask("POST", "/login", {"token": TOKEN})
        assert status == 200
        return headers["set-cookie"].split(";")[0]


def snippet() -> str:
    (found,) = re.findall(r"^```nginx\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.M | re.S)
    return str(found)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def proxied(demo: Start, clear: list[np.ndarray], tmp_path: Path) -> Iterator[Proxied]:
    """Starts a session behind nginx with a configuration."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key)]
    subprocess.run([*command, "-out", str(cert)], check=True, capture_output=True)
    processes = []

    def start(server: str, **settings: Any) -> Through:
        port = free_port()
        settings.setdefault("public_names", (f"{NAME}:{port}",))
        running = demo(Listen(port=0, token=TOKEN, **settings), camera=Switched(clear))
        for old, new in (
            ("listen 443", f"listen 127.0.0.1:{port}"),
            ("camera.clinic.example", NAME),
            ("/etc/ssl/certs/camera.pem", str(cert)),
            ("/etc/ssl/private/camera.key", str(key)),
            ("127.0.0.1:8080", f"127.0.0.1:{running.preview.port}"),
        ):
            assert old in server, f"the configuration has no {old}"
            server = server.replace(old, new)
        paths = "".join(
            f"{each}_temp_path {tmp_path}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(
            f"{user} daemon off; pid {tmp_path}/nginx.pid; error_log stderr; worker_processes 1;"
            f"events {{}} http {{ access_log off; {paths}\n{server}\n}}"
        )
        log = (tmp_path / "nginx.log").open("w")
        processes.append(subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(configuration)], stderr=log))
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        return Through(running, port, cert)

    yield start
    for each in processes:
        each.terminate()
        each.wait(60)


@pytest.mark.parametrize("server", ["docs", "defaults"])
def test_page_takes_a_picture_and_hears_what_happens_through_nginx(proxied: Proxied, server: str) -> None:
    through = proxied(snippet() if server == "docs" else DEFAULTS)
    assert through.ask("GET", "/")[0] == 200
    assert through.ask("POST", "/trigger", {})[0] == 401
    status, headers, _ = through.ask("POST", "/login", {"token": TOKEN})
    assert status == 200
    cookie = headers["set-cookie"]
    for flag in ("Secure", "HttpOnly", "SameSite=Strict"):
        assert flag in cookie
    assert through.ask("POST", "/trigger", {}, Cookie=cookie.split(";")[0])[0] == 202
    wait_for(lambda: json.loads(through.ask("GET", "/captures", Cookie=cookie.split(";")[0])[2])["captures"])

    async def listen() -> int:
        url = f"https://127.0.0.1:{through.port}/state"
        wanted = {"Host": f"{NAME}:{through.port}", "Cookie": cookie.split(";")[0]}
        async with aiohttp.ClientSession() as client, client.get(url, headers=wanted, ssl=False) as answer:
            async for line in answer.content:
                if line.startswith(b"event: frame"):
                    return 1
            return 0

    # No more frames, so nothing fills the 4 KiB that nginx buffers by default.
    camera = through.running.camera
    assert isinstance(camera, Switched)
    camera.nothing = True
    try:
        assert asyncio.run(asyncio.wait_for(listen(), 240)) == 1
    finally:
        camera.nothing = False


def test_browser_shows_live_pictures_through_the_snippet(proxied: Proxied, open_chromium: Callable[..., Any]) -> None:
    through = proxied(snippet())
    page = Page(open_chromium(412, 915))
    page.browser.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": True})
    page.open(f"{through.origin}/#token={TOKEN}")
    page.wait_live()
    drawn = through.running.preview.painter.drawn
    wait_for(lambda: through.running.preview.painter.drawn > drawn + 3)
    headers = "{'Content-Type': 'application/json'}"
    asked = f"return fetch('/trigger', {{method: 'POST', headers: {headers}}}).then((answer) => answer.status)"
    assert page.run(asked) == 202  # as the button asks, which is for sessions that keep visits
    wait_for(lambda: list(through.running.preview.hub.captures))
    page.browser.refresh()
    page.wait_live()


def test_nginx_opens_no_door_to_other_sites(proxied: Proxied) -> None:
    through = proxied(DEFAULTS)
    cookie = through.log_in()
    port = through.port
    foreign = ["https://evil.example", f"https://evil.example:{port}", "null", f"https://{NAME}", f"https://{NAME}:1"]
    foreign += [f"http://{NAME}.evil.example:{port}", f"https://x.{NAME}:{port}", f"https://{NAME}:{port}@evil.example"]
    for origin in foreign:
        assert through.ask("POST", "/trigger", {}, Cookie=cookie, Origin=origin)[0] == 403, origin
        assert through.ask("GET", "/stream", Cookie=cookie, Origin=origin)[0] == 403, origin
    for site in ("cross-site", "same-site"):
        refused = through.ask("GET", "/captures", Cookie=cookie, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")
        assert refused[0] == 403
        assert through.ask("GET", "/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")[0] == 200, "a link leads nowhere"
    # A name that somebody points at the proxy, whose default server answers to any: without the cookie nothing opens.
    assert through.ask("GET", "/captures", Host="evil.example")[0] == 401
    assert not through.running.triggered.is_set()


def test_without_a_public_name_the_refusal_gives_the_remedy(proxied: Proxied) -> None:
    through = proxied(DEFAULTS, public_names=())
    status, _, body = through.ask("POST", "/login", {"token": TOKEN})
    assert status == 403
    assert "--public-name" in json.loads(body)["error"]
    by_name = DEFAULTS.replace("server {", "upstream camera { server 127.0.0.1:8080; }\nserver {", 1)
    by_name = by_name.replace("proxy_pass http://127.0.0.1:8080", "proxy_pass http://camera")
    other = proxied(by_name)
    status, _, body = other.ask("GET", "/")
    assert status == 421
    assert "--public-name" in json.loads(body)["error"]


def test_only_a_named_proxy_decides_the_source_of_wrong_tokens(
    proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "WRONG_S", 3600.0)  # as good as for ever: whoever waits is not answered in this test
    right = f"Bearer {TOKEN}"

    def waits(through: Through, source: str, **headers: str) -> bool:
        try:
            return through.ask("GET", "/captures", source=source, seconds=2, **headers)[0] != 200
        except TimeoutError:
            return True

    named = proxied(snippet(), proxies=("127.0.0.1",))
    assert waits(named, "127.0.0.2", Authorization="Bearer wrong")
    assert waits(named, "127.0.0.2", Authorization=right)
    assert waits(named, "127.0.0.2", Authorization=right, X_Forwarded_For="198.51.100.7"), "the source was faked"
    assert not waits(named, "127.0.0.3", Authorization=right), "another one waits for what a stranger did"

    unnamed = proxied(snippet())
    assert waits(unnamed, "127.0.0.2", Authorization="Bearer wrong")
    assert waits(unnamed, "127.0.0.3", Authorization=right), "an unnamed proxy was believed"
