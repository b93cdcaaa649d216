from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

from benchmarks.latency import STAGES, WarmUp, summarise
from benchmarks.machine import describe_machine
from benchmarks.reference import Comparison
from benchmarks.report import print_table, to_json, to_markdown
from benchmarks.result import FrameFacts, Memory, ModelFacts, Result, unclaimed


def result(runs: int = 400, interrupted: bool = False) -> Result:
    samples = np.linspace(1, 5, runs)
    return Result(
        command="edge-bench --runs 400",
        date="2026-03-01T12:00:00+00:00",
        model=ModelFacts("default.efiqa", "student", "int8", 256, 32, "ab" * 32, 120.0),
        frames=FrameFacts("phantom", 16, ("760x570",)),
        warm_up=WarmUp(60, True, 31.5),
        runs=runs,
        stages={name: summarise(samples) for name in STAGES},
        throughput_fps=333.3,
        memory=Memory(90.0, 151.0),
        reference=Comparison("ViT-L/16", 3.0, 900.0, 200, 10, 300.0, 280.0, 320.0),
        machine=describe_machine({"runtime": "openvino"}, 2, (0.1, 0.1, 0.1)),
        notes=unclaimed(runs),
        interrupted=interrupted,
    )


def test_json_has_every_figure_under_its_name() -> None:
    data = json.loads(to_json(result()))
    assert data["schema"] == 1
    assert set(data["stages"]) == {"frame_step", "inference", "post", "end_to_end"}
    assert data["stages"]["end_to_end"]["p50_ms"] == pytest.approx(3.0)
    assert data["stages"]["end_to_end"]["p99_ms"] == pytest.approx(4.96)
    assert data["throughput_fps"] == 333.3
    assert data["memory"] == {"before_model_mib": 90.0, "peak_mib": 151.0}
    assert data["reference"]["times_faster"] == 300.0
    assert (data["reference"]["low"], data["reference"]["high"]) == (280.0, 320.0)
    assert data["warm_up"] == {"runs": 60, "steady": True, "first_ms": 31.5}
    assert data["model"]["precision"] == "int8"
    assert data["frames"] == {"source": "phantom", "count": 16, "sizes": ["760x570"]}
    assert data["machine"]["threads"] == 2
    assert data["notes"] == []
    assert data["interrupted"] is False


def test_a_percentile_that_was_not_measured_is_null_and_a_note_says_why() -> None:
    data = json.loads(to_json(result(runs=50)))
    assert data["stages"]["inference"]["p90_ms"] is not None
    assert data["stages"]["inference"]["p99_ms"] is None
    assert data["notes"] == ["50 runs are too few for some percentiles: p99 needs 300."]


def test_the_table_shows_percentiles_ratio_and_machine() -> None:
    text = io.StringIO()
    print_table(result(), Console(file=text, width=100, soft_wrap=True, highlight=False))
    shown = text.getvalue()
    end_to_end = next(line for line in shown.splitlines() if "end to end" in line)
    assert [cell.strip() for cell in end_to_end.split("│")[2:5]] == ["3.00", "4.60", "4.96"]
    for expected in (
        "student, int8",
        "times faster: 300 (95 % interval 280 to 320)",
        "peak memory: 151 MiB",
        "frame step: ",
    ):
        assert expected in shown
    assert "interrupted" not in shown


def test_an_interrupted_run_is_marked_in_every_form() -> None:
    stopped = result(interrupted=True)
    text = io.StringIO()
    print_table(stopped, Console(file=text, width=100))
    assert "(interrupted)" in text.getvalue()
    assert "(interrupted)" in to_markdown(stopped)
    assert json.loads(to_json(stopped))["interrupted"] is True


def test_markdown_is_a_table_with_date_device_and_command() -> None:
    lines = to_markdown(result()).splitlines()
    assert lines[0] == "### student, int8: 400 frames of 760x570"
    assert "2026-03-01T12:00:00+00:00, `edge-bench --runs 400`" in lines
    rows = [line for line in lines if line.startswith("|")]
    assert {row.count("|") for row in rows} == {5}
    assert rows[-1] == "| end to end | 3.00 | 4.60 | 4.96 |"
    assert any(line.startswith("- cpu: ") for line in lines)


def test_frames_of_many_sizes_do_not_fill_the_headline() -> None:
    many = dataclasses.replace(result(), frames=FrameFacts("eyes", 64, tuple(f"{w}x600" for w in range(700, 764))))
    assert to_markdown(many).splitlines()[0] == "### student, int8: 400 frames of 64 sizes"
