"""The lines of a report beside its tables, each a label and a text."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.machine.machine import Machine
from benchmarks.machine.sensors import mean
from benchmarks.peers.published import Comparison
from benchmarks.report.result import END_S, Result, ScenarioResult
from benchmarks.roofline.ceilings import Roofline
from benchmarks.roofline.predict import FramePrediction, Prediction
from benchmarks.run.deadline import DeadlineVerdict
from benchmarks.run.latency import Summary
from benchmarks.run.watch import State


def cells(summary: Summary) -> list[str]:
    """Percentiles, the slowest and the interval of the p90, as a table shows them."""
    values = (summary.p50_ms, summary.p90_ms, summary.p99_ms, summary.p99_9_ms, summary.max_ms)
    ends = summary.intervals.get("p90_ms")
    return ["-" if value is None else f"{value:.2f}" for value in values] + [
        "-" if ends is None else f"{ends[0]:.2f} to {ends[1]:.2f}"
    ]


def scenario_lines(each: ScenarioResult) -> list[tuple[str, str]]:
    """The lines below the table of one scenario."""
    ends = each.throughput_interval
    rate = f"{each.throughput_fps:.1f} frames/s" + (f" (95 % interval {ends[0]:.1f} to {ends[1]:.1f})" if ends else "")
    if each.scenario == "camera":
        rate += f", {each.dropped} of {each.runs + each.dropped} frames dropped"
    warm = each.warm_up
    state = "steady" if warm.steady else "not steady"
    lines = {"throughput": rate, "warm-up": f"{warm.runs} frames, {state}; first frame {warm.first_ms:.1f} ms"}
    if each.deadline is not None:
        lines["deadline"] = _deadline(each.deadline)
    if each.joules_per_frame is not None:
        lines["energy"] = f"{each.joules_per_frame:.3f} J a frame, of all that the power sensor feeds"
    if each.states and (known := _state(each.states[-1])):
        lines["machine at the end"] = known
    if each.soak is not None:
        soak = each.soak
        end = "minute" if soak.seconds >= 2 * END_S else f"{soak.seconds / 2:.0f} s"
        lines[f"first {end}"] = _end_of_soak(soak.first, soak.first_state)
        lines[f"last {end}"] = _end_of_soak(soak.last, soak.last_state)
    return list(lines.items())


def _deadline(verdict: DeadlineVerdict) -> str:
    more = "" if verdict.needed is None else f"; some {verdict.needed} frames would decide"
    return (
        f"{verdict.answer}: {verdict.missed} of {verdict.frames} frames took longer than {verdict.deadline_ms:g} ms "
        f"or were dropped, 95 % interval {_percent(verdict.low)} to {_percent(verdict.high)}, "
        f"at most {_percent(verdict.miss)} may{more}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _end_of_soak(summary: Summary, state: State | None) -> str:
    return _three(summary) + (f"; {_state(state)}" if state else "")


def _three(summary: Summary) -> str:
    return " / ".join(cells(summary)[:3]) + " ms (p50/p90/p99)"


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
    """All that does not belong to one scenario, as label and text."""
    memory, model = result.memory, result.model
    lines = _pacing(result.scenarios)
    if memory.peak_mib is not None and memory.before_model_mib is not None:
        lines["peak memory"] = f"{memory.peak_mib:.0f} MiB ({memory.before_model_mib:.0f} MiB before the model)"
    if memory.device_mib is not None:
        lines["peak device memory"] = f"{memory.device_mib:.0f} MiB, of all processes"
    lines["model"] = f"{model.file}, loaded in {model.load_ms:.0f} ms"
    if model.calibration:
        lines["from calibration"] = ", ".join(f"{name} {value:.4g}" for name, value in model.calibration.items())
    if result.accuracy is not None:
        apart = result.accuracy
        lines[f"against {apart.against}"] = (
            f"map mean abs difference {apart.map_mae:.4f}, score at most {apart.score_max:.4f}, "
            f"verdicts that differ {apart.verdict_flips} of {apart.frames}"
        )
    for name, summary in result.around.items():
        lines[f"around the model, {name}"] = _three(summary)
    lines["frames"] = f"{result.frames.count} of {result.frames.source}"
    if result.roofline is not None:
        lines |= _roofline(result.roofline)
    last = {} if result.reference is None else _reference(result.reference)
    last |= _machine(result.machine)
    last |= {"clock": f"steps of {result.clock_ns} ns", "date": result.date, "command": result.command}
    predictions = [_prediction(each, " and ".join(result.frames.sizes)) for each in result.predictions]
    return [*lines.items(), *predictions, *last.items(), *(("note", note) for note in result.notes)]


def _pacing(scenarios: Sequence[ScenarioResult]) -> dict[str, str]:
    """A camera's gaps compared with a tight loop of the same run: how much slower the work is, and the clocks."""
    tight = next((each for each in scenarios if each.scenario == "single_stream"), None)
    alone = tight.stages["end_to_end"].p50_ms if tight is not None else None
    lines = {}
    for each in scenarios:
        paced = each.stages["end_to_end"].p50_ms
        if each.scenario == "camera" and tight is not None and alone and paced:
            text = f"the same work takes {paced / alone:.2f} times as long"
            for name, before, after in (
                ("CPU", mean(s.cpu_mhz for s in tight.states), mean(s.cpu_mhz for s in each.states)),
                ("GPU", mean(s.gpu_mhz for s in tight.states), mean(s.gpu_mhz for s in each.states)),
            ):
                if before and after:
                    text += f"; {name} clock {before:.0f} MHz in the loop and {after:.0f} MHz at this pace"
            lines[f"{each.title} beside single stream"] = text
    return lines


def _roofline(roofline: Roofline) -> dict[str, str]:
    top = roofline.ceilings
    furthest = sorted(roofline.layers, key=lambda layer: layer.least_ms - layer.ms)[:3]
    return {
        "ceilings": f"copying {top.copy_gb_s:.1f} GB/s, INT8 {top.int8_gops:.0f} and float {top.float_gops:.0f} "
        "billion operations/s, all measured here",
        "roofline": f"{roofline.mops:.0f} million operations and {roofline.least_kib:.0f} KiB at the least: "
        f"{roofline.least_ms:.2f} ms; inference took {roofline.measured_ms:.2f} ms, {roofline.times_over:.1f} "
        f"times that, of which {roofline.other_ms:.2f} ms outside convolutions and matrix products",
        "furthest from the roofline": "; ".join(
            f"{layer.name} {layer.ms:.2f} ms ({layer.least_ms:.2f} by {layer.bound})" for layer in furthest
        ),
    }


def _prediction(each: Prediction, sizes: str) -> tuple[str, str]:
    inference = (
        f"inference {each.low_ms:.2f} to {each.high_ms:.2f} ms, likeliest {each.middle_ms:.2f}; on the board of the "
        f"published latencies up to {(each.off_by - 1) * 100:.0f} % off; rates: {each.source}"
    )
    return f"predicted, not measured, {each.device}", inference + _to_hint(each.frame, sizes)


def _to_hint(frame: FramePrediction | None, sizes: str) -> str:
    if frame is None:
        return (
            "; frame to hint not predicted: what 7-Zip gives a core of that device is not published, or not known here "
            "without it (apt install 7zip)"
        )
    return (
        f"; frame to hint, of {sizes}, median, {frame.low_ms:.1f} to {frame.high_ms:.1f} ms: the "
        f"{frame.here_ms:.2f} ms that one core takes here beside the inference, on one {frame.slower:.1f} times slower "
        f"or, where vectors count, twice that ({frame.source})"
    )


def _reference(reference: Comparison) -> dict[str, str]:
    return {
        "reference": reference.reference,
        "frame to map, in turns": f"ours {reference.ours_ms:.2f} ms ({reference.ours_runs} runs), "
        f"reference {reference.reference_ms:.1f} ms ({reference.reference_runs} runs)",
        "times faster": f"{reference.times_faster:.0f} (95 % interval {reference.low:.0f} to {reference.high:.0f})"
        + (" interrupted" if reference.interrupted else ""),
    }


def machine_lines(machine: Machine) -> list[tuple[str, str]]:
    """The machine, as label and text."""
    return list(_machine(machine).items())


def _machine(machine: Machine) -> dict[str, str]:
    lines = {} if machine.device is None else {"device": machine.device}
    if machine.jetson_linux is not None:
        lines["Jetson Linux"] = f"{machine.jetson_linux}, power mode {machine.power_mode or 'not known'}"
    governor = "" if machine.governor is None else f", governor {machine.governor}"
    lines |= {
        "cpu": f"{machine.cpu}, cores {machine.cores}, threads {machine.threads}{governor}",
        "engine": ", ".join(f"{key} {value}" for key, value in machine.engine.items()),
        "frame step": machine.frame_step,
        "software": f"efiqa-edge {machine.efiqa_edge}, {machine.os}, kernel {machine.kernel}, Python {machine.python}, "
        f"numpy {machine.numpy}, OpenCV {machine.opencv}",
    }
    if machine.load_average is not None:
        lines["load average before"] = " ".join(f"{value:.2f}" for value in machine.load_average)
    return lines
