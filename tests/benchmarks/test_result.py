from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.frames import Frames
from benchmarks.latency import Measurement, WarmUp
from benchmarks.machine import describe_machine
from benchmarks.result import model_facts, notes_on
from edge import QualityModel
from edge.bundle import default_model

FRAMES = Frames("eyes", (), ("1 of 3 pictures could not be read.",))
IDLE = dataclasses.replace(describe_machine({}, 1, None), cores=4, load_average=(0.9, 2.0, 2.0))


def measured(runs: int, steady: bool = True, interrupted: bool = False) -> Measurement:
    return Measurement(np.ones((runs, 4)), WarmUp(400, steady, 9.0), interrupted)


def test_an_undisturbed_run_needs_no_note_but_those_on_its_frames() -> None:
    assert notes_on(measured(300), FRAMES, IDLE) == FRAMES.notes


@pytest.mark.parametrize("load", [None, (0.0, 0.0, 0.0)])
def test_an_unknown_load_is_no_load(load: tuple[float, float, float] | None) -> None:
    assert notes_on(measured(300), FRAMES, dataclasses.replace(IDLE, load_average=load)) == FRAMES.notes


def test_everything_that_disturbs_the_figures_is_said() -> None:
    busy = dataclasses.replace(IDLE, load_average=(1.5, 0.0, 0.0))
    notes = notes_on(measured(10, steady=False, interrupted=True), FRAMES, busy)
    for words in (
        "could not be read",
        "p99 needs 300",
        "not steady after 400",
        "load average was 1.5",
        "after 10 runs",
    ):
        assert sum(words in note for note in notes) == 1
    assert len(notes) == 5


def test_the_model_is_named_by_its_file_and_its_hash() -> None:
    with QualityModel.load(engine="openvino", threads=1) as model:
        facts = model_facts(model, 12.5)
        assert facts.sha256 == model.bundle.sha256
        assert facts.name == model.manifest.name
        assert (facts.input_size, facts.grid) == (model.manifest.input_size, model.manifest.grid)
    assert facts.file == default_model().name
    assert facts.load_ms == 12.5
