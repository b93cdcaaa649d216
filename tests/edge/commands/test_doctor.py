from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.bundle.bundle import default_model, read_bundle
from edge.commands import doctor as command
from edge.doctor import checkup


def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["edge-doctor", *arguments])
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as left:
        command.main()
    said = capfd.readouterr()
    return int(left.value.code or 0), said.out, said.err


def test_the_whole_check_up_of_this_machine(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(monkeypatch, capfd, "--json")
    facts = json.loads(said)
    findings = {each["name"]: each for each in facts["findings"]}
    assert code == (0 if facts["ok"] else 1)
    assert facts["ok"] is (findings["model"]["state"] != "missing")
    assert "golden scores within" in findings["model"]["found"]
    learned_from = [each["found"] for each in facts["findings"] if each["name"] == "default learned from"]
    assert learned_from == list(read_bundle(default_model()).manifest.trained_on)
    for finding in facts["findings"]:
        assert set(finding) == {"name", "state", "found", "remedy"}
        assert bool(finding["remedy"]) is (finding["state"] != "ok"), finding


def test_where_the_model_runs_it_says_what_comes_next(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "examine", lambda root, quick: iter([checkup.ok("model", "runs on openvino")]))
    code, said, _ = run(monkeypatch, capfd)
    assert code == 0
    assert said.splitlines()[-1].startswith("next: edge-bench acceptance OUT")
    assert "next:" not in run(monkeypatch, capfd, "--json")[1]
    monkeypatch.setattr(command, "examine", lambda root, quick: iter([checkup.missing("model", "no engine", "x")]))
    code, said, _ = run(monkeypatch, capfd)
    assert code == 1
    assert "next:" not in said


def test_for_people_each_line_has_its_remedy_below(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "nv_tegra_release").write_text("# R35 (release), REVISION: 4.1\n")
    code, said, _ = run(monkeypatch, capfd, "--quick", "--root", str(tmp_path))
    lines = said.splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("warning  JetPack"))
    assert lines[place + 1].strip() == "-> flash JetPack 6 or newer"
    assert "model" not in {line.split()[1] for line in lines if not line.startswith(" ")}
    assert code == 1  # this machine has none of a Jetson's libraries


@pytest.mark.skipif(sys.platform == "win32", reason="terminals are Unix's")
def test_on_a_terminal_each_line_starts_at_its_beginning(tmp_path: Path) -> None:
    import pty

    code = "import sys; sys.argv = ['edge-doctor', '--quick']; from edge.commands.doctor import main; main()"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux's end of a terminal
            while got := os.read(ours, 4096):
                shown += got
    os.close(ours)
    assert process.returncode in (0, 1)
    assert b"system" in shown
    assert not re.search(rb"checking\x1b\[3\dm(ok|warning|missing)", shown)


def test_a_model_that_no_engine_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tensorrt", "tensorrt_rtx", "pycuda", "openvino"):
        monkeypatch.setitem(sys.modules, module, None)
    found = checkup.check_model(False)
    assert found.state == "missing"
    assert "no engine works" in found.found


def test_a_gpu_that_is_left_idle_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tensorrt", "tensorrt_rtx", "pycuda"):
        monkeypatch.setitem(sys.modules, module, None)
    assert checkup.check_model(False).state == "ok"
    assert checkup.check_model(True).state == "warning"


def test_it_starts_without_opencv() -> None:
    code = (
        "import sys; sys.modules['cv2'] = None; sys.argv = ['edge-doctor', '--quick']; "
        "from edge.commands.doctor import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "missing  OpenCV" in done.stdout
    assert done.stderr == ""  # no terminal is there for the spinner either
