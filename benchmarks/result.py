"""What one run of edge-bench yields."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.frames import Frames
from benchmarks.intervals import bootstrap
from benchmarks.latency import PERCENTILES, STAGES, Summary, WarmUp, runs_needed, summarise
from benchmarks.machine import Machine
from benchmarks.predict import Prediction
from benchmarks.reference import Comparison
from benchmarks.roofline import Roofline
from benchmarks.scenarios import Run
from benchmarks.watch import State, mean_power, unsteady
from edge import QualityModel

SCHEMA = 2  # of the JSON; a reader refuses another
MOST_SAMPLES = 20_000  # kept in a result; of a longer run, evenly spaced ones
_SLOWEST = 20
END_S = 60.0  # what a soak compares: its first minute and its last


@dataclass(frozen=True)
class ModelFacts:
    """The bundle that was timed; ``file`` is its name without the way to it.

    Attributes:
        load_ms: to read the bundle and load its engine; with the warm-up's first frame it is the cold start.
        calibration: what edge-calibrate measured of it, by name.
    """

    file: str
    name: str
    precision: str
    input_size: int
    grid: int
    sha256: str
    load_ms: float
    calibration: dict[str, float]


@dataclass(frozen=True)
class FrameFacts:
    """The frames that were graded."""

    source: str
    count: int
    sizes: tuple[str, ...]


@dataclass(frozen=True)
class Memory:
    """Peak resident memory of the process in MiB, the model's runs included, the reference's not; and the device's.

    Attributes:
        device_mib: the most that was in use on the GPU, or on a Jetson, by everyone; None where it does not tell.
    """

    before_model_mib: float | None
    peak_mib: float | None
    device_mib: float | None = None


@dataclass(frozen=True)
class Soak:
    """The ends of a long run.

    Attributes:
        seconds: how long it was.
        first, last: latency of its first and last minute, or half, where it was shorter than two.
        first_state, last_state: the machine at the end of the first and of the last.
    """

    seconds: float
    first: Summary
    last: Summary
    first_state: State | None
    last_state: State | None


@dataclass(frozen=True)
class ScenarioResult:
    """One scenario of a run.

    Attributes:
        scenario: ``single_stream``, ``offline`` or ``camera``.
        fps: at which frames arrived, under ``camera``.
        runs: timed frames.
        dropped: frames that a newer one overtook.
        seconds: from the first frame to the last.
        latency: what the scenario counts: from arrival under ``camera``, else from the call.
        stages: of the time at work, each of ``latency.STAGES``.
        throughput_fps: frames graded per second.
        throughput_interval: 95 %, by bootstrap; None where there were too few.
        joules_per_frame: None where power cannot be read. Everything the sensor feeds is in it, also while idle.
        t_s, latency_ms: when frames began and their latency, in order; ``MOST_SAMPLES`` at most, evenly spaced.
        slowest: (t_s, milliseconds) of the slowest frames, the worst first.
        states: the machine over time.
        soak: None for a short run.
        failure: what the model said when it failed in the middle.
    """

    scenario: str
    fps: float | None
    runs: int
    dropped: int
    seconds: float
    warm_up: WarmUp
    latency: Summary
    stages: dict[str, Summary]
    throughput_fps: float
    throughput_interval: tuple[float, float] | None
    joules_per_frame: float | None
    t_s: tuple[float, ...]
    latency_ms: tuple[float, ...]
    slowest: tuple[tuple[float, float], ...]
    states: tuple[State, ...]
    soak: Soak | None
    failure: str | None
    interrupted: bool


@dataclass(frozen=True)
class Accuracy:
    """The model beside another on the same frames, frame to score; see ``edge.parity.Parity``."""

    against: str
    frames: int
    map_mae: float
    map_max: float
    rank_correlation: float | None
    score_max: float
    verdict_flips: int


@dataclass(frozen=True)
class Result:
    """One run of edge-bench.

    Attributes:
        command: what was run, without personal paths.
        date: UTC, ISO 8601.
        around: stages around the model, see ``benchmarks.around``; empty where not asked for.
        clock_ns: the smallest step of the clock that everything was timed with.
        reference: None where it was not run; ``notes`` says why.
        notes: what a reader must know beside the figures, one sentence each.
        interrupted: Ctrl-C or a failing model ended the run early; the figures are those until then.
    """

    command: str
    date: str
    model: ModelFacts
    frames: FrameFacts
    scenarios: tuple[ScenarioResult, ...]
    around: dict[str, Summary]
    memory: Memory
    accuracy: Accuracy | None
    roofline: Roofline | None
    predictions: tuple[Prediction, ...]
    reference: Comparison | None
    machine: Machine
    clock_ns: int
    notes: tuple[str, ...]
    interrupted: bool
    schema: int = SCHEMA


def model_facts(model: QualityModel, load_ms: float) -> ModelFacts:
    """What the bundle says of itself."""
    bundle, manifest = model.bundle, model.manifest
    return ModelFacts(
        file=bundle.path.name,
        name=manifest.name,
        precision=manifest.precision,
        input_size=manifest.input_size,
        grid=manifest.grid,
        sha256=bundle.sha256,
        load_ms=load_ms,
        calibration=dict(manifest.metrics),
    )


def scenario_result(run: Run, states: Sequence[State], soak: bool = False) -> ScenarioResult:
    """The figures of a run, beside the machine while it lasted."""
    watts = mean_power(tuple(states))
    fps, interval = _throughput(run)
    kept = np.unique(np.linspace(0, len(run.latency_ms) - 1, min(len(run.latency_ms), MOST_SAMPLES)).astype(int))
    worst = np.argsort(run.latency_ms)[::-1][:_SLOWEST]
    return ScenarioResult(
        scenario=run.scenario,
        fps=run.fps,
        runs=len(run.latency_ms),
        dropped=run.dropped,
        seconds=round(run.seconds, 4),
        warm_up=run.warm_up,
        latency=summarise(run.latency_ms),
        stages={name: summarise(run.stage(name)) for name in STAGES},
        throughput_fps=fps,
        throughput_interval=interval,
        joules_per_frame=None if watts is None else watts * run.seconds / len(run.latency_ms),
        t_s=_rounded(run.started_s[kept]),
        latency_ms=_rounded(run.latency_ms[kept]),
        slowest=tuple((round(float(run.started_s[i]), 4), round(float(run.latency_ms[i]), 4)) for i in worst),
        states=tuple(states),
        soak=_soak(run, states) if soak else None,
        failure=None if run.failure is None else without_folders(run.failure),
        interrupted=run.interrupted or run.failure is not None,
    )


def clock_step_ns(tries: int = 1000) -> int:
    """The smallest step that the clock was seen to take."""
    reads = [time.perf_counter_ns() for _ in range(tries)]
    return min((b - a for a, b in itertools.pairwise(reads) if b > a), default=0)


def notes_on(scenarios: Sequence[ScenarioResult], frames: Frames, machine: Machine) -> tuple[str, ...]:
    """What a reader must know beside the figures."""
    notes = [*frames.notes]
    for each in scenarios:
        name = scenario_name(each)
        notes += [f"{name}: {sentence}" for sentence in (*unclaimed(each.runs), *unsteady(each.states))]
        if not each.warm_up.steady:
            notes.append(
                f"{name}: The latency was not steady after {each.warm_up.runs} warm-up frames: the figures are rough."
            )
        if each.failure is not None:
            notes.append(f"{name}: The model failed after {each.runs} frames: {each.failure}")
        elif each.interrupted:
            notes.append(f"{name}: Interrupted after {each.runs} runs.")
    if machine.load_average is not None and machine.load_average[0] > machine.cores / 4:
        notes.append(
            f"The load average was {machine.load_average[0]:.1f} before the run: other work may have slowed it."
        )
    return tuple(notes)


def scenario_name(each: ScenarioResult) -> str:
    """Such as ``camera at 30 fps``."""
    name = each.scenario.replace("_", " ")
    return name if each.fps is None else f"{name} at {each.fps:g} fps"


def without_folders(text: str) -> str:
    """A sentence whose paths are cut to their last name, which names nobody."""
    return re.sub(r"[^\s'\"(]*[\\/]", "", text)


def unclaimed(runs: int) -> tuple[str, ...]:
    """A sentence for the percentiles that ``runs`` runs are too few for."""
    short = [p for p in PERCENTILES if runs < runs_needed(p)]
    if not short:
        return ()
    needs = ", ".join(f"p{p} needs {runs_needed(p)}" for p in short)
    return (f"{runs} runs are too few for some percentiles: {needs}.",)


def _throughput(run: Run) -> tuple[float, tuple[float, float] | None]:
    """Frames per second; under ``single_stream`` of the time at work, as what lies between frames is the harness's."""
    spent = run.stage("end_to_end") / 1000
    if run.scenario != "single_stream":
        ends = np.sort(run.started_s + spent)
        before = 0.0 if run.fps is None else ends[0] - 1 / run.fps  # a camera's first frame took a period too
        spent = np.diff(ends, prepend=before)
    rate = len(spent) / float(spent.sum())
    if len(spent) < 30:
        return rate, None
    low, high = bootstrap(spent, lambda drawn: np.asarray(1 / drawn.mean(axis=-1)))
    return rate, (float(low), float(high))


def _soak(run: Run, states: Sequence[State]) -> Soak:
    end = min(END_S, run.seconds / 2)
    first, last = run.started_s < end, run.started_s >= run.seconds - end
    early = [state for state in states if state.t_s <= end]
    return Soak(
        seconds=round(run.seconds, 1),
        first=summarise(run.latency_ms[first]),
        last=summarise(run.latency_ms[last]),
        first_state=early[-1] if early else None,
        last_state=states[-1] if states else None,
    )


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    """To a tenth of a microsecond, which keeps the file small."""
    return tuple(round(float(value), 4) for value in values)
