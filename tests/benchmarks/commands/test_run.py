from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from benchmarks import bench as bench_module
from benchmarks import reference
from benchmarks.commands import group as commands
from benchmarks.commands import run as command_run
from benchmarks.commands.plan import Scenario, parse_deadline, parse_duration, plan
from benchmarks.peers.published import PeerBackbone, why_no_reference
from benchmarks.run.deadline import Deadline
from edge import Assessment, EdgeError, QualityModel
from edge.bundle.bundle import default_model
from edge.field.find import Field, find_field
from edge.frame.prepare import frame_step_name

QUICK = ["--runs", "8", "--threads", "1", "--no-reference"]
Drawn = Callable[[int], NDArray[np.uint8]]
TINY = PeerBackbone("tiny", 32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, image_size=64)


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(commands.app, list(arguments))


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []


def after(calls: int, action: Any) -> Any:
    """``QualityModel.assess`` that does something else once it was asked often enough."""
    real, asked = QualityModel.assess, 0

    def assess(self: QualityModel, frame: NDArray[np.uint8]) -> Assessment:
        nonlocal asked
        asked += 1
        if asked == calls:
            action()
        return real(self, frame)

    return assess


def test_the_shipped_model_is_timed_and_described() -> None:
    done = bench(*QUICK, "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    stages = {name: figures["p50_ms"] for name, figures in data["scenarios"][0]["stages"].items()}
    assert all(value > 0 for value in stages.values())
    assert max(stages["frame_step"], stages["inference"], stages["post"]) < stages["end_to_end"]
    assert data["scenarios"][0]["runs"] == 8
    assert data["scenarios"][0]["throughput_fps"] > 0
    assert data["model"]["calibration"]
    assert data["clock_ns"] > 0
    # In a process that holds a free gigabyte the model needs none; the kernel counts pages in batches of each core.
    assert data["memory"]["peak_mib"] + 1 >= data["memory"]["before_model_mib"] > 0
    assert data["model"]["file"] == "default.efiqa"
    assert data["frames"]["sizes"] == ["760x570"]
    assert data["machine"]["threads"] == 1
    assert data["machine"]["frame_step"] == frame_step_name()
    assert data["machine"]["engine"]
    assert data["reference"] is None
    assert any("p99 needs 300" in note for note in data["notes"])


def test_a_result_names_no_folder_of_its_owner(tmp_path: Path, drawn: Drawn) -> None:
    home = tmp_path / "home" / "eve"
    (home / "my eyes").mkdir(parents=True)
    model = home / "copy.efiqa"
    model.write_bytes(default_model().read_bytes())
    assert cv2.imwrite(str(home / "my eyes" / "a.png"), drawn(0))
    done = bench(str(model), "--frames", str(home / "my eyes"), *QUICK, "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["command"] == "edge-bench copy.efiqa --frames 'my eyes' --runs 8 --threads 1 --no-reference"
    assert not [text for text in strings(data) if str(tmp_path) in text or str(Path.home()) in text]


def test_the_result_is_written_in_addition_to_the_table(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    done = bench(*QUICK, "--size", "320x240", "--out", str(file))
    assert done.exit_code == 0, done.output
    assert "end to end" in done.stdout
    data = json.loads(file.read_text())
    assert data["frames"]["sizes"] == ["320x240"]
    assert data["scenarios"][0]["runs"] == 8
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_markdown_goes_to_the_standard_output() -> None:
    done = bench(*QUICK, "--markdown")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("### ")
    assert "| end to end |" in done.stdout


@pytest.mark.skipif(why_no_reference() is not None, reason="the train extra is not installed")
def test_the_reference_runs_in_turns_with_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "VIT_L16", TINY)
    done = bench("--runs", "8", "--threads", "1", "--json")
    assert done.exit_code == 0, done.output
    compared = json.loads(done.stdout)["reference"]
    assert compared["reference"] == "tiny"
    assert (compared["ours_runs"], compared["reference_runs"]) == (200, 10)
    assert compared["low"] <= compared["times_faster"] <= compared["high"]


@pytest.mark.slow
@pytest.mark.skipif(why_no_reference() is not None, reason="the train extra is not installed")
def test_ours_is_far_faster_than_the_real_reference() -> None:
    done = bench("--runs", "50", "--json")
    assert done.exit_code == 0, done.output
    compared = json.loads(done.stdout)["reference"]
    assert "ViT-L/16" in compared["reference"]
    assert compared["low"] > 20


def test_without_the_train_extra_the_run_goes_on_and_notes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "why_no_reference", lambda: "The reference was left out: it needs torch.")
    done = bench("--runs", "8", "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["reference"] is None
    assert data["notes"][-1] == "The reference was left out: it needs torch."


@pytest.mark.parametrize("error", [ImportError("libtorch.so: cannot open"), MemoryError()])
def test_a_broken_reference_does_not_cost_our_figures(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(reference, "why_no_reference", lambda: None)
    monkeypatch.setattr(reference, "build_reference", broken)
    done = bench("--runs", "8", "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["scenarios"][0]["stages"]["end_to_end"]["p50_ms"] > 0
    assert type(error).__name__ in data["notes"][-1]
    assert not data["interrupted"]


def test_ctrl_c_prints_what_was_measured_and_marks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = after(450, lambda: signal.raise_signal(signal.SIGINT))  # a warm-up takes 400 at most
    monkeypatch.setattr(QualityModel, "assess", stop)
    done = bench("--runs", "100000", "--size", "64x64", "--threads", "1", "--json")
    assert done.exit_code == 130
    data = json.loads(done.stdout)
    assert data["interrupted"] is True
    assert 49 <= data["scenarios"][0]["runs"] < 450
    assert data["reference"] is None
    assert f"single stream: Interrupted after {data['scenarios'][0]['runs']} runs." in data["notes"]


def test_ctrl_c_during_the_reference_keeps_our_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reference, "why_no_reference", lambda: None)
    monkeypatch.setattr(reference, "build_reference", interrupted)
    done = bench("--runs", "8", "--json")
    assert done.exit_code == 130
    data = json.loads(done.stdout)
    assert data["interrupted"] is True
    assert data["scenarios"][0]["runs"] == 8
    assert data["scenarios"][0]["stages"]["end_to_end"]["p50_ms"] > 0


def test_a_model_that_fails_midway_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count(1)

    def fail(frame: NDArray[np.uint8]) -> Field | None:
        if next(calls) == 30:
            raise RuntimeError("device lost\nat line 3")
        return find_field(frame)

    monkeypatch.setattr("edge.field.known.find_sure_field", fail)
    done = bench(*QUICK, "--size", "64x64")
    assert isinstance(done.exception, EdgeError)
    assert "could not be graded (RuntimeError: device lost)" in str(done.exception)
    assert done.stdout == ""


def test_a_model_that_fails_after_some_frames_keeps_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count(1)

    def fail(frame: NDArray[np.uint8]) -> Field | None:
        if next(calls) == 450:  # a warm-up takes 400 at most
            raise RuntimeError("device lost")
        return find_field(frame)

    monkeypatch.setattr("edge.field.known.find_sure_field", fail)
    done = bench("--runs", "100000", "--size", "64x64", "--threads", "1", "--json")
    assert isinstance(done.exception, EdgeError)
    data = json.loads(done.stdout)
    assert data["interrupted"] is True
    assert "device lost" in data["scenarios"][0]["failure"]
    assert data["scenarios"][0]["latency"]["p50_ms"] > 0


def test_a_model_that_fails_before_a_later_scenario_keeps_the_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    real = QualityModel.assess

    def lost(self: QualityModel, frame: NDArray[np.uint8]) -> Assessment:
        if any(call.name in ("offline", "work") for call in traceback.extract_stack()):
            raise EdgeError("device lost in /home/eve/model.efiqa")
        return real(self, frame)

    monkeypatch.setattr(QualityModel, "assess", lost)
    done = bench(*QUICK, "--size", "64x64", "--scenario", "all", "--json")
    assert isinstance(done.exception, EdgeError)
    data = json.loads(done.stdout)
    assert [each["scenario"] for each in data["scenarios"]] == ["single_stream"]
    assert data["interrupted"] is True
    assert "offline: The model failed before its first frame: device lost in model.efiqa" in data["notes"]


def test_a_model_that_fails_beside_the_reference_keeps_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*arguments: object) -> None:
        raise EdgeError("device lost")

    monkeypatch.setattr(reference, "why_no_reference", lambda: None)
    monkeypatch.setattr(reference, "build_reference", lambda *arguments: None)
    monkeypatch.setattr(reference, "compare", lost)
    done = bench("--runs", "8", "--size", "64x64", "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["notes"][-1] == "Ours failed beside the reference, which was left out: device lost"


def test_what_is_timed_beside_the_scenarios_is_disturbed_by_no_thread_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        bench_module, "measure_around", lambda *given: seen.extend(t.name for t in threading.enumerate()) or {}
    )
    before = {thread.name for thread in threading.enumerate()}
    done = bench(*QUICK, "--size", "64x64", "--around", "--json")
    assert done.exit_code == 0, done.output
    assert seen
    assert set(seen) <= before  # one of an earlier test may have ended meanwhile


@pytest.mark.chain
def test_all_scenarios_in_one_run_with_everything_beside_them(tmp_path: Path) -> None:
    page = tmp_path / "result.html"
    options = ["--scenario", "all", "--fps", "200", "--around", "--roofline", "--predict", "orin-nano", "--against"]
    done = bench(*QUICK, *options, str(default_model()), "--html", str(page), "--size", "64x64", "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert [(each["scenario"], each["fps"]) for each in data["scenarios"]] == [
        ("single_stream", None),
        ("offline", None),
        ("camera", 200.0),
    ]
    inside = {"field", "tensor and light", "score", "causes"}
    assert set(data["around"]) == {"decode", *inside, "guidance", "overlay", "encode"}
    assert all(figures["p99_ms"] > 0 for figures in data["around"].values())
    assert data["accuracy"]["against"] == "default.efiqa"
    assert data["accuracy"]["map_mae"] == data["accuracy"]["verdict_flips"] == 0
    assert data["roofline"]["times_over"] > 0.5
    assert data["predictions"][0]["low_ms"] < data["predictions"][0]["middle_ms"] < data["predictions"][0]["high_ms"]
    assert "predicted, not measured" in page.read_text()


def test_what_fails_beside_the_scenarios_does_not_cost_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object) -> None:
        raise EdgeError("counting needs OpenVINO")

    monkeypatch.setattr(bench_module, "measure_roofline", missing)
    done = bench(*QUICK, "--size", "64x64", "--roofline", "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["roofline"] is None
    assert data["notes"][-1] == "The roofline failed and was left out: counting needs OpenVINO"


def test_ctrl_c_beside_the_scenarios_keeps_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench_module, "measure_roofline", stop)
    done = bench("--runs", "8", "--size", "64x64", "--roofline", "--json")
    assert done.exit_code == 130
    data = json.loads(done.stdout)
    assert data["interrupted"] is True
    assert data["reference"] is None
    assert data["scenarios"][0]["runs"] == 8


def test_version_names_the_frame_step_and_the_engines() -> None:
    done = bench("--version")
    assert done.exit_code == 0
    assert f"frame step: {frame_step_name()}" in done.stdout
    assert "openvino 20" in done.stdout


@given(st.one_of(st.text(), st.from_regex(r"[0-9]{0,6}[xX ][0-9]{0,6}", fullmatch=True)))
def test_any_text_is_a_size_in_range_or_refused(text: str) -> None:
    try:
        width, height = command_run.parse_size(text)
    except typer.BadParameter:
        return
    assert 32 <= width <= 8192
    assert 32 <= height <= 8192
    assert [int(side) for side in text.lower().split("x")] == [width, height]


@given(st.one_of(st.text(), st.from_regex(r"[0-9]{0,7}[smhd]?", fullmatch=True)))
def test_any_text_is_a_duration_in_range_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except typer.BadParameter:
        return
    assert 10 <= seconds <= 24 * 3600


@given(st.integers(32, 8192), st.integers(32, 8192))
def test_a_size_is_width_by_height(width: int, height: int) -> None:
    assert command_run.parse_size(f"{width}x{height}") == (width, height)


def test_help_has_an_example() -> None:
    done = bench("--help")
    assert done.exit_code == 0
    assert "Example: edge-bench" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--runs", "0"],
        ["--threads", "0"],
        ["--size", "760"],
        ["--size", "0x570"],
        ["--size", "760x99999"],
        ["--json", "--markdown"],
        ["--fast"],
        ["--engine", "abacus"],
        ["--predict", "abacus"],
        ["--scenario", "server"],
        ["--fps", "30"],
        ["--scenario", "camera", "--fps", "0"],
        ["--soak", "30"],
        ["--soak", "1s"],
        ["--soak", "25h"],
        ["--soak", "30m", "--scenario", "all"],
        ["--soak", "30m", "--runs", "9"],
    ],
)
def test_wrong_arguments_leave_with_2(arguments: list[str]) -> None:
    done = bench(*arguments, "--no-reference")
    assert done.exit_code == 2
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.efiqa"],
        ["--frames", "missing"],
        ["--out", "missing/result.json"],
        ["--out", "."],
        ["--html", "missing/result.html"],
        ["--against", "missing.efiqa"],
    ],
)
def test_what_the_user_can_fix_is_one_sentence_and_1(arguments: list[str], tmp_path: Path) -> None:
    code = "import sys; sys.argv[0] = 'edge-bench'; from benchmarks.commands.group import main; main()"
    root = Path(commands.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--no-reference"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": ""},
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert arguments[-1] in done.stderr


@pytest.mark.parametrize(
    ("ms", "miss", "code", "answer"),
    [("9999", "50%", 0, "PASS"), ("0.1", "1%", 1, "FAIL"), ("9999", "0.1%", 3, "INCONCLUSIVE")],
)
def test_a_deadline_is_kept_or_not(ms: str, miss: str, code: int, answer: str, tmp_path: Path) -> None:
    done = bench(*QUICK, "--deadline", ms, "--miss", miss, "--out", str(tmp_path / "result.json"))
    assert done.exit_code == code, done.output
    (line,) = [each for each in done.output.splitlines() if each.startswith("deadline: ")]
    assert line.startswith(f"deadline: {answer}: ")
    found = json.loads((tmp_path / "result.json").read_text())["scenarios"][0]["deadline"]
    assert (found["answer"], found["frames"], found["deadline_ms"]) == (answer, 8, float(ms))
    assert 0 <= found["low"] <= found["missed"] / 8 <= found["high"] <= 1


@pytest.mark.parametrize("miss", ["", "0%", "100%", "0.1", "-1%", "nan%", "0.0000001%"])
def test_a_share_that_is_none_is_refused(miss: str) -> None:
    with pytest.raises(typer.BadParameter, match="share"):
        parse_deadline(33.0, miss)


def test_a_deadline_takes_as_many_frames_as_it_needs() -> None:
    assert parse_deadline(33.0, None) == Deadline(33.0, 0.001)
    assert parse_deadline(None, None) is None
    with pytest.raises(typer.BadParameter, match="--deadline"):
        parse_deadline(None, "1%")
    ((_, _, limit, _),) = plan(Scenario.single, None, None, None, Deadline(33.0, 0.001))
    assert limit.runs == 3688
    ((_, _, limit, _),) = plan(Scenario.single, None, 50, None, Deadline(33.0, 0.001))
    assert limit.runs == 50
