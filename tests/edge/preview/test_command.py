"""edge-capture --web as a user runs it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from edge.commands.capture import app
from edge.errors import EdgeError

from .conftest import wait_for

COMMAND = [sys.executable, "-m", "edge.commands.capture"]
REPOSITORY = Path(__file__).parents[3]
TOKEN = "c81f5e0b97d2a643"


def ask(url: str, body: Any = None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.loads(answer.read())


def healthy(url: str) -> bool:
    with contextlib.suppress(urllib.error.HTTPError):
        return bool(ask(f"{url}/healthz")["status"] == "ok")
    return False


def test_page_of_a_session_keeps_what_it_shows(tmp_path: Path) -> None:
    arguments = ["demo", "--web", "--port", "0", "--host", "0.0.0.0", "--out", str(tmp_path / "out"), "--no-video"]
    arguments += ["--public-name", "camera.example", "--public-name", "camera.example:8443"]
    running = subprocess.Popen(
        [*COMMAND, *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "EFIQA_TOKEN": TOKEN},
    )
    try:
        assert running.stderr is not None
        said = ""
        while "--cert" not in said and (line := running.stderr.readline()):  # a busy machine has more to tell
            said += line
        port = re.search(r"^page: http://[\w.-]+:(\d+)/$", said, re.M)
        assert port, said
        assert "page through the proxy: camera.example, camera.example:8443\n" in said
        assert "--cert" in said
        url = f"http://127.0.0.1:{port[1]}"
        known = {"Authorization": f"Bearer {TOKEN}"}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(f"{url}/captures")
        wait_for(lambda: healthy(url))
        assert ask(f"{url}/trigger", {}, **known) == {"triggered": True}
        (kept,) = wait_for(lambda: ask(f"{url}/captures", **known)["captures"])
        on_disk = json.loads((tmp_path / "out" / f"frame-{kept['index']:06d}.json").read_text())
        assert on_disk["frame"]["index"] == kept["index"]
        assert round(on_disk["score"], 4) == kept["score"]
    finally:
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read()  # communicate() would pass over what was read beside the last line
        running.wait(timeout=300)
    assert running.returncode == 130
    assert TOKEN not in said + rest
    assert not any(TOKEN in path.read_text(errors="replace") for path in (tmp_path / "out").glob("*.json*"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--host", "0.0.0.0"], 2, "add --web"),
        (["--port", "9000"], 2, "add --web"),
        (["--web", "--port", "65536"], 2, "--port"),
        (["--web", "--host", "0.0.0.0"], 2, "wants a token"),
        (["--web", "--token", "short"], 2, "the token must have"),
        (["--web", "--token", "aaaaaaaaaaaaaaaa"], 2, "more variety"),
        (["--public-name", "camera.example"], 2, "add --web"),
        (["--proxy", "127.0.0.1"], 2, "add --web"),
        (["--web", "--public-name", "camera.example"], 2, "wants a token"),
        (["--web", "--token", TOKEN, "--public-name", "https://camera.example"], 2, "HOST:PORT"),
        (["--web", "--token", TOKEN, "--proxy", "nginx"], 2, "--proxy"),
        (["--web", "--port", "0", "--cert", "missing.pem"], 2, "--key"),
        (["--preview", "--port", "0", "--key", "missing.pem"], 2, "--cert"),
        (["--web", "--port", "0", "--cert", "missing.pem", "--key", "missing.key"], 1, "missing.pem"),
        (["--web", "--host", "203.0.113.9", "--token", TOKEN], 1, "cannot listen on 203.0.113.9"),
    ],
)
def test_wrong_options_are_one_sentence(
    arguments: list[str], code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EFIQA_TOKEN", raising=False)
    result = CliRunner().invoke(app, ["demo", *arguments])
    if code == 1:
        assert isinstance(result.exception, EdgeError)
        said = str(result.exception)
        assert "\n" not in said
    else:
        assert result.exit_code == 2
        said = result.stderr
    assert words in said
