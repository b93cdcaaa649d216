"""One run of edge-bench: scenarios first, then other measurements, whose failure never costs a scenario."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from benchmarks.accuracy import compare_with
from benchmarks.machine.machine import (
    describe_machine,
    load_average,
    peak_memory_mib,
    restart_peak_memory,
)
from benchmarks.machine.sensors import usable_cores
from benchmarks.reference import STOPPED, compare_with_reference
from benchmarks.report.result import FrameFacts, Memory, Result, scenario_title
from benchmarks.report.summary import clock_step_ns, model_facts, notes_on, scenario_result, without_folders
from benchmarks.roofline.ceilings import measure_roofline
from benchmarks.roofline.cores import predict_frames
from benchmarks.run.deadline import Deadline
from benchmarks.run.frames import PHANTOM_SIZE, BenchFrames, folder_frames, phantom_frames
from benchmarks.run.latency import Assess, Tick
from benchmarks.run.scenarios import Limit, Plan, Run, camera, offline, single_stream
from benchmarks.run.stages import measure_around
from benchmarks.run.watch import State, Watch
from edge import EdgeError, QualityModel
from edge.progress import progress

_STOPPED_OTHERS = "Interrupted after the scenarios: the other measurements were left out."
_NOT_MEASURED: dict[str, Any] = {"around": {}, "accuracy": None, "roofline": None, "predictions": (), "reference": None}


@dataclass(frozen=True)
class BenchOptions:
    """What to time, and what to measure in addition; see the options of the command.

    Attributes:
        command: for the result, without personal paths.
        frames: folder of photographs; None for synthetic eyes.
        size: width and height of the frames; None for their own.
        other: bundle whose maps and scores are compared with the model's.
        deadline: what the frames of every scenario are held against; None for nothing.
    """

    command: str
    model: Path | None
    plans: Sequence[Plan]
    threads: int | None
    engine: str
    reference: bool
    frames: Path | None = None
    size: tuple[int, int] | None = None
    other: Path | None = None
    around: bool = False
    roofline: bool = False
    devices: Sequence[str] = ()
    deadline: Deadline | None = None


def bench(options: BenchOptions) -> tuple[Result, str | None]:
    """Time a model on this machine.

    Returns:
        The result, and the model's error where it failed in the middle.

    Raises:
        EdgeError: frames or model cannot be loaded, or the model failed before the first timed frame.
        KeyboardInterrupt: Ctrl-C before the first timed frame.
    """
    load = load_average()  # before this process adds to it
    threads = options.threads or len(usable_cores())
    if options.threads is not None:
        cv2.setNumThreads(threads)
    with progress("getting frames"):
        folder, size = options.frames, options.size
        frames = folder_frames(folder, size) if folder is not None else phantom_frames(size or PHANTOM_SIZE)
    restart_peak_memory()  # drawing or decoding frames takes memory that is not the model's
    before_mib, began = peak_memory_mib(), time.perf_counter()
    with QualityModel.load(options.model, options.engine, options.threads) as model:
        facts = model_facts(model, (time.perf_counter() - began) * 1000)
        runs, missing, failure = _time_scenarios(model.assess, frames, options.plans, threads)
        peak_mib = peak_memory_mib()  # summing up a long run takes memory that is not the model's
        scenarios = tuple(scenario_result(*each, options.deadline) for each in runs)
        device_mib = [s.device_memory_mib for each in scenarios for s in each.states if s.device_memory_mib is not None]
        stopped = len(scenarios) < len(options.plans) or scenarios[-1].interrupted
        measured: dict[str, Any] = {}
        notes: tuple[str, ...] = ()
        if not stopped:
            measured, notes, stopped = _measure_others(options, model, frames, threads)
        machine = describe_machine(model.engine.describe(), options.threads, load)
    result = Result(
        command=options.command,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model=facts,
        frames=FrameFacts(frames.source, len(frames.images), frames.sizes),
        scenarios=scenarios,
        memory=Memory(before_mib, peak_mib, max(device_mib, default=None)),
        machine=machine,
        clock_ns=clock_step_ns(),
        notes=(*notes_on(scenarios, frames, machine), *missing, *notes),
        interrupted=stopped,
        **{**_NOT_MEASURED, **measured},
    )
    return result, failure


def _measure_others(
    options: BenchOptions, model: QualityModel, frames: BenchFrames, threads: int
) -> tuple[dict[str, Any], tuple[str, ...], bool]:
    """Measure what was requested in addition to the scenarios; a failure, or Ctrl-C, becomes a note.

    Returns:
        Fields of the result, notes, and whether Ctrl-C cut it short.
    """
    steps: list[tuple[str, str, Callable[[], object]]] = []
    if options.other is not None:
        compare = partial(compare_with, model, options.other, frames, options.engine, options.threads)
        steps.append(("accuracy", "comparison with the other bundle", compare))
    if options.around:
        steps.append(("around", "stages around the model", partial(measure_around, model, frames.images)))
    if options.roofline:
        steps.append(("roofline", "roofline", partial(measure_roofline, model.bundle.onnx, threads)))
    if options.devices:
        steps.append(("predictions", "prediction", partial(predict_frames, model, frames.images, options.devices)))
    measured: dict[str, Any] = {}
    notes: list[str] = []
    try:
        for field, name, step in steps:
            try:
                with progress(name):
                    measured[field] = step()
            except EdgeError as error:
                notes.append(f"The {name} failed and was left out: {without_folders(str(error))}")
    except KeyboardInterrupt:
        return measured, (*notes, _STOPPED_OTHERS), True
    if not options.reference:
        return measured, tuple(notes), False
    measured["reference"], more = compare_with_reference(model.assess, frames, threads)
    return measured, (*notes, *more), STOPPED in more


def _time_scenarios(
    assess: Assess, frames: BenchFrames, plans: Sequence[Plan], threads: int
) -> tuple[list[tuple[Run, list[State], bool]], tuple[str, ...], str | None]:
    """Time the scenarios in turn, until one is interrupted or fails.

    Returns:
        Each run with the states of the machine and whether it is a soak; notes on what could not be measured; and the
        model's error where it failed.

    Raises:
        EdgeError: the model failed before the first timed frame of all.
        KeyboardInterrupt: Ctrl-C before the first timed frame of all.
    """
    runs: list[tuple[Run, list[State], bool]] = []
    missing: tuple[str, ...] = ()
    for name, fps, limit, soaks in plans:
        title = scenario_title(name, fps)
        try:
            with progress(title, limit.runs) as bar, Watch() as watch:

                def tick(done: int, bar: Tick = bar, watch: Watch = watch) -> None:
                    bar(done)
                    watch.tick()

                run = _run(name, assess, frames, fps, limit, threads, tick)
        except (KeyboardInterrupt, EdgeError) as error:
            if not runs:
                raise
            if isinstance(error, KeyboardInterrupt):
                return runs, missing, None
            note = f"{title}: The model failed before its first frame: {without_folders(str(error))}"
            return runs, (*missing, note), str(error)
        missing = watch.missing
        runs.append((run, watch.states, soaks))
        if run.interrupted or run.failure is not None:
            return runs, missing, run.failure
    return runs, missing, None


def _run(
    name: str, assess: Assess, frames: BenchFrames, fps: float | None, limit: Limit, threads: int, tick: Tick
) -> Run:
    if name == "camera":
        return camera(assess, frames.images, fps or 30.0, limit, tick)
    if name == "offline":
        return offline(assess, frames.images, limit, threads, tick)
    return single_stream(assess, frames.images, limit, tick)
