"""One run of edge-bench: scenarios first, then what stands beside them, which must never cost their figures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import cv2

from benchmarks.accuracy import against
from benchmarks.machine.machine import (
    describe_machine,
    load_average,
    peak_memory_mib,
    restart_peak_memory,
    usable_cores,
)
from benchmarks.peers.published import Comparison
from benchmarks.reference import STOPPED, compare_with_reference
from benchmarks.report.result import Accuracy, FrameFacts, Memory, Result, ScenarioResult
from benchmarks.report.summary import clock_step_ns, model_facts, notes_on, scenario_result, without_folders
from benchmarks.roofline.ceilings import Roofline, measure_roofline
from benchmarks.roofline.layers import count_layers
from benchmarks.roofline.predict import Prediction, predict
from benchmarks.run.frames import PHANTOM_SIZE, BenchFrames, folder_frames, phantom_frames
from benchmarks.run.latency import Assess, Summary, Tick
from benchmarks.run.scenarios import Limit, Plan, Run, camera, offline, single_stream
from benchmarks.run.stages import measure_around
from benchmarks.run.watch import State, Watch
from edge import EdgeError, QualityModel
from edge.progress import Tick as Ticked
from edge.progress import progress

_STOPPED_BESIDES = "Interrupted after the scenarios: what stands beside them was left out."


@dataclass(frozen=True)
class Asked:
    """What to time, and what beside it; see the options of the command.

    Attributes:
        command: for the result, without personal paths.
        size: width and height of the frames; None for their own.
    """

    command: str
    model: Path | None
    frames: Path | None
    size: tuple[int, int] | None
    plans: tuple[Plan, ...]
    threads: int | None
    engine: str
    other: Path | None
    around: bool
    roofline: bool
    devices: tuple[str, ...]
    reference: bool


@dataclass(frozen=True)
class Timed:
    """What came of the scenarios.

    Attributes:
        missing: what could not be known of the machine, or why the rest was left out.
        stopped: Ctrl-C or a failing model left out the rest.
        failure: what the model said where it failed.
        peak_mib: the most memory that the process has held until then, before the runs were summed up.
    """

    scenarios: tuple[ScenarioResult, ...]
    missing: tuple[str, ...]
    stopped: bool
    failure: str | None
    peak_mib: float | None


@dataclass
class _Besides:
    """What stands beside the scenarios, filled as far as it comes."""

    around: dict[str, Summary]
    notes: list[str]
    predictions: tuple[Prediction, ...] = ()
    accuracy: Accuracy | None = None
    roofline: Roofline | None = None
    reference: Comparison | None = None
    interrupted: bool = False


def bench(asked: Asked) -> tuple[Result, str | None]:
    """Time a model on this machine.

    Returns:
        The result, and what the model said where it failed in the middle.

    Raises:
        EdgeError: frames or model cannot be had, or the model failed before the first timed frame.
        KeyboardInterrupt: Ctrl-C before the first timed frame.
    """
    load = load_average()  # before this process adds to it
    threads = asked.threads or usable_cores()
    if asked.threads is not None:
        cv2.setNumThreads(threads)
    with progress("getting frames"):
        size = asked.size
        frames = folder_frames(asked.frames, size) if asked.frames is not None else phantom_frames(size or PHANTOM_SIZE)
    restart_peak_memory()  # drawing or decoding frames takes memory that is not the model's
    before_mib, began = peak_memory_mib(), time.perf_counter()
    with QualityModel.load(asked.model, asked.engine, asked.threads) as model:
        facts = model_facts(model, (time.perf_counter() - began) * 1000)
        timed = time_scenarios(model.assess, frames, asked.plans, threads)
        scenarios, missing, stopped = timed.scenarios, timed.missing, timed.stopped
        states = [state for each in scenarios for state in each.states]
        device_mib = max((s.device_memory_mib for s in states if s.device_memory_mib is not None), default=None)
        memory = Memory(before_mib, timed.peak_mib, device_mib)
        besides = _Besides({}, [])
        if not stopped:
            _fill(besides, asked, model, frames, threads)
        machine = describe_machine(model.engine.describe(), asked.threads, load)
    result = Result(
        command=asked.command,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model=facts,
        frames=FrameFacts(frames.source, len(frames.images), frames.sizes),
        scenarios=scenarios,
        around=besides.around,
        memory=memory,
        accuracy=besides.accuracy,
        roofline=besides.roofline,
        predictions=besides.predictions,
        reference=besides.reference,
        machine=machine,
        clock_ns=clock_step_ns(),
        notes=(*notes_on(scenarios, frames, machine), *missing, *besides.notes),
        interrupted=stopped or besides.interrupted,
    )
    return result, timed.failure


def _fill(besides: _Besides, asked: Asked, model: QualityModel, frames: BenchFrames, threads: int) -> None:
    """Measure what was asked for beside the scenarios; what fails, or Ctrl-C, becomes a note."""

    def accuracy() -> None:
        if asked.other is not None:
            besides.accuracy = against(model, asked.other, frames, asked.engine, asked.threads)

    def around() -> None:
        if asked.around:
            besides.around = measure_around(model, frames.images)

    def roofline() -> None:
        if asked.roofline:
            besides.roofline = measure_roofline(model.bundle.onnx, threads)

    def predictions() -> None:
        if asked.devices:
            layers = count_layers(model.bundle.onnx)
            besides.predictions = tuple(predict(layers, device) for device in asked.devices)

    try:
        for name, step in (
            ("comparison with the other bundle", accuracy),
            ("stages around the model", around),
            ("roofline", roofline),
            ("prediction", predictions),
        ):
            try:
                with progress(name):
                    step()
            except EdgeError as error:
                besides.notes.append(f"The {name} failed and was left out: {without_folders(str(error))}")
    except KeyboardInterrupt:
        besides.notes.append(_STOPPED_BESIDES)
        besides.interrupted = True
        return
    if asked.reference:
        besides.reference, notes = compare_with_reference(model.assess, frames, threads)
        besides.notes += notes
        besides.interrupted = STOPPED in notes


def time_scenarios(assess: Assess, chosen: BenchFrames, plans: Sequence[Plan], threads: int) -> Timed:
    """Every scenario in turn, until one is interrupted or fails.

    Raises:
        EdgeError: the model failed before the first timed frame of all.
        KeyboardInterrupt: Ctrl-C before the first timed frame of all.
    """
    done: list[tuple[Run, list[State], bool]] = []
    missing: tuple[str, ...] = ()
    stopped, failure = False, None
    for name, fps, limit, soaks in plans:
        label = name.replace("_", " ") + (f" at {fps:g} fps" if fps else "")
        try:
            with progress(label, limit.runs) as bar, Watch() as watch:

                def tick(done: int, bar: Ticked = bar, watch: Watch = watch) -> None:
                    bar(done)
                    watch.tick()

                run = _run(name, assess, chosen, fps, limit, threads, tick)
        except (KeyboardInterrupt, EdgeError) as error:
            if not done:
                raise
            stopped = True
            if isinstance(error, EdgeError):
                failure = str(error)
                missing = (*missing, f"{label}: The model failed before its first frame: {without_folders(failure)}")
            break
        missing = watch.missing
        done.append((run, watch.states, soaks))
        if run.interrupted or run.failure is not None:
            stopped, failure = True, run.failure
            break
    peak_mib = peak_memory_mib()  # summing up a long run takes memory that is not the model's
    return Timed(tuple(scenario_result(*each) for each in done), missing, stopped, failure, peak_mib)


def _run(
    name: str, assess: Assess, chosen: BenchFrames, fps: float | None, limit: Limit, threads: int, tick: Tick
) -> Run:
    if name == "camera":
        return camera(assess, chosen.images, fps or 30.0, limit, tick)
    if name == "offline":
        return offline(assess, chosen.images, limit, threads, tick)
    return single_stream(assess, chosen.images, limit, tick)
