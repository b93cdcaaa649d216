from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.machine.machine import describe_machine
from benchmarks.report.result import MOST_SAMPLES, ScenarioResult
from benchmarks.report.summary import clock_step_ns, model_facts, notes_on, scenario_result
from benchmarks.run.frames import BenchFrames
from benchmarks.run.latency import WarmUp
from benchmarks.run.scenarios import Run
from edge import QualityModel
from edge.bundle.bundle import default_model

FRAMES = BenchFrames("eyes", (), ("1 of 3 pictures could not be read.",))
IDLE = dataclasses.replace(describe_machine({}, 1, None), cores=4, load_average=(0.9, 2.0, 2.0))


def timed(runs: int, steady: bool = True, interrupted: bool = False, failure: str | None = None) -> ScenarioResult:
    samples = np.ones((runs, 4))
    began = np.arange(runs) / 1000
    warm = WarmUp(400, steady, 9.0)
    run = Run("camera", samples, samples[:, -1], began, 1.0, warm, 30.0, interrupted=interrupted, failure=failure)
    return scenario_result(run, ())


def test_an_undisturbed_run_needs_no_note_but_those_on_its_frames() -> None:
    assert notes_on([timed(300)], FRAMES, IDLE) == FRAMES.notes


@pytest.mark.parametrize("load", [None, (0.0, 0.0, 0.0)])
def test_an_unknown_load_is_no_load(load: tuple[float, float, float] | None) -> None:
    assert notes_on([timed(300)], FRAMES, dataclasses.replace(IDLE, load_average=load)) == FRAMES.notes


def test_everything_that_disturbs_the_figures_is_reported() -> None:
    busy = dataclasses.replace(IDLE, load_average=(1.5, 0.0, 0.0))
    notes = notes_on([timed(10, steady=False, interrupted=True)], FRAMES, busy)
    for words in (
        "could not be read",
        "p99 needs 300",
        "not steady after 400",
        "load average was 1.5",
        "after 10 runs",
    ):
        assert sum(words in note for note in notes) == 1
    assert len(notes) == 5


def test_a_failure_in_the_middle_is_reported() -> None:
    notes = notes_on([timed(300, failure="device lost")], FRAMES, IDLE)
    assert notes[-1] == "camera at 30 fps: The model failed after 300 frames: device lost"


def test_a_long_run_is_thinned_evenly_and_keeps_its_slowest() -> None:
    samples = np.ones((MOST_SAMPLES + 5001, 4))
    samples[12_345] = 70.0
    began = np.arange(len(samples)) / 1000
    run = Run("single_stream", samples, samples[:, -1], began, began[-1], WarmUp(40, True, 9.0))
    result = scenario_result(run, ())
    assert result.runs == MOST_SAMPLES + 5001
    assert len(result.latency_ms) == len(result.t_s) == MOST_SAMPLES
    assert (result.t_s[0], result.t_s[-1]) == (0.0, 25.0)
    assert result.slowest[0] == (12.345, 70.0)


@pytest.mark.parametrize("runs", [1, 5, 300])
def test_a_camera_that_drops_nothing_is_graded_as_fast_as_it_is(runs: int) -> None:
    samples, began = np.ones((runs, 4)), np.arange(runs) / 30
    run = Run("camera", samples, samples[:, -1], began, began[-1] + 0.001, WarmUp(40, True, 9.0), 30.0)
    assert scenario_result(run, ()).throughput_fps == pytest.approx(30.0)


def test_the_clock_is_finer_than_a_tenth_of_a_millisecond() -> None:
    assert 0 < clock_step_ns() < 100_000


def test_the_model_is_named_by_its_file_and_its_hash() -> None:
    with QualityModel.load(engine="openvino", threads=1) as model:
        facts = model_facts(model, 12.5)
        assert facts.sha256 == model.bundle.sha256
        assert facts.name == model.manifest.name
        assert (facts.input_size, facts.grid) == (model.manifest.input_size, model.manifest.grid)
    assert facts.file == default_model().name
    assert facts.load_ms == 12.5
