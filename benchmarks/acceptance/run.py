"""The acceptance itself: each form built, verified and timed, then a live session; one that fails costs no other."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.acceptance.half import half_bundle
from benchmarks.acceptance.judge import judge, slower
from benchmarks.acceptance.result import Acceptance, Form, Session
from benchmarks.machine.machine import describe_machine, load_average, peak_memory_mib, restart_peak_memory
from benchmarks.report.result import FrameFacts, ScenarioResult
from benchmarks.report.summary import model_facts, notes_on, scenario_result, without_folders
from benchmarks.run.deadline import Deadline
from benchmarks.run.deadline import judge as in_time
from benchmarks.run.frames import BenchFrames, phantom_frames
from benchmarks.run.latency import Tick
from benchmarks.run.scenarios import Limit, Run, camera, single_stream
from benchmarks.run.session import measure
from benchmarks.run.watch import Watch
from edge import EdgeError, QualityModel
from edge.bundle.bundle import Bundle, read_bundle
from edge.bundle.named import named_bundle
from edge.engines.choose import open_engine
from edge.progress import progress

FPS = 30.0
_SINGLE, _SINGLE_S = 1000, 60.0  # frames one after the other, at most, and seconds
_NAMES = {"int8": "INT8", "float32": "FP32"}


@dataclass(frozen=True)
class AcceptanceOptions:
    """What to accept; see the options of the command.

    Attributes:
        command: for the result, without personal paths.
        capture: options for edge-capture that the model needs.
        runs: frames at the camera's pace.
        allowed: share of frames that may be later than ``deadline_ms``.
    """

    command: str
    model: Path | None
    engine: str
    source: str | None
    capture: Sequence[str]
    minutes: float
    runs: int
    deadline_ms: float
    allowed: float


def accept(options: AcceptanceOptions) -> Acceptance:
    """Measure a board; Ctrl-C ends it with what was measured until then.

    Raises:
        EdgeError: there is no such model, or its engine does not work here at all.
        KeyboardInterrupt: Ctrl-C before the engine was loaded.
    """
    load = load_average()  # before this process adds to it
    bundle = read_bundle(named_bundle(options.model))
    with progress("drawing frames"):
        frames = phantom_frames()
    session = None
    with _own_cache():
        began = time.perf_counter()
        with progress("building and loading the engine"):
            model = QualityModel(bundle, open_engine(bundle, options.engine))
        with model:
            facts = model_facts(model, (time.perf_counter() - began) * 1000)
            machine = describe_machine(model.engine.describe(), None, load)
            form, missing = _timed(_NAMES[bundle.manifest.precision], model, frames, options)
        forms, interrupted = [form], _is_cut(form)
        try:
            if not interrupted:  # the same engine again, also where auto would now take another one
                forms.append(_other_form(bundle, model.engine.name, frames, options))
                interrupted = _is_cut(forms[-1])
        except KeyboardInterrupt:
            interrupted = True
        if not interrupted:
            session, interrupted = _session(options)
    word, reasons = judge(forms, session, machine)
    notes = [note for form in forms for note in _notes(form, frames)]
    return Acceptance(
        verdict="INCONCLUSIVE" if interrupted and word == "PASS" else word,
        reasons=(*reasons, *(["It was interrupted."] if interrupted else [])),
        command=options.command,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model=facts,
        frames=FrameFacts(frames.source, len(frames.images), frames.sizes),
        forms=tuple(forms),
        session=session,
        machine=machine,
        notes=(*missing, *notes, *slower(forms), *_on_a_cpu(machine.engine)),
        interrupted=interrupted,
    )


@contextlib.contextmanager
def _own_cache() -> Iterator[None]:
    """An engine cache of its own, so that every engine is built here and now; also for the session's process."""
    before = os.environ.get("EFIQA_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EFIQA_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["EFIQA_CACHE"]
            if before is not None:
                os.environ["EFIQA_CACHE"] = before


def _other_form(bundle: Bundle, engine: str, frames: BenchFrames, options: AcceptanceOptions) -> Form:
    try:
        half = half_bundle(bundle)
        with progress("building and loading FP16"), QualityModel(half, open_engine(half, engine)) as model:
            return _timed("FP16", model, frames, options)[0]
    except EdgeError as error:
        return Form("FP16", {}, None, None, {}, (), None, None, without_folders(str(error)))


def _timed(
    name: str, model: QualityModel, frames: BenchFrames, options: AcceptanceOptions
) -> tuple[Form, tuple[str, ...]]:
    """A form whose engine is loaded and verified, and what the sensors cannot tell."""
    restart_peak_memory()
    scenarios: list[ScenarioResult] = []
    error = None
    missing: tuple[str, ...] = ()
    deadline = None
    try:
        for title, limit in _limits(options.runs):
            with progress(f"{name}, {title}", limit.runs) as bar, Watch() as watch:

                def tick(done: int, bar: Tick = bar, watch: Watch = watch) -> None:
                    bar(done)
                    watch.tick()

                run: Run
                if title == "single":
                    run = single_stream(model.assess, frames.images, limit, tick)
                else:
                    run = camera(model.assess, frames.images, FPS, limit, tick)
            missing = watch.missing
            scenarios.append(scenario_result(run, watch.states))
            if run.failure is not None or run.interrupted:
                error = None if run.failure is None else without_folders(run.failure)
                break
            if title == "camera":
                deadline = in_time(run.late(options.deadline_ms), Deadline(options.deadline_ms, options.allowed))
    except EdgeError as failed:
        error = without_folders(str(failed))
    except KeyboardInterrupt:
        if not scenarios:
            raise
    built = model.engine.built
    form = Form(
        name=name,
        engine={**model.engine.describe(), "precision": name},
        build_s=round(built.seconds, 3),
        engine_mib=round(len(built.data) / 2**20, 3),
        verified=dict(model.engine.verified),
        scenarios=tuple(scenarios),
        deadline=deadline,
        peak_mib=peak_memory_mib(),
        error=error,
    )
    return form, missing


def _limits(runs: int) -> tuple[tuple[str, Limit], ...]:
    """One by one, and at the camera's pace: a board that is far too slow is told in twice the time, not in hours."""
    single = Limit(runs=min(_SINGLE, runs), seconds=_SINGLE_S)
    return ("single", single), ("camera", Limit(runs=runs, seconds=max(_SINGLE_S, 2 * runs / FPS)))


def _is_cut(form: Form) -> bool:
    """Whether Ctrl-C ended it."""
    return form.error is None and (len(form.scenarios) < 2 or any(each.interrupted for each in form.scenarios))


def _session(options: AcceptanceOptions) -> tuple[Session, bool]:
    """The live session, and whether Ctrl-C ended it."""
    seconds = options.minutes * 60
    source = options.source or f"demo:{max(1, round(seconds) + 60)}"  # a little longer than the session
    shown = "demo" if options.source is None else "camera"
    with Watch() as watch:
        try:
            live, error, stopped = measure(source, seconds, options.capture, watch.tick), None, False
        except EdgeError as failed:
            live, error, stopped = None, without_folders(str(failed)), False
        except KeyboardInterrupt:
            live, error, stopped = None, "interrupted", True
    states = tuple(dataclasses.replace(state, others=None) for state in watch.states)
    return Session(shown, options.minutes, live, states, error), stopped


def _notes(form: Form, frames: BenchFrames) -> list[str]:
    return [f"{form.name}, {note}" for note in notes_on(form.scenarios, dataclasses.replace(frames, notes=()), None)]


def _on_a_cpu(engine: dict[str, str]) -> tuple[str, ...]:
    if engine.get("runtime") != "openvino":
        return ()
    return ("OpenVINO computes the FP16 form in float32: on a CPU it is compared for its maps, not for its speed.",)
