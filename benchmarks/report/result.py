"""The result of one run of edge-bench."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, FailFast, Field

from benchmarks.machine.machine import Machine
from benchmarks.peers.published import Comparison
from benchmarks.roofline.ceilings import Roofline
from benchmarks.roofline.predict import Prediction
from benchmarks.run.deadline import DeadlineVerdict
from benchmarks.run.latency import Summary, WarmUp
from benchmarks.run.watch import State

SCHEMA: Literal[2] = 2  # of the JSON; a reader refuses another
MOST_SAMPLES = 20_000  # kept in a result; of a longer run, evenly spaced ones
END_S = 60.0  # a soak compares its first minute with its last

Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], FailFast()]  # a hundred million wrong items are one error
Seconds = Annotated[float, Field(ge=0)]
Latency = Annotated[float, Field(gt=0, lt=1e9)]


def scenario_title(scenario: str, fps: float | None) -> str:
    """Such as ``camera at 30 fps``."""
    return scenario.replace("_", " ") + ("" if fps is None else f" at {fps:g} fps")


@dataclass(frozen=True)
class ModelFacts:
    """The bundle that was timed; ``file`` is its name without the folder.

    Attributes:
        load_ms: to read the bundle and load its engine; with the warm-up's first frame it is the cold start.
        calibration: figures of edge-calibrate, by name.
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
    sizes: Many[str]


@dataclass(frozen=True)
class Memory:
    """Peak resident memory of the process in MiB, the model's runs included, the reference's not; and the device's.

    Attributes:
        device_mib: the most that was in use on the GPU, or on a Jetson, by all processes; None where unknown.
    """

    before_model_mib: float | None
    peak_mib: float | None
    device_mib: float | None = None


@dataclass(frozen=True)
class Soak:
    """The ends of a long run.

    Attributes:
        seconds: how long it was.
        first, last: latency of its first and last minute, or half of a run shorter than two.
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
        joules_per_frame: None where power cannot be read. Includes everything the sensor measures, also while idle.
        t_s, latency_ms: when frames began and their latency, in order; ``MOST_SAMPLES`` at most, evenly spaced.
        slowest: (t_s, milliseconds) of the slowest frames, the worst first.
        states: the machine over time.
        soak: None for a short run.
        failure: the model's error where it failed in the middle.
        deadline: whether its frames were in time; None where none was asked for.
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
    t_s: Many[Seconds]
    latency_ms: Annotated[Many[Latency], Field(min_length=1)]
    slowest: Many[tuple[float, float]]
    states: Many[State]
    soak: Soak | None
    failure: str | None
    interrupted: bool
    deadline: DeadlineVerdict | None = None

    @property
    def title(self) -> str:
        """Such as ``camera at 30 fps``."""
        return scenario_title(self.scenario, self.fps)


@dataclass(frozen=True)
class Accuracy:
    """The model compared with another on the same frames, frame to score; see ``edge.metrics.parity.Parity``."""

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
        around: stages around the model, see ``benchmarks.run.stages``; empty where not asked for.
        clock_ns: the smallest step of the clock that everything was timed with.
        reference: None where it was not run; ``notes`` has the reason.
        notes: warnings and limits of the figures, one sentence each.
        interrupted: Ctrl-C or a failing model ended the run early; the figures are those until then.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    command: str
    date: str
    model: ModelFacts
    frames: FrameFacts
    scenarios: Many[ScenarioResult]
    around: dict[str, Summary]
    memory: Memory
    accuracy: Accuracy | None
    roofline: Roofline | None
    predictions: Many[Prediction]
    reference: Comparison | None
    machine: Machine
    clock_ns: int
    notes: Many[str]
    interrupted: bool
    schema: Literal[2] = SCHEMA
