"""What one run of edge-bench yields."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.frames import Frames
from benchmarks.latency import PERCENTILES, Measurement, Summary, WarmUp, runs_needed
from benchmarks.machine import Machine
from benchmarks.reference import Comparison
from edge import QualityModel

SCHEMA = 1  # of the JSON; a reader refuses another


@dataclass(frozen=True)
class ModelFacts:
    """The bundle that was timed; ``file`` is its name without the way to it."""

    file: str
    name: str
    precision: str
    input_size: int
    grid: int
    sha256: str
    load_ms: float


@dataclass(frozen=True)
class FrameFacts:
    """The frames that were graded."""

    source: str
    count: int
    sizes: tuple[str, ...]


@dataclass(frozen=True)
class Memory:
    """Peak resident memory of the process in MiB, the model's runs included, the reference's not."""

    before_model_mib: float | None
    peak_mib: float | None


@dataclass(frozen=True)
class Result:
    """One run of edge-bench.

    Attributes:
        command: what was run, without personal paths.
        date: UTC, ISO 8601.
        stages: percentiles of each of ``latency.STAGES``.
        throughput_fps: frames per second, one after the other.
        reference: None where it was not run; ``notes`` says why.
        notes: what a reader must know beside the figures, one sentence each.
        interrupted: Ctrl-C ended the run early; the figures are those until then.
    """

    command: str
    date: str
    model: ModelFacts
    frames: FrameFacts
    warm_up: WarmUp
    runs: int
    stages: dict[str, Summary]
    throughput_fps: float
    memory: Memory
    reference: Comparison | None
    machine: Machine
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
    )


def notes_on(measured: Measurement, frames: Frames, machine: Machine) -> tuple[str, ...]:
    """What a reader must know beside the figures."""
    runs, warm = len(measured.samples_ms), measured.warm_up
    notes = [*frames.notes, *unclaimed(runs)]
    if not warm.steady:
        notes.append(f"The latency was not steady after {warm.runs} warm-up frames: the figures are rough.")
    if machine.load_average is not None and machine.load_average[0] > machine.cores / 4:
        notes.append(
            f"The load average was {machine.load_average[0]:.1f} before the run: other work may have slowed it."
        )
    if measured.interrupted:
        notes.append(f"Interrupted after {runs} runs.")
    return tuple(notes)


def unclaimed(runs: int) -> tuple[str, ...]:
    """A sentence for the percentiles that ``runs`` runs are too few for."""
    short = [p for p in PERCENTILES if runs < runs_needed(p)]
    if not short:
        return ()
    needs = ", ".join(f"p{p} needs {runs_needed(p)}" for p in short)
    return (f"{runs} runs are too few for some percentiles: {needs}.",)
