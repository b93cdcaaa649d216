"""The tables of speed in docs/benchmarks.md, as Markdown between two comments of the page."""

from __future__ import annotations

from pathlib import Path

from benchmarks.compare.ab_test import CALLS
from benchmarks.compare.check import Checked
from benchmarks.machine.machine import Machine
from benchmarks.peers.measure import PeerTime
from benchmarks.peers.published import Comparison
from benchmarks.report.result import ScenarioResult, scenario_name
from benchmarks.roofline.ceilings import Ceilings, Roofline, least_ms
from benchmarks.roofline.predict import Prediction, check, off_by_unseen
from benchmarks.run.frames import Frames
from benchmarks.run.latency import Summary
from edge.bundle.bundle import Manifest
from edge.errors import EdgeError
from edge.files.given import read_given
from edge.files.output import write_output

BEGIN, END = "<!-- speed: written by edge-bench tables -->", "<!-- end of speed -->"
UNFINISHED = "*This run was cut short: what should stand here was not measured.*"


def read_page(page: Path) -> str:
    """The page, before anything is measured for it.

    Raises:
        EdgeError: it cannot be read, or lacks the comments.
    """
    try:
        text = read_given(page, 8).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EdgeError(f"{page} cannot be read ({error}): name a page of Markdown") from error
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise EdgeError(f"{page} has no place for the tables: put the lines '{BEGIN}' and '{END}' into it")
    return text


def put_into(page: Path, tables: str) -> None:
    """Replace what stands between the comments, and leave all else as it is by now."""
    text = read_page(page)
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    try:
        write_output(page, f"{before}{BEGIN}\n\n{tables}\n\n{after}".encode())
    except OSError as error:
        raise EdgeError(f"{page} cannot be written ({error.strerror}): close it, or free the disk") from error


def headline(manifest: Manifest, machine: Machine, frames: Frames, date: str) -> str:
    """When, on what, with what."""
    engine = f"{machine.engine['runtime']} {machine.engine['version'].split('-')[0]}"
    return (
        f"{date}, {machine.cpu}, {machine.cores} cores, {machine.threads} threads, {engine}, frame step "
        f"{machine.frame_step}; `{manifest.name}`, {manifest.precision}, frames of {frames.sizes[0]}."
    )


def scenario_table(scenarios: tuple[ScenarioResult, ...]) -> str:
    """A row for each scenario: what it counts, and the time at work, so that paced and tight loops can be compared."""
    lines = [
        "| scenario | latency p50/p90/p99, ms | p90, 95 % interval | at work p50/p90/p99, ms | frame step, inference, "
        "post p50, ms | frames/s | dropped |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in scenarios:
        low, high = each.latency.intervals["p90_ms"]
        stages = ", ".join(_ms(each.stages[name].p50_ms) for name in ("frame_step", "inference", "post"))
        lines.append(
            f"| {scenario_name(each)} | {_three(each.latency)} | {low:.2f} to {high:.2f} | "
            f"{_three(each.stages['end_to_end'])} | {stages} | {each.throughput_fps:.1f} | "
            f"{each.dropped} of {each.runs + each.dropped} |"
        )
    return "\n".join(lines)


def roofline_table(roofline: Roofline) -> str:
    """The whole network and each layer beside what this processor can do."""
    top = roofline.ceilings
    lines = [
        f"**Roofline**: {roofline.mops:.0f} million operations, {roofline.least_kib:.0f} KiB at the least. Ceilings "
        f"measured in the same run: copying {top.copy_gb_s:.1f} GB/s, INT8 {top.int8_gops:.0f} and float "
        f"{top.float_gops:.0f} billion operations/s. At the ceilings {roofline.least_ms:.2f} ms, "
        f"measured {roofline.measured_ms:.2f} ms: "
        f"{roofline.times_over:.2f} times; {roofline.other_ms:.2f} ms of it outside convolutions.",
        "",
        "| layer | million operations | KiB | measured, ms | at the ceiling, ms | bound by |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    lines += [
        f"| {layer.name.removeprefix('/student/').removesuffix('/Conv')} | {layer.mops:.1f} | {layer.kib:.0f} | "
        f"{layer.ms:.3f} | {layer.least_ms:.3f} | {layer.bound} |"
        for layer in roofline.layers
    ]
    return "\n".join(lines)


def prediction_table(predictions: list[Prediction]) -> str:
    """Ranges for devices that are not here, and how far off the predictor is where a latency is published."""
    lines = [
        "**Predicted, not measured**: inference on devices that are not here",
        "",
        "| device | predicted range, ms | likeliest, ms |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {each.device} | {each.low_ms:.2f} to {each.high_ms:.2f} | {each.middle_ms:.2f} |" for each in predictions
    ]
    lines += [
        "",
        "The predictor against latencies that others published for an Orin Nano. Its shares were fitted to all six; "
        "the last column is the error where they are fitted to the other two networks alone.",
        "",
        "| network | precision | published, ms | predicted range, ms | likeliest, ms | off by | off by, unseen |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = check()
    for row in rows:
        unseen = off_by_unseen(row, rows)
        lines.append(
            f"| {row.network} | {row.precision} | {row.published_ms:.3f} | {row.low_ms:.2f} to {row.high_ms:.2f} | "
            f"{row.middle_ms:.3f} | {(row.off_by - 1) * 100:.0f} % | {(unseen - 1) * 100:.0f} % |"
        )
    return "\n".join(lines)


def reference_table(compared: Comparison) -> str:
    """Ours beside the paper's inference, from frame to map."""
    return (
        "| frame to map, in turns | p50, ms | runs |\n| --- | --- | --- |\n"
        f"| ours | {compared.ours_ms:.2f} | {compared.ours_runs} |\n"
        f"| {compared.reference} | {compared.reference_ms:.1f} | {compared.reference_runs} |\n\n"
        f"Ours is {compared.times_faster:.0f} times faster (95 % interval {compared.low:.0f} to {compared.high:.0f})."
    )


def peer_table(rows: tuple[PeerTime, ...], ceilings: Ceilings) -> str:
    """Ours beside its peers on the same engine, and each beside what this processor can do."""
    lines = [
        "| inference alone, OpenVINO, in turns | billion multiplications | p50, ms | at the ceilings, ms | times ours "
        "(95 % interval) |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for number, row in enumerate(rows):
        times = f"{row.times:.1f} ({row.low:.1f} to {row.high:.1f})" if number else "1"
        work = sum(layer.macs for layer in row.layers) / 1e9
        least = least_ms(row.layers, ceilings)
        lines.append(f"| {row.title} | {work:.2f} | {row.ms:.2f} | {least:.2f} | {times} |")
    return "\n".join(lines)


def _three(summary: Summary) -> str:
    return "/".join(_ms(value) for value in (summary.p50_ms, summary.p90_ms, summary.p99_ms))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def check_table(found: Checked, share: float, rounds: int) -> str:
    """How often compare was right about pairs of equals and of unequals."""
    return (
        f"**edge-bench compare** on the model and itself, and on itself made {share:.0%} slower\n\n"
        "| called different | slowdown found | calls of each in a pair | a pair, s |\n| --- | --- | --- | --- |\n"
        f"| {found.called_different} of {found.equals} | {found.found} of {found.planted} | {rounds} x {CALLS} | "
        f"{found.seconds:.1f} |"
    )
