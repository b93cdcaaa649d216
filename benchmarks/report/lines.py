"""What a report says beside its tables: a label and a text for each."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.machine.machine import Machine
from benchmarks.peers.published import Comparison
from benchmarks.report.result import END_S, Result, ScenarioResult, Soak
from benchmarks.roofline.ceilings import Roofline
from benchmarks.roofline.predict import Prediction
from benchmarks.run.latency import Summary
from benchmarks.run.watch import State


def cells(summary: Summary) -> list[str]:
    """Percentiles, the slowest and the interval of the p90, as a table shows them."""
    values = (summary.p50_ms, summary.p90_ms, summary.p99_ms, summary.max_ms)
    ends = summary.intervals.get("p90_ms")
    return ["-" if value is None else f"{value:.2f}" for value in values] + [
        "-" if ends is None else f"{ends[0]:.2f} to {ends[1]:.2f}"
    ]


def scenario_lines(each: ScenarioResult) -> list[tuple[str, str]]:
    """What stands below the table of one scenario."""
    ends = each.throughput_interval
    rate = f"{each.throughput_fps:.1f} frames/s" + (f" (95 % interval {ends[0]:.1f} to {ends[1]:.1f})" if ends else "")
    if each.scenario == "camera":
        rate += f", {each.dropped} of {each.runs + each.dropped} frames dropped"
    lines = [("throughput", rate)]
    warm = each.warm_up
    state = "steady" if warm.steady else "not steady"
    lines.append(("warm-up", f"{warm.runs} frames, {state}; first frame {warm.first_ms:.1f} ms"))
    if each.joules_per_frame is not None:
        lines.append(("energy", f"{each.joules_per_frame:.3f} J a frame, of all that the power sensor feeds"))
    if each.states and (said := _state(each.states[-1])):
        lines.append(("machine at the end", said))
    return lines + (_soak_lines(each.soak) if each.soak is not None else [])


def _soak_lines(soak: Soak) -> list[tuple[str, str]]:
    end = "minute" if soak.seconds >= 2 * END_S else f"{soak.seconds / 2:.0f} s"
    rows = ((f"first {end}", soak.first, soak.first_state), (f"last {end}", soak.last, soak.last_state))
    return [
        (name, " / ".join(cells(summary)[:3]) + " ms (p50/p90/p99)" + (f"; {_state(state)}" if state else ""))
        for name, summary, state in rows
    ]


def _state(state: State) -> str:
    known = (
        (state.cpu_mhz, "CPU {:.0f} MHz"),
        (state.gpu_mhz, "GPU {:.0f} MHz"),
        (state.temperature_c, "{:.0f} C"),
        (state.power_w, "{:.1f} W"),
        (state.others, "other work on {:.1f} processors"),
        (state.device_memory_mib, "device memory {:.0f} MiB"),
    )
    return ", ".join(words.format(value) for value, words in known if value is not None)


def lines_beside(result: Result) -> list[tuple[str, str]]:
    """Everything that is not of one scenario, as label and text."""
    memory, model = result.memory, result.model
    lines = _pacing_lines(result.scenarios)
    if memory.peak_mib is not None and memory.before_model_mib is not None:
        lines.append(("peak memory", f"{memory.peak_mib:.0f} MiB ({memory.before_model_mib:.0f} MiB before the model)"))
    if memory.device_mib is not None:
        lines.append(("peak device memory", f"{memory.device_mib:.0f} MiB, of all processes"))
    lines.append(("model", f"{model.file}, loaded in {model.load_ms:.0f} ms"))
    if model.calibration:
        lines.append(
            ("from calibration", ", ".join(f"{name} {value:.4g}" for name, value in model.calibration.items()))
        )
    if result.accuracy is not None:
        apart = result.accuracy
        lines.append(
            (
                f"against {apart.against}",
                f"map mean abs difference {apart.map_mae:.4f}, score at most {apart.score_max:.4f}, "
                f"verdicts that differ {apart.verdict_flips} of {apart.frames}",
            )
        )
    lines += [
        (f"around the model, {name}", " / ".join(cells(summary)[:3]) + " ms (p50/p90/p99)")
        for name, summary in result.around.items()
    ]
    lines.append(("frames", f"{result.frames.count} of {result.frames.source}"))
    lines += _roofline_lines(result.roofline) if result.roofline is not None else []
    lines += [_prediction_line(each) for each in result.predictions]
    lines += _reference_lines(result.reference) if result.reference is not None else []
    lines += _machine_lines(result.machine)
    lines.append(("clock", f"steps of {result.clock_ns} ns"))
    lines += [("date", result.date), ("command", result.command)]
    return lines + [("note", note) for note in result.notes]


def _pacing_lines(scenarios: Sequence[ScenarioResult]) -> list[tuple[str, str]]:
    """A camera's gaps beside a tight loop of the same run: how much slower the work is, and what the clocks did."""
    tight = next((each for each in scenarios if each.scenario == "single_stream"), None)
    alone = tight.stages["end_to_end"].p50_ms if tight is not None else None
    lines = []
    for each in scenarios:
        paced = each.stages["end_to_end"].p50_ms
        if each.scenario == "camera" and tight is not None and alone and paced:
            said = f"the same work takes {paced / alone:.2f} times as long"
            for name, before, after in (
                ("CPU", _mean([s.cpu_mhz for s in tight.states]), _mean([s.cpu_mhz for s in each.states])),
                ("GPU", _mean([s.gpu_mhz for s in tight.states]), _mean([s.gpu_mhz for s in each.states])),
            ):
                if before and after:
                    said += f"; {name} clock {before:.0f} MHz in the loop and {after:.0f} MHz at this pace"
            lines.append((f"{each.title} beside single stream", said))
    return lines


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _roofline_lines(roofline: Roofline) -> list[tuple[str, str]]:
    top = roofline.ceilings
    furthest = sorted(roofline.layers, key=lambda layer: layer.least_ms - layer.ms)[:3]
    return [
        (
            "ceilings",
            f"copying {top.copy_gb_s:.1f} GB/s, INT8 {top.int8_gops:.0f} and float {top.float_gops:.0f} "
            "billion operations/s, all measured here",
        ),
        (
            "roofline",
            f"{roofline.mops:.0f} million operations and {roofline.least_kib:.0f} KiB at the least: "
            f"{roofline.least_ms:.2f} ms; inference took {roofline.measured_ms:.2f} ms, {roofline.times_over:.1f} "
            f"times that, of which {roofline.other_ms:.2f} ms outside convolutions and matrix products",
        ),
        (
            "furthest from the roofline",
            "; ".join(f"{layer.name} {layer.ms:.2f} ms ({layer.least_ms:.2f} by {layer.bound})" for layer in furthest),
        ),
    ]


def _prediction_line(each: Prediction) -> tuple[str, str]:
    return (
        f"predicted, not measured, {each.device}",
        f"inference {each.low_ms:.2f} to {each.high_ms:.2f} ms, likeliest {each.middle_ms:.2f}; up to "
        f"{(each.off_by - 1) * 100:.0f} % off where others have published a latency ({each.source})",
    )


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
    if machine.jetson_linux is not None:
        lines.append(("Jetson Linux", f"{machine.jetson_linux}, power mode {machine.power_mode or 'not known'}"))
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
