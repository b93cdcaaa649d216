"""The three forms of a result: JSON for machines, a table for people, Markdown for a page."""

from __future__ import annotations

import dataclasses
import json

from rich.console import Console
from rich.table import Table

from benchmarks.latency import PERCENTILES, Summary
from benchmarks.machine import Machine
from benchmarks.reference import Comparison
from benchmarks.result import Result

_TITLES = {
    "frame_step": "frame step (find, crop, resize, normalise)",
    "inference": "inference",
    "post": "post-processing (pool, decide)",
    "end_to_end": "end to end",
}


def to_json(result: Result) -> str:
    """The result as a JSON object; a figure that was not measured is null."""
    return json.dumps(dataclasses.asdict(result), indent=2, allow_nan=False)


def print_table(result: Result, console: Console) -> None:
    """The result for people."""
    table = Table(title=_headline(result), title_justify="left")
    table.add_column("milliseconds")
    for percentile in PERCENTILES:
        table.add_column(f"p{percentile}", justify="right")
    for name, summary in result.stages.items():
        table.add_row(_TITLES[name], *_cells(summary), style="bold" if name == "end_to_end" else None)
    console.print(table)
    for label, text in _lines(result):
        console.print(f"{label}: {text}", markup=False, emoji=False)


def to_markdown(result: Result) -> str:
    """The result as a section to paste into a page or a pull request."""
    lines = [f"### {_headline(result)}", "", f"{result.date}, `{result.command}`", ""]
    lines += ["| milliseconds | " + " | ".join(f"p{p}" for p in PERCENTILES) + " |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {_TITLES[name]} | " + " | ".join(_cells(summary)) + " |" for name, summary in result.stages.items()]
    lines += ["", *(f"- {label}: {text}" for label, text in _lines(result) if label not in ("date", "command"))]
    return "\n".join(lines)


def _headline(result: Result) -> str:
    stopped = " (interrupted)" if result.interrupted else ""
    sizes = result.frames.sizes[0] if len(result.frames.sizes) == 1 else f"{len(result.frames.sizes)} sizes"
    return f"{result.model.name}, {result.model.precision}: {result.runs} frames of {sizes}{stopped}"


def _cells(summary: Summary) -> list[str]:
    values = (summary.p50_ms, summary.p90_ms, summary.p99_ms)
    return ["-" if value is None else f"{value:.2f}" for value in values]


def _lines(result: Result) -> list[tuple[str, str]]:
    """Everything but the percentiles, as label and text."""
    memory, warm = result.memory, result.warm_up
    lines = [("throughput", f"{result.throughput_fps:.1f} frames/s, one after the other")]
    if memory.peak_mib is not None and memory.before_model_mib is not None:
        lines.append(("peak memory", f"{memory.peak_mib:.0f} MiB ({memory.before_model_mib:.0f} MiB before the model)"))
    state = "steady" if warm.steady else "not steady"
    lines.append(("warm-up", f"{warm.runs} frames, {state}; first frame {warm.first_ms:.1f} ms"))
    lines.append(("model", f"{result.model.file}, loaded in {result.model.load_ms:.0f} ms"))
    lines.append(("frames", f"{result.frames.count} of {result.frames.source}"))
    if result.reference is not None:
        lines += _reference_lines(result.reference)
    lines += _machine_lines(result.machine)
    lines += [("date", result.date), ("command", result.command)]
    return lines + [("note", note) for note in result.notes]


def _reference_lines(reference: Comparison) -> list[tuple[str, str]]:
    return [
        ("reference", reference.reference),
        (
            "frame to map, in turns",
            f"ours {reference.ours_ms:.2f} ms ({reference.ours_runs} runs), "
            f"reference {reference.reference_ms:.1f} ms ({reference.reference_runs} runs)",
        ),
        (
            "times faster",
            f"{reference.times_faster:.0f} (95 % interval {reference.low:.0f} to {reference.high:.0f})"
            + (" interrupted" if reference.interrupted else ""),
        ),
    ]


def _machine_lines(machine: Machine) -> list[tuple[str, str]]:
    cpu = f"{machine.cpu}, cores {machine.cores}, threads {machine.threads}"
    if machine.governor is not None:
        cpu += f", governor {machine.governor}"
    lines = [("device", machine.device)] if machine.device is not None else []
    lines.append(("cpu", cpu))
    lines.append(("engine", ", ".join(f"{key} {value}" for key, value in machine.engine.items())))
    lines.append(("frame step", machine.frame_step))
    lines.append(
        (
            "software",
            f"efiqa-edge {machine.efiqa_edge}, {machine.os}, kernel {machine.kernel}, Python {machine.python}, "
            f"numpy {machine.numpy}, OpenCV {machine.opencv}",
        )
    )
    if machine.load_average is not None:
        lines.append(("load average before", " ".join(f"{value:.2f}" for value in machine.load_average)))
    return lines
