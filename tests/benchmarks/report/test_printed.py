from __future__ import annotations

import dataclasses
import io
import json
import re
import sys
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from benchmarks.commands.group import app
from benchmarks.commands.run import print_table
from benchmarks.machine.machine import describe_machine
from benchmarks.peers.published import Comparison
from benchmarks.report.charts import histogram, roofline_plot
from benchmarks.report.printed import to_html, to_json, to_markdown
from benchmarks.report.result import (
    Accuracy,
    FrameFacts,
    Memory,
    ModelFacts,
    Result,
    ScenarioResult,
    Soak,
)
from benchmarks.report.summary import scenario_result, unclaimed
from benchmarks.roofline.ceilings import Ceilings, LayerTime, Roofline
from benchmarks.roofline.predict import Prediction
from benchmarks.run.latency import STAGES, WarmUp
from benchmarks.run.scenarios import Run
from benchmarks.run.watch import State
from edge.errors import EdgeError

ROOFLINE = Roofline(
    Ceilings(20.0, 1200.0, 300.0),
    1000.0,
    1500.0,
    1.0,
    2.0,
    2.0,
    (
        LayerTime("/conv/one", True, 900.0, 1000.0, 1.0, 0.75, "arithmetic"),
        LayerTime("/conv/<two>", False, 100.0, 5000.0, 0.5, 0.25, "memory"),
    ),
    0.5,
)


def scenario(name: str = "single_stream", runs: int = 400, interrupted: bool = False) -> ScenarioResult:
    samples = np.tile(np.linspace(1, 5, runs)[:, None], (1, len(STAGES)))
    fps = 30.0 if name == "camera" else None
    began = np.arange(runs) * 0.01
    overtaken = np.bincount([9, 200], [1, 2], runs).astype(np.int64)
    run = Run(
        name, samples, samples[:, -1], began, began[-1] + 0.005, WarmUp(60, True, 31.5), fps, overtaken, interrupted
    )
    return scenario_result(run, (State(1.0, 2500.0, None, 51.0, 12.5, 0.02, False, None),))


def result(runs: int = 400, interrupted: bool = False, names: tuple[str, ...] = ("single_stream",)) -> Result:
    return Result(
        command="edge-bench --runs 400",
        date="2026-03-01T12:00:00+00:00",
        model=ModelFacts("default.efiqa", "student", "int8", 256, 32, "ab" * 32, 120.0, {"AUROC": 0.99}),
        frames=FrameFacts("phantom", 16, ("760x570",)),
        scenarios=tuple(scenario(name, runs, interrupted) for name in names),
        around={"decode": scenario().latency},
        memory=Memory(90.0, 151.0),
        accuracy=Accuracy("float.efiqa", 4, 0.003, 0.1, 0.999, 0.01, 0),
        roofline=ROOFLINE,
        predictions=(Prediction("Jetson Orin Nano", "its data sheet", 0.2, 0.25, 0.3, 1.1),),
        reference=Comparison("ViT-L/16", 3.0, 900.0, 200, 10, 300.0, 280.0, 320.0),
        machine=describe_machine({"runtime": "openvino"}, 2, (0.1, 0.1, 0.1)),
        clock_ns=50,
        notes=unclaimed(runs),
        interrupted=interrupted,
    )


def test_json_has_every_figure_under_its_name() -> None:
    data = json.loads(to_json(result()))
    assert data["schema"] == 2
    (single,) = data["scenarios"]
    assert set(single["stages"]) == {"frame_step", "inference", "post", "end_to_end"}
    assert single["stages"]["end_to_end"]["p50_ms"] == pytest.approx(3.0, abs=0.02)
    assert single["latency"]["p99_ms"] == pytest.approx(4.96, abs=0.02)
    low, high = single["throughput_interval"]
    assert low <= single["throughput_fps"] <= high
    assert single["throughput_fps"] == pytest.approx(1000 / 3, rel=0.01)
    assert single["joules_per_frame"] == pytest.approx(12.5 * 3.995 / 400, rel=0.01)
    assert len(single["latency_ms"]) == len(single["t_s"]) == 400
    assert single["slowest"][0][1] == 5.0
    assert data["memory"] == {"before_model_mib": 90.0, "peak_mib": 151.0, "device_mib": None}
    assert data["predictions"][0]["predicted"] is True
    assert data["reference"]["times_faster"] == 300.0
    assert (data["reference"]["low"], data["reference"]["high"]) == (280.0, 320.0)
    assert single["warm_up"] == {"runs": 60, "steady": True, "first_ms": 31.5}
    assert data["model"]["precision"] == "int8"
    assert data["frames"] == {"source": "phantom", "count": 16, "sizes": ["760x570"]}
    assert data["machine"]["threads"] == 2
    assert data["notes"] == []
    assert data["interrupted"] is False


def test_a_percentile_that_was_not_measured_is_null_and_a_note_says_why() -> None:
    data = json.loads(to_json(result(runs=50)))
    assert data["scenarios"][0]["stages"]["inference"]["p90_ms"] is not None
    assert data["scenarios"][0]["stages"]["inference"]["p99_ms"] is None
    assert data["notes"] == ["50 runs are too few for some percentiles: p99 needs 300."]


def test_the_table_shows_percentiles_ratio_and_machine() -> None:
    text = io.StringIO()
    print_table(result(), Console(file=text, width=100, soft_wrap=True, highlight=False))
    shown = text.getvalue()
    end_to_end = next(line for line in shown.splitlines() if "end to end" in line)
    assert [cell.strip() for cell in end_to_end.split("│")[2:7]] == ["3.01", "4.61", "4.97", "-", "5.00"]
    for expected in (
        "student, int8",
        "times faster: 300 (95 % interval 280 to 320)",
        "peak memory: 151 MiB",
        "frame step: ",
        "predicted, not measured, Jetson Orin Nano",
        "2.0 times that",
        "against float.efiqa: map mean abs difference 0.0030",
        "51 C",
        "0.125 J a frame",
        "around the model, decode: 3.01 / 4.61 / 4.97 ms",
    ):
        assert expected in shown
    assert "interrupted" not in shown


def test_a_name_in_brackets_is_shown_as_it_is() -> None:
    named = dataclasses.replace(result(), model=dataclasses.replace(result().model, name="student [b][/i]"))
    text = io.StringIO()
    print_table(named, Console(file=text, width=100))
    assert "student [b][/i], int8" in text.getvalue()


@pytest.mark.parametrize(("seconds", "end"), [(90.0, "45 s"), (600.0, "minute")])
def test_the_ends_of_a_soak_have_their_names(seconds: float, end: str) -> None:
    summary = scenario().latency
    one = dataclasses.replace(scenario(), soak=Soak(seconds, summary, summary, None, None))
    text = to_markdown(dataclasses.replace(result(), scenarios=(one,)))
    assert f"- first {end}: 3.01 / 4.61 / 4.97 ms" in text
    assert f"- last {end}: " in text


def test_an_interrupted_run_is_marked_in_every_form() -> None:
    stopped = result(interrupted=True)
    text = io.StringIO()
    print_table(stopped, Console(file=text, width=100))
    assert "(interrupted)" in text.getvalue()
    assert "(interrupted)" in to_markdown(stopped)
    assert json.loads(to_json(stopped))["interrupted"] is True


def test_markdown_is_a_table_with_date_device_and_command() -> None:
    lines = to_markdown(result()).splitlines()
    assert lines[0] == "### student, int8, single stream: 400 frames of 760x570"
    assert "2026-03-01T12:00:00+00:00, `edge-bench --runs 400`" in lines
    rows = [line for line in lines if line.startswith("|")]
    assert {row.count("|") for row in rows} == {8}
    assert rows[-1].startswith("| end to end | 3.01 | 4.61 | 4.97 | - | 5.00 | ")
    assert any(line.startswith("- cpu: ") for line in lines)


def test_frames_of_many_sizes_do_not_fill_the_headline() -> None:
    many = dataclasses.replace(result(), frames=FrameFacts("eyes", 64, tuple(f"{w}x600" for w in range(700, 764))))
    assert to_markdown(many).splitlines()[0] == "### student, int8, single stream: 400 frames of 64 sizes"


def test_a_camera_is_compared_with_the_tight_loop_of_its_run() -> None:
    text = to_markdown(result(names=("single_stream", "camera")))
    told = (
        "camera at 30 fps beside single stream: the same work takes 1.00 times as long; CPU clock 2500 MHz in the loop"
    )
    assert told in text
    assert "beside single stream" not in to_markdown(result(names=("camera",)))


def test_a_camera_reports_what_it_dropped() -> None:
    text = to_markdown(result(names=("camera",)))
    assert "camera at 30 fps" in text
    assert "from the arrival of the frame" in text
    assert "3 of 403 frames dropped" in text


def test_the_page_is_self_contained_and_well_formed() -> None:
    page = to_html(result(names=("single_stream", "camera")))
    assert not re.search(r"https?://|<script|<link|<img|@import|url\(", page)
    pictures = re.findall(r"<svg.*?</svg>", page, re.S)
    assert len(pictures) == 2 * 3 + 1
    for picture in pictures:
        xml.etree.ElementTree.fromstring(picture)
    assert "predicted, not measured" in page
    assert "&lt;two&gt;" in page


def test_the_page_opens_with_its_summary_and_its_charts_are_low() -> None:
    page = to_html(result(names=("single_stream", "camera")))
    summary, chart = page.index("300 times faster"), page.index("<svg")
    assert page.index("camera at 30 fps") < summary < chart
    for size in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', page):
        width, height = map(float, size)
        assert height <= 0.9 * 300 < width < 0.9 * 900  # matplotlib's points are 0.9 pixels here


def test_nothing_of_a_result_file_gets_into_the_page_unescaped() -> None:
    bad = '</svg><script>alert("$1$")</script>'
    whole = result()
    layers = (dataclasses.replace(ROOFLINE.layers[0], name=bad, bound=bad),)
    named = dataclasses.replace(
        whole,
        command=bad,
        date=bad,
        model=dataclasses.replace(whole.model, name=bad, precision=bad, file=bad),
        frames=FrameFacts(bad, 1, (bad,)),
        machine=dataclasses.replace(whole.machine, cpu=bad, device=bad, engine={"runtime": bad, bad: bad}),
        roofline=dataclasses.replace(ROOFLINE, layers=layers),
        reference=dataclasses.replace(whole.reference, reference=bad),
        notes=(bad,),
    )
    page = to_html(named)
    assert "<script" not in page
    assert page.count("&lt;/svg&gt;&lt;script&gt;") > 10
    assert page.count("</svg>") == 4


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_without_the_extra_only_the_page_is_missing(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    page, file = tmp_path / "result.html", tmp_path / "result.json"
    refused = CliRunner().invoke(app, ["run", "--html", str(page), "--out", str(file)])
    assert isinstance(refused.exception, EdgeError)
    assert str(refused.exception) == f'--html needs {package}: pip install "efiqa-edge[report]"'
    assert list(tmp_path.iterdir()) == []  # an error before anything is timed
    done = CliRunner().invoke(app, ["run", "--runs", "3", "--no-reference", "--out", str(file)])
    assert done.exit_code == 0, done.output
    assert json.loads(file.read_text())["scenarios"][0]["runs"] == 3
    assert to_markdown(result())


@pytest.mark.parametrize("values", [[2.0], [1.0, 1.0], [1.0, 500.0], [0.0, 0.0], [1e-300, 1e300]])
def test_any_run_can_be_drawn(values: list[float]) -> None:
    xml.etree.ElementTree.fromstring(histogram(values))


@pytest.mark.parametrize("layer", [(0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (1e9, 1e-9, 1e-9)])
def test_any_layer_can_be_drawn(layer: tuple[float, float, float]) -> None:
    mops, kib, ms = layer
    one = LayerTime("one", True, mops, kib, ms, 0.1, "memory")
    xml.etree.ElementTree.fromstring(roofline_plot(dataclasses.replace(ROOFLINE, layers=(one,))))


def test_a_page_of_few_frames_is_drawn_too() -> None:
    assert "Too few frames" in to_html(result(runs=3))
