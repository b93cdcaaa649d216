"""Ctrl-C at any moment of a command's start ends it quietly with 130; a broken library is one sentence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.commands.start import Command

ROOT = Path(__file__).parents[3]
# Ctrl-C comes when a module is about to be imported; a test run in the background would hand down that it is ignored.
PRESSED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Press:
    def find_spec(self, name, path=None, target=None):
        if name == WHEN:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
"""


def entries() -> dict[str, str]:
    """Module and function of every command, as pyproject.toml has them."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.scripts]\n")[1].split("\n\n")[0]
    return dict(line.replace('"', "").split(" = ") for line in text.splitlines())


def run(command: str, when: str, *arguments: str, prelude: str = PRESSED) -> subprocess.CompletedProcess[str]:
    module, function = entries()[command].split(":")
    program = f"WHEN = {when!r}\n{prelude}\nsys.argv = {[command, *arguments]!r}\n"
    program += f"from {module} import {function}\n{function}()"
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("command", entries())
@pytest.mark.parametrize("when", ["typer", "rich.console", "numpy", "cv2"])
def test_ctrl_c_while_the_libraries_load(command: str, when: str) -> None:
    done = run(command, when, "--help")
    if "Usage" in done.stdout and when in ("numpy", "cv2"):  # this command does without, up to here
        assert done.returncode == 0
        return
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("module", ["numpy", "cv2"])
def test_not_all_do_without(module: str) -> None:
    assert run("edge-grade", module, "--help").returncode == 130


BROKEN = """
import sys
class Break:
    def find_spec(self, name, path=None, target=None):
        if name == WHEN:
            raise ImportError("numpy.core.multiarray failed to import", name=name)
sys.meta_path.insert(0, Break())
"""


@pytest.mark.parametrize("command", ["edge-grade", "edge-capture"])
def test_a_library_that_does_not_load_is_one_sentence(command: str) -> None:
    """As OpenCV of a JetPack that was built for another numpy."""
    done = run(command, "cv2", "--help", prelude=BROKEN)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: a library does not load (numpy.core.multiarray failed to import): edge-doctor says which, and what "
        "to do.\n"
    )
    assert "Traceback" in run(command, "cv2", "--debug", prelude=BROKEN).stderr


def test_a_library_that_does_not_load_gives_ctrl_c_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["edge-grade"])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit, match="a library does not load"):
            Command("edge.no_such_module")()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_the_engine_loads(tmp_path: Path) -> None:
    """Libraries in C make an error of their own of it, which would read as an engine that does not work."""
    prelude = (
        PRESSED
        + """
import importlib.abc
class Breaking(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "openvino":
            try:
                os.kill(os.getpid(), signal.SIGINT)
                import time
                time.sleep(60)
            except KeyboardInterrupt as error:
                raise ImportError("initialization failed") from error
sys.meta_path.insert(0, Breaking())
"""
    )
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "eye.png")
    done = run("edge-grade", "", str(tmp_path), "--debug", prelude=prelude)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    """As in a script's background job."""
    prelude = PRESSED.replace("default_int_handler", "SIG_IGN")
    done = run("edge-doctor", "typer", "--help", prelude=prelude)
    assert done.returncode == 0
    assert "Usage" in done.stdout


@pytest.mark.parametrize("when", ["numpy", "cv2", "edge.capture.session.session", "openvino"])
def test_a_shutter_pressed_before_the_session_runs_is_remembered(tmp_path: Path, when: str) -> None:
    prelude = PRESSED.replace("signal.SIGINT)", "signal.SIGUSR1)").replace("signal.SIGINT,", "signal.SIGUSR2,")
    prelude = prelude.replace("signal.default_int_handler", "signal.SIG_IGN")
    out = tmp_path / "out"
    done = run(
        "edge-capture", when, "demo", "--frames", "12", "--fast", "--no-video", "--out", str(out), prelude=prelude
    )
    assert done.returncode == 0, done.stderr
    (sidecar,) = out.glob("frame-*.json")
    assert json.loads(sidecar.read_text())["capture"]["by"] == "hand"


def test_a_session_that_ends_before_its_source_is_open_does_not_abort() -> None:
    """The thread that opens it is in a library in C++, where the interpreter's end would tear it apart."""
    program = (
        "import threading, cv2, numpy as np\n"
        "from edge.camera.opening import OpeningStopped, open_aside\n"
        "from edge.commands.asked import left_unless_open\n"
        "stop, picture = threading.Event(), np.zeros((300, 300, 3), np.uint8)\n"
        "def never():\n"
        "    while True:\n"
        "        cv2.GaussianBlur(picture, (0, 0), 5); stop.set()\n"
        "with left_unless_open():\n"
        "    open_aside(never, stop, print)\n"
    )
    for _ in range(5):  # a race, which the interpreter lost every other time
        run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (130, "interrupted before the source was open\n")
