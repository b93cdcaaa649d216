from __future__ import annotations

import importlib.util
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from edge.bundle.bundle import default_model
from edge.commands import compile as command

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None,
    reason='AHEAD-OF-TIME BUILDS ARE NOT TESTED: tensorrt_rtx is missing, pip install "efiqa-edge[rtx]"',
)


class Command:
    """Runs edge-compile as its entry point does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capfd = monkeypatch, capfd

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        self.monkeypatch.setattr(sys, "argv", ["edge-compile", *arguments])
        with pytest.raises(SystemExit) as left:
            command.main()
        said = self.capfd.readouterr()
        return int(left.value.code or 0), said.out, said.err


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("EFIQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    return Command(monkeypatch, capfd)


def test_for_the_cpu_of_this_machine(run: Command, tmp_path: Path) -> None:
    code, said, _ = run("--engine", "openvino")
    assert code == 0
    assert "built in" in said
    (engine,) = (tmp_path / "cache").glob("*.engine")
    assert f"engine: {engine}" in said
    code, said, _ = run("--engine", "openvino")
    assert code == 0
    assert "from the cache" in said


@needs_rtx
def test_ahead_of_time_with_json_and_out(run: Command, tmp_path: Path) -> None:
    out = tmp_path / "model.sm86.engine"
    code, said, _ = run(str(default_model()), "--target", "sm86", "--json", "--out", str(out))
    assert code == 0
    facts = json.loads(said)
    assert facts["engine"] == "tensorrt_rtx"
    assert facts["target"] == "sm86"
    assert facts["from_cache"] is False
    assert facts["build_seconds"] > 0
    assert facts["size_mib"] == pytest.approx(out.stat().st_size / 2**20, abs=0.001)
    assert Path(facts["path"]).read_bytes() == out.read_bytes()
    assert json.loads(out.with_name("model.sm86.engine.json").read_text())["key"] == facts["key"]
    code, said, _ = run("--target", "sm86", "--json")
    assert code == 0
    assert json.loads(said)["from_cache"] is True


def test_a_plan_says_what_would_be_built_and_builds_nothing(run: Command, tmp_path: Path) -> None:
    code, said, _ = run("--plan")
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()[1:4]] == ["tensorrt", "tensorrt_rtx", "openvino"]
    assert "MiB free" in said.splitlines()[-1]
    assert not (tmp_path / "cache").exists()
    code, said, _ = run("--plan", "--json", "--engine", "openvino")
    facts = json.loads(said)
    assert facts["builds"] == facts["uses"] == "openvino"
    assert facts["engines"][0]["key"]["runtime"] == "openvino"
    run("--engine", "openvino")
    code, said, _ = run("--plan", "--json", "--engine", "openvino")
    assert (json.loads(said)["builds"], json.loads(said)["uses"]) == (None, "openvino")


def test_a_plan_for_an_engine_that_is_not_here(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    code, said, _ = run("--plan", "--engine", "tensorrt")
    assert code == 1
    assert "tensorrt      TensorRT is not installed" in said


def test_it_says_how_the_engine_was_verified_and_what_it_is_made_of(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    monkeypatch.setitem(sys.modules, "pycuda", None)
    code, said, _ = run("--explain")
    assert code == 0
    assert "verified against the ONNX on 3 frames" in said
    assert "not tensorrt: TensorRT is not installed" in said
    assert "int8      convolution" in said or "uint8     convolution" in said
    assert "nodes in fused regions" in said
    code, said, _ = run("--json")
    facts = json.loads(said)
    assert facts["verified"]["against"] == "onnx"
    assert set(facts["passed_over"]) == {"tensorrt", "tensorrt_rtx"}
    assert facts["explanation"] is None


@pytest.mark.parametrize(("program", "count"), [("onnx", 1), ("triton", 2), ("deepstream", 2)])
def test_a_model_for_another_program(run: Command, tmp_path: Path, program: str, count: int) -> None:
    code, said, _ = run("--export", str(tmp_path / "out"), "--for", program, "--json")
    facts = json.loads(said)
    assert code == 0
    assert len(facts["files"]) == count
    assert all(Path(path).is_file() for path in facts["files"])
    assert facts["parity"]["map_mae"] < 0.02
    assert facts["parity"]["verdict_flips"] == 0


def test_a_target_without_tensorrt_rtx(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    code, said, error = run("--target", "sm86")
    assert (code, said) == (1, "")
    assert error.count("\n") == 1
    assert "efiqa-edge[rtx]" in error


def test_a_missing_model_is_one_sentence(run: Command, tmp_path: Path) -> None:
    code, said, error = run(str(tmp_path / "absent.efiqa"))
    assert (code, said) == (1, "")
    assert error == f"error: there is no model {tmp_path / 'absent.efiqa'}: check the path\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--target", "sm99"],
        ["--engine", "onnxruntime"],
        ["--engine", "openvino", "--target", "sm86"],
        ["--dla", "2"],
        ["--export", "x"],
        ["--for", "onnx"],
        ["--export", "x", "--for", "tflite"],
        ["--dla", "0", "--engine", "openvino"],
        ["--dla", "0", "--target", "sm86"],
        ["--export", "x", "--for", "onnx", "--out", "y"],
        ["--export", "x", "--for", "onnx", "--plan"],
        ["--export", "x", "--for", "onnx", "--engine", "openvino"],
        ["--export", "x", "--for", "onnx", "--explain"],
        ["--plan", "--out", "y"],
        ["--plan", "--explain"],
        ["a.efiqa", "b.efiqa"],
        ["--nonsense"],
    ],
)
def test_wrong_arguments(run: Command, arguments: list[str]) -> None:
    code, said, error = run(*arguments)
    assert (code, said) == (2, "")
    assert "Error" in error


def test_help_has_an_example(run: Command) -> None:
    code, said, _ = run("--help")
    assert code == 0
    assert "edge-compile model.efiqa --target sm86" in said


def test_a_cache_that_cannot_be_written(run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EFIQA_CACHE", str(tmp_path / "file" / "cache"))
    code, said, error = run("--engine", "openvino")
    assert (code, said) == (1, "")
    assert "not kept: set EFIQA_CACHE" in error
    code, _, _ = run("--engine", "openvino", "--out", str(tmp_path / "engine"))
    assert code == 0
    assert (tmp_path / "engine").stat().st_size > 0


def test_an_out_that_cannot_be_written(run: Command, tmp_path: Path) -> None:
    code, _, error = run("--engine", "openvino", "--out", str(tmp_path / "no such folder" / "engine"))
    assert code == 1
    assert "no such folder" in error
    assert "there is no folder" in error


def test_an_engine_goes_into_a_pipe_and_nothing_beside_it(run: Command, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    assert run("--engine", "openvino", "--out", str(tmp_path / "pipe"))[0] == 0
    reader.join(60)
    assert len(got[0]) > 1000
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "pipe"}
