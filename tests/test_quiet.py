"""No command calls anybody: run with an empty HOME in a network namespace of its own, where every packet is seen."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.phantom.golden import golden_frame

ROOT = Path(__file__).parents[1]
ALONE = ["unshare", "--user", "--map-root-user", "--net"]
_ASKS = """
import socket
try: socket.gethostbyname("efiqa.example")
except OSError: pass
with socket.socket() as asked:
    asked.settimeout(0.2)
    try: asked.connect(("203.0.113.1", 443))
    except OSError: pass
"""


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> None:
    if shutil.which("unshare") is None or subprocess.run([*ALONE, "true"], capture_output=True).returncode != 0:
        pytest.skip("WHETHER COMMANDS CALL SOMEBODY IS NOT TESTED: no network namespaces here (unshare -rn)")


def alone(home: Path, *command: str) -> dict[str, Any]:
    """What a command sent and said, run where it can reach nobody, with nothing that tells it that this is a test."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    environment = {**kept, "HOME": str(home), "EFIQA_CACHE": str(home.parent / "cache")}
    line = [*ALONE, sys.executable, str(ROOT / "tests" / "isolated.py"), *command]
    done = subprocess.run(
        line, env=environment, cwd=home.parent, capture_output=True, text=True, timeout=300, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def left_in(home: Path) -> list[str]:
    """Files in a folder; the list of its plug-ins that GStreamer keeps, where that is installed, names nobody."""
    found = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    return [path for path in found if not path.startswith(".cache/gstreamer-1.0/")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    assert cv2.imwrite(str(tmp_path / "eye.png"), golden_frame(0))
    return tmp_path / "home"


def test_a_look_up_and_a_connection_are_seen(home: Path) -> None:
    sent = alone(home, sys.executable, "-c", _ASKS)["sent"]
    assert any(each.endswith(":53") for each in sent), sent
    assert "6 203.0.113.1:443" in sent


def test_openvino_by_itself_would_call_and_not_by_us(home: Path) -> None:
    pytest.importorskip("edge.engines.quiet").import_openvino()
    quietly = "from edge.engines.quiet import import_openvino; import_openvino()"
    foreign = "; import openvino_telemetry; openvino_telemetry.Telemetry"
    found = alone(home, sys.executable, "-c", quietly + foreign)
    assert (found["code"], found["sent"], list(home.iterdir())) == (0, [], []), found
    waiting = "import openvino, time; time.sleep(2)"  # which a busy machine may spend otherwise
    assert any(alone(home, sys.executable, "-c", waiting)["sent"] for _ in range(5))


_COMMANDS = [
    "edge-grade eye.png --csv grades.csv --maps maps",
    "edge-capture demo:2 --out kept",
    "edge-capture --list",
    "edge-compile --engine openvino --explain",
    "edge-compile --export served --for triton",
    "edge-compile --plan",
    "edge-doctor",
    "edge-bench run --runs 3 --no-reference --scenario single --size 160x120",
    "edge-bench --help",
    "edge-calibrate --help",
    "edge-train --help",
]


@pytest.mark.parametrize("line", _COMMANDS)
def test_no_command_calls_anybody_or_leaves_anything_at_home(home: Path, line: str) -> None:
    name, *arguments = line.split()
    command = Path(sys.executable).with_name(name)
    if not command.exists():
        pytest.skip(f"{name.upper()} IS NOT TESTED: it is not installed beside this Python")
    found = alone(home, str(command), *arguments)
    assert found["code"] in ((0, 1) if name == "edge-doctor" else (0,)), found["said"]
    assert found["sent"] == [], found
    assert left_in(home) == []


@pytest.mark.parametrize("module", ["calibration.bundle", "calibration.teacher.teacher", "benchmarks.peers.build"])
def test_nor_do_the_libraries_of_training_and_calibration(home: Path, module: str) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("modelopt")
    pytest.importorskip("onnxruntime")
    found = alone(home, sys.executable, "-c", f"import {module}, onnxruntime")
    assert (found["code"], found["sent"]) == (0, []), found
    assert left_in(home) == []


def test_openvino_is_imported_in_one_place_alone() -> None:
    importing = set()
    for package in ("edge", "trainer", "calibration", "benchmarks"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
                if any(name.split(".")[0] in ("openvino", "nncf") for name in names):
                    importing.add(path.relative_to(ROOT).as_posix())
    assert importing == {"edge/engines/quiet.py"}


def test_onnxruntime_by_itself_would_keep_an_identity(home: Path) -> None:
    """What ``silence_onnxruntime`` is for; it is sent later than a test can wait for."""
    pytest.importorskip("onnxruntime")
    quietly = alone(home, sys.executable, "-c", "import calibration, onnxruntime")
    assert (quietly["code"], left_in(home)) == (0, []), quietly
    alone(home, sys.executable, "-c", "import onnxruntime")
    if not left_in(home):
        pytest.skip("this version of onnxruntime keeps none")
