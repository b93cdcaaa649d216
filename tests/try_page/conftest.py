"""The page of docs/try, built once, served on loopback and driven in Chromium."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("selenium", reason="selenium is not installed: THE PAGE THAT RUNS IN A BROWSER WAS NOT DRIVEN")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: THE PAGE THAT RUNS IN A BROWSER WAS NOT BUILT")

from edge.bundle.bundle import default_model, read_bundle

from ..conftest import made_once

ROOT = Path(__file__).parents[2]
PATIENCE = 240  # seconds: several tests at once on few cores


@dataclass
class Site:
    """A static server, as plain as there is one, and what it was asked for."""

    address: str
    asked: list[str] = field(default_factory=list)


def wait_for(happened: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true thing that a function gives."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if thing := happened():
            return thing
        time.sleep(0.05)
    raise AssertionError(f"it did not happen within {seconds} s")


class TryPage:
    """What a person can see and do."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def text(self, name: str) -> str:
        return str(self.run("return document.getElementById(arguments[0]).textContent", name))

    def open(self, url: str) -> None:
        self.browser.get("about:blank")
        self.browser.get(url)
        wait_for(lambda: self.run("return document.body.dataset.state") != "loading")

    def choose(self, path: Path) -> None:
        self.run("document.getElementById('result').removeAttribute('data-of')")
        self.browser.find_element("id", "file").send_keys(str(path))

    def grade(self, path: Path) -> dict[str, Any]:
        """All figures that the page gives of a file, and the map."""
        self.choose(path)
        said = "const r = document.getElementById('result'); return r.hidden ? '' : r.dataset.of"
        wait_for(lambda: self.run(said) == path.name or self.text("failed"))
        assert self.text("failed") == ""
        figures: dict[str, Any] = json.loads(self.text("figures"))
        return figures | {"map": json.loads(self.run("return document.getElementById('figures').dataset.map"))}

    def refuses(self, path: Path) -> str:
        """The one sentence about a file that is not graded."""
        self.choose(path)
        sentence = str(wait_for(lambda: self.text("failed")))
        assert self.run("return document.getElementById('result').hidden")
        assert self.text("said") == ""
        return sentence

    def severe(self) -> list[str]:
        return [each["message"] for each in self.browser.get_log("browser") if each["level"] == "SEVERE"]


def builder() -> Any:
    """docs/try/build.py as a module."""
    if "try_build" not in sys.modules:
        spec = importlib.util.spec_from_file_location("try_build", ROOT / "docs" / "try" / "build.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules["try_build"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["try_build"])
    return sys.modules["try_build"]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the model that ships; not to be changed."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here (Debian: nodejs, npm): THE PAGE THAT RUNS IN A BROWSER WAS NOT BUILT")
    return made_once(tmp_path_factory, "try", functools.partial(builder().build, read_bundle(default_model())))


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Path], Site]]:
    """Serves folders, without a header that a static server would not send."""
    servers = []

    def serve_one(folder: Path) -> Site:
        site = Site("")

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *given: Any) -> None:
                super().__init__(*given, directory=str(folder))

            def log_message(self, *_: Any) -> None:
                pass

            def parse_request(self) -> bool:
                parsed = super().parse_request()
                if parsed:
                    site.asked.append(f"{self.command} {self.path}")
                return parsed

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        site.address = f"http://127.0.0.1:{server.server_port}"
        return site

    yield serve_one
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def site(serve: Callable[[Path], Site], built: Path) -> Site:
    return serve(built)


def saved(picture: NDArray[np.uint8], path: Path) -> Path:
    assert cv2.imwrite(str(path), picture)
    return path
