"""The scenarios to run, from the options of edge-bench."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

import typer

from benchmarks.run.deadline import Deadline, frames_to_pass
from benchmarks.run.scenarios import Limit, Plan

_RUNS = 1000
_CAMERA_RUNS = 300  # as many as a p99 needs: they arrive at their own pace, and take ten seconds at 30 fps
_LONGEST_S = 24 * 3600  # the times of all frames are kept in memory
_MISS = "0.1%"  # may miss a deadline, where nothing is said
_RAREST = 1e-5  # share that may miss: less takes longer to show than a day
_ALL_FPS = (15.0, 30.0, 60.0)


class Scenario(str, Enum):
    """What to wait for between frames; see ``benchmarks.run.scenarios``."""

    single = "single"
    offline = "offline"
    camera = "camera"
    all = "all"


def parse_duration(text: str) -> float:
    """``90s``, ``30m`` or ``2h`` -> seconds.

    Raises:
        typer.BadParameter: it is not that, or not from 10 seconds to 24 hours.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smh])", text.strip().lower())
    seconds = int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]] if match else 0
    if not 10 <= seconds <= _LONGEST_S:
        raise typer.BadParameter(f"{text!r} is not a duration from 10s to 24h: write such as 90s, 30m or 2h.")
    return float(seconds)


def parse_deadline(ms: float | None, miss: str | None) -> Deadline | None:
    """``33`` and ``0.1%`` -> what is asked for.

    Raises:
        typer.BadParameter: the share is none, or is given without a deadline.
    """
    if ms is None:
        if miss is not None:
            raise typer.BadParameter("--miss is the share that may miss a deadline: add --deadline.")
        return None
    return Deadline(ms, parse_miss(_MISS if miss is None else miss))


def parse_miss(text: str) -> float:
    """``0.1%`` -> 0.001, the share of frames that may miss a deadline.

    Raises:
        typer.BadParameter: it is no such share.
    """
    match = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]{1,6})?)%", text.strip())
    share = float(match[1]) / 100 if match else 0.0
    if not _RAREST <= share < 1:
        raise typer.BadParameter(f"--miss: {text!r} is not a share from 0.001% to 99%: write such as 0.1% or 1%.")
    return share


def plan(
    scenario: Scenario,
    fps: Sequence[float] | None,
    runs: int | None,
    soak_s: float | None,
    deadline: Deadline | None = None,
) -> list[Plan]:
    """What to run, in order; with a deadline at least as many frames as it takes to keep it without a miss.

    Raises:
        typer.BadParameter: ``--fps`` without a camera, or ``--soak`` with several scenarios.
    """
    cameras = scenario in (Scenario.camera, Scenario.all)
    if fps and not cameras:
        raise typer.BadParameter("--fps is the pace of a camera: add --scenario camera.")
    rates = list(fps or (_ALL_FPS if scenario is Scenario.all else (30.0,))) if cameras else []
    if soak_s is not None and (scenario is Scenario.all or len(rates) > 1):
        raise typer.BadParameter("--soak takes one scenario: choose --scenario single, offline or camera.")
    if soak_s is not None and runs is not None:
        raise typer.BadParameter("--soak runs by the clock and --runs by the frame: choose one.")
    soak = None if soak_s is None else Limit(seconds=soak_s)
    least = 0 if deadline is None else frames_to_pass(deadline.miss)
    many, few = (soak or Limit(runs=runs or max(usual, least)) for usual in (_RUNS, _CAMERA_RUNS))
    plans: list[Plan] = [
        (name, None, many, soak is not None)
        for name, choice in (("single_stream", Scenario.single), ("offline", Scenario.offline))
        if scenario in (choice, Scenario.all)
    ]
    return plans + [("camera", rate, few, soak is not None) for rate in rates]
