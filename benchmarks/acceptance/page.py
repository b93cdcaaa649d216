"""An acceptance as JSON, as a page of its own, and as a row of a table; nothing in any of them names its owner."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.acceptance.judge import late
from benchmarks.acceptance.result import Acceptance, Form
from benchmarks.machine.sensors import known
from benchmarks.report.charts import histogram, timeline
from benchmarks.report.lines import cells, machine_lines, scenario_lines
from benchmarks.report.printed import rows
from benchmarks.report.submission import personal_in
from benchmarks.run.latency import PERCENTILES
from benchmarks.run.watch import State
from trainer.charts import new_chart, to_svg
from trainer.pages import render

# The table of docs/benchmarks.md, where each board has a row.
HEADER = (
    "board", "system, power mode", "engine", "INT8 frame, p50 / p99 ms", "FP16 frame, p50 / p99 ms",
    "INT8 / FP16 inference, p50 ms", "33 ms at 30 frames/s", "session: dropped, p99 to hint", "hottest", "power",
    "memory", "verdict",
)  # fmt: skip
_STEADY = 2  # minutes, from which memory no longer grows by what is loaded first
Tree = TypeVar("Tree")


def scrubbed(found: Tree, field: str = "") -> Tree:
    """The same without texts that name a folder, a machine or its owner; what was left out says so."""
    if isinstance(found, str):
        what = personal_in(found, field)
        return found if what is None else f"[left out: it holds {what}]"  # type: ignore[return-value]
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        fields = {each.name: getattr(found, each.name) for each in dataclasses.fields(found) if each.init}
        return dataclasses.replace(found, **{name: scrubbed(value, name) for name, value in fields.items()})
    if isinstance(found, dict):
        return {scrubbed(name): scrubbed(value, name) for name, value in found.items()}  # type: ignore[return-value]
    if isinstance(found, (list, tuple)):
        return type(found)(scrubbed(each, field) for each in found)
    return found


def to_json(found: Acceptance) -> str:
    """The acceptance as a JSON object; a figure that was not measured is null."""
    return json.dumps(dataclasses.asdict(found), indent=1, allow_nan=False)


def to_html(found: Acceptance) -> str:
    """The acceptance as a page without script, font or picture from elsewhere."""
    return render(
        Path(__file__).with_name("page.html"),
        found=found,
        header=("milliseconds", *(f"p{p}" for p in PERCENTILES), "slowest", "p90, 95 % interval"),
        rows=rows,
        cells=cells,
        late=late,
        scenario_lines=scenario_lines,
        histogram=histogram,
        timeline=timeline,
        over_time=over_time,
        board=machine_lines(found.machine),
        session=session_lines(found),
        form_lines=form_lines,
    )


def form_lines(form: Form) -> list[tuple[str, str]]:
    """How a form was built and verified."""
    lines = {}
    if form.build_s is not None and form.engine_mib is not None:
        lines["engine"] = f"built in {form.build_s:.1f} s, {form.engine_mib:.1f} MiB"
    if form.verified:
        lines["verified"] = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in form.verified.items())
    if form.deadline is not None:
        lines["deadline"] = f"{form.deadline.answer}: {late(form.deadline)}"
    if form.peak_mib is not None:
        lines["peak memory"] = f"{form.peak_mib:.0f} MiB"
    if form.error is not None:
        lines["failed"] = form.error
    return list(lines.items())


def session_lines(found: Acceptance) -> list[tuple[str, str]]:
    """What the live session was like."""
    session = found.session
    if session is None:
        return []
    lines = {"session": f"{session.source}, {session.minutes:g} minutes, with page, film and automatic capture"}
    if session.error is not None:
        lines["failed"] = session.error
    if (live := session.live) is not None:
        lines["frames"] = f"{live.graded} graded, {live.dropped} dropped, {live.fps:.1f} a second"
        lines["frame to hint"] = _three(live.hint_ms)
        if live.pictures:
            lines["frame to page"] = f"{_three(live.picture_ms)}, {live.pictures} pictures"
        if live.memory_mib is not None and live.slope_mib is not None:
            grows = f", growing by {live.slope_mib:.2f} MiB a minute" if session.minutes >= _STEADY else ""
            lines["memory"] = f"{live.memory_mib:.0f} MiB{grows}"
    for label, values, unit in _sensors(session.states):
        lines[label] = f"{min(values):.1f} to {max(values):.1f} {unit}"
    return list(lines.items())


def over_time(states: Iterable[State]) -> str | None:
    """What the sensors said during the session, each from its own 0; None where there are none."""
    states = tuple(states)
    figure, axes = new_chart(870, 200)
    axes.set(xlabel="seconds")
    axes.get_yaxis().set_visible(False)
    colours = iter(("#c0392b", "#1f5fa8", "#2e8b57"))
    shown = 0
    for label, values, unit in _sensors(states):
        own = axes if not shown else axes.twinx()
        times = [state.t_s for state in states][: len(values)]
        own.plot(times, values, color=next(colours), label=f"{label} {min(values):.1f} to {max(values):.1f} {unit}")
        own.set(ylim=(0, 1.05 * max(values) or 1))
        own.set_axis_off() if shown else None
        shown += 1
    if not shown:
        return None
    figure.legend(loc="outside upper right", ncols=3, frameon=False, fontsize="small")
    return to_svg(figure, "temperature, power and memory over the session")


def table_row(found: Acceptance) -> list[str]:
    """The cells of ``HEADER``."""
    by_name = {form.name: form for form in found.forms}
    first, half = found.forms[0], by_name.get("FP16")
    machine, session = found.machine, found.session
    states = session.states if session else ()
    live = session.live if session else None
    sensors = {label: f"{max(values):.1f} {unit}" for label, values, unit in _sensors(states)}
    deadline = first.deadline
    return [
        machine.device or machine.cpu,
        f"{machine.jetson_linux or machine.os}, {machine.power_mode or '-'}",
        f"{first.engine.get('runtime', '-')} {first.engine.get('version', '').split('-')[0]}",
        _frame(first),
        _frame(half),
        f"{_inference(first)} / {_inference(half)}",
        "-" if deadline is None else f"{deadline.answer}, {deadline.missed} of {deadline.frames} late",
        "-" if live is None else f"{live.dropped} of {live.graded + live.dropped}, {live.hint_ms[1]:.1f} ms",
        sensors.get("temperature", "-"),
        sensors.get("power", "-"),
        "-" if live is None or live.memory_mib is None else f"{live.memory_mib:.0f} MiB",
        found.verdict,
    ]  # fmt: skip


def _sensors(states: Iterable[State]) -> list[tuple[str, list[float], str]]:
    """The sensors that gave something, each with its values and its unit."""
    states = tuple(states)
    each: tuple[tuple[str, list[float | None], str], ...] = (
        ("temperature", [state.temperature_c for state in states], "C"),
        ("power", [state.power_w for state in states], "W"),
        ("device memory", [state.device_memory_mib for state in states], "MiB"),
    )
    return [(label, known(values), unit) for label, values, unit in each if known(values)]


def _frame(form: Form | None) -> str:
    if form is None or not form.scenarios:
        return "-"
    times: Any = form.scenarios[-1].latency
    return " / ".join("-" if value is None else f"{value:.2f}" for value in (times.p50_ms, times.p99_ms))


def _inference(form: Form | None) -> str:
    value = form.scenarios[0].stages["inference"].p50_ms if form is not None and form.scenarios else None
    return "-" if value is None else f"{value:.2f}"


def _three(values: tuple[float, float, float]) -> str:
    return f"{values[0]:.1f} ms p50, {values[1]:.1f} ms p99, {values[2]:.1f} ms at most"
