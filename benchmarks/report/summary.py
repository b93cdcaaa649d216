"""From runs to the figures of a result, and the notes on them."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine.machine import Machine
from benchmarks.machine.sensors import mean
from benchmarks.report.result import END_S, MOST_SAMPLES, ModelFacts, ScenarioResult, Soak
from benchmarks.run.deadline import Deadline, judge
from benchmarks.run.frames import BenchFrames
from benchmarks.run.latency import PERCENTILES, STAGES, runs_needed, summarise
from benchmarks.run.scenarios import Run
from benchmarks.run.watch import State, unsteady
from edge import QualityModel
from edge.metrics.intervals import bootstrap

_SLOWEST = 20
_EXPECTED = 99  # percentile that a short run is expected to have; a rarer one is missed by nobody


def model_facts(model: QualityModel, load_ms: float) -> ModelFacts:
    """What the bundle's manifest states."""
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


def scenario_result(
    run: Run, states: Sequence[State], soak: bool = False, deadline: Deadline | None = None
) -> ScenarioResult:
    """The figures of a run, and the states of the machine during it."""
    watts = mean(state.power_w for state in states)
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
        deadline=None if deadline is None else judge(run.late(deadline.ms), deadline),
    )


def clock_step_ns(tries: int = 1000) -> int:
    """The smallest step that the clock was seen to take."""
    reads = [time.perf_counter_ns() for _ in range(tries)]
    return min((b - a for a, b in itertools.pairwise(reads) if b > a), default=0)


def notes_on(scenarios: Sequence[ScenarioResult], frames: BenchFrames, machine: Machine | None) -> tuple[str, ...]:
    """Warnings and limits of the figures; None for a machine that was judged before."""
    notes = [*frames.notes]
    for each in scenarios:
        name = each.title
        notes += [f"{name}: {sentence}" for sentence in (*unclaimed(each.runs), *unsteady(each.states))]
        if not each.warm_up.steady:
            notes.append(
                f"{name}: The latency was not steady after {each.warm_up.runs} warm-up frames: the figures are rough."
            )
        if each.failure is not None:
            notes.append(f"{name}: The model failed after {each.runs} frames: {each.failure}")
        elif each.interrupted:
            notes.append(f"{name}: Interrupted after {each.runs} runs.")
    if machine is not None and machine.load_average is not None and machine.load_average[0] > machine.cores / 4:
        notes.append(
            f"The load average was {machine.load_average[0]:.1f} before the run: other work may have slowed it."
        )
    return tuple(notes)


def without_folders(text: str) -> str:
    """A sentence whose paths are cut to their last name, without personal names."""
    return re.sub(r"[^\s'\"(]*[\\/]", "", text)


def unclaimed(runs: int) -> tuple[str, ...]:
    """A sentence for the percentiles that ``runs`` runs are too few for."""
    short = [p for p in PERCENTILES if p <= _EXPECTED and runs < runs_needed(p)]
    if not short:
        return ()
    needs = ", ".join(f"p{p} needs {runs_needed(p)}" for p in short)
    return (f"{runs} runs are too few for some percentiles: {needs}.",)


def _throughput(run: Run) -> tuple[float, tuple[float, float] | None]:
    """Frames per second; under ``single_stream`` of the time at work, without the harness's gaps."""
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
