"""What an acceptance of a board found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from benchmarks.machine.machine import Machine
from benchmarks.report.result import FrameFacts, Many, ModelFacts, ScenarioResult
from benchmarks.run.deadline import Answer, DeadlineVerdict
from benchmarks.run.session import Live
from benchmarks.run.watch import State

SCHEMA: Literal[1] = 1  # of the JSON


@dataclass(frozen=True)
class Form:
    """One form of the network on this board.

    Attributes:
        name: ``INT8`` (or ``FP32``), the one of the bundle, which is accepted; ``FP16``, what it has to beat.
        engine: runtime, version, device and the like.
        build_s: to build the engine, from nothing.
        engine_mib: its size.
        verified: how its maps compare with the golden ones, see ``edge.engines.verify``; empty where it does not run.
        scenarios: one after the other, and at a camera's pace.
        deadline: on the latter; None where it was not measured.
        peak_mib: the most resident memory of the process while this form was timed.
        error: why it was not measured, or not to its end.
    """

    name: str
    engine: dict[str, str]
    build_s: float | None
    engine_mib: float | None
    verified: dict[str, Any]
    scenarios: Many[ScenarioResult]
    deadline: DeadlineVerdict | None
    peak_mib: float | None
    error: str | None


@dataclass(frozen=True)
class Session:
    """A live session with its page, film and automatic capture.

    Attributes:
        source: ``demo``, or ``camera`` for one that was named.
        minutes: asked for.
        live: its figures; None where it failed.
        states: the board while it ran; what other work did cannot be told from the session's own.
        error: why it failed.
    """

    source: str
    minutes: float
    live: Live | None
    states: Many[State]
    error: str | None


@dataclass(frozen=True)
class Acceptance:
    """An acceptance.

    Attributes:
        verdict: ``PASS``: all was measured and good; ``FAIL``; ``INCONCLUSIVE``: a part is missing
            or too short.
        reasons: why it is not a PASS, one sentence each.
        command: what was run, without personal paths.
        date: UTC, ISO 8601.
        session: None where it was not reached.
        notes: warnings and limits of the figures, one sentence each.
        interrupted: Ctrl-C ended it early.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    verdict: Answer
    reasons: Many[str]
    command: str
    date: str
    model: ModelFacts
    frames: FrameFacts
    forms: Many[Form]
    session: Session | None
    machine: Machine
    notes: Many[str]
    interrupted: bool
    schema: Literal[1] = SCHEMA
