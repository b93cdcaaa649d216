"""edge-bench run: how fast a model is on this machine."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import edge
from benchmarks.accuracy import against
from benchmarks.around import measure_around
from benchmarks.frames import PHANTOM_SIZE, Frames, folder_frames, phantom_frames
from benchmarks.html import to_html
from benchmarks.latency import Assess, Summary
from benchmarks.layers import count_layers
from benchmarks.machine import (
    describe_machine,
    installed_engines,
    load_average,
    peak_memory_mib,
    restart_peak_memory,
    usable_cores,
)
from benchmarks.plan import Plan, Scenario, parse_duration, plan
from benchmarks.predict import find_device, predict
from benchmarks.reference import VIT_L16, Comparison, build_reference, compare, why_no_reference
from benchmarks.report import print_table, to_json, to_markdown
from benchmarks.result import (
    Accuracy,
    FrameFacts,
    Memory,
    Result,
    ScenarioResult,
    clock_step_ns,
    model_facts,
    notes_on,
    scenario_result,
)
from benchmarks.roofline import measure_roofline
from benchmarks.scenarios import Run, camera, offline, single_stream
from benchmarks.watch import Watch
from edge import EdgeError, QualityModel
from edge.atomic import write_atomically
from edge.bundle import read_bundle
from edge.commands.cli import Debug, EngineName, Json, Runtime, err, out
from edge.frame import frame_step_name

_BLOCKS = 10  # turns of ours and the reference
_STOPPED = "Interrupted while the reference was timed."


def _print_version(wanted: bool) -> None:
    if wanted:
        engines = ", ".join(f"{name} {version}" for name, version in installed_engines().items())
        typer.echo(f"edge-bench {edge.__version__}")
        typer.echo(f"frame step: {frame_step_name()}")
        typer.echo(f"engines: {engines or 'none installed'}")
        raise typer.Exit


def parse_size(text: str) -> tuple[int, int]:
    """``WxH`` in pixels -> (width, height).

    Raises:
        typer.BadParameter: it is not that, or a side is not from 32 to 8192.
    """
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text.strip().lower())
    if not match:
        raise typer.BadParameter(f"{text!r} is not a size: write width x height in pixels, such as 760x570.")
    size = int(match[1]), int(match[2])
    if min(size) < 32 or max(size) > 8192:
        raise typer.BadParameter(f"{text!r} is out of range: each side is from 32 to 8192 pixels.")
    return size


def run(
    model: Annotated[Path | None, typer.Argument(help="A .efiqa bundle; the shipped model if left out.")] = None,
    frames: Annotated[Path | None, typer.Option(help="A folder of photographs; synthetic eyes if left out.")] = None,
    scenario: Annotated[
        Scenario, typer.Option(help="What a frame waits for; all takes them in turn.")
    ] = Scenario.single,
    fps: Annotated[
        list[float] | None,
        typer.Option(min=0.5, max=1000, help="Frames a second of --scenario camera; may be repeated."),
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="Timed frames, 1000 if left out, 300 for a camera; a p99 needs 300."),
    ] = None,
    soak: Annotated[
        str | None, typer.Option(metavar="TIME", help="Run so long, such as 30m; the first minute beside the last.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores if left out.")] = None,
    engine: Runtime = EngineName.auto,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Resize the frames; synthetic eyes are 760x570 if left out.")
    ] = None,
    other: Annotated[
        Path | None, typer.Option("--against", help="Also say how far maps and scores are from those of this bundle.")
    ] = None,
    around: Annotated[
        bool,
        typer.Option("--around", help="Also time decoding, guidance, overlay and encoding, and the GPU's own parts."),
    ] = False,
    roofline: Annotated[bool, typer.Option("--roofline", help="Also measure what this processor can do.")] = False,
    devices: Annotated[
        list[str] | None,
        typer.Option("--predict", metavar="DEVICE", help="Estimate for orin-nano, orin-nx, agx-orin or a file."),
    ] = None,
    reference: Annotated[bool, typer.Option(help="Time the reference in the same run (needs the train extra).")] = True,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a page.")] = False,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the result to this file, as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the result to this file, as a page with pictures.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show versions and leave.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Time a model on this machine, stage by stage, and beside the reference that it replaces.

    Example: edge-bench run --runs 1000 --out result.json

    Example: edge-bench run model.efiqa --frames photographs --scenario camera --fps 30
    """
    if json and markdown:
        raise typer.BadParameter("--json and --markdown both print to the standard output: choose one.")
    wanted = parse_size(size) if size is not None else None
    plans = plan(scenario, fps, runs, parse_duration(soak) if soak is not None else None)
    for file, option in ((out_file, "--out"), (html, "--html")):
        if file is not None:
            _check_writable(file, option)
    for device in devices or []:
        find_device(device)  # what does not exist is told before the run
    if other is not None:
        read_bundle(other)
    load = load_average()  # before this process adds to it
    if threads is not None:
        cv2.setNumThreads(threads)
    command = _command(locals())
    stages: dict[str, Summary] = {}
    with err.status("getting frames"):
        chosen = folder_frames(frames, wanted) if frames is not None else phantom_frames(wanted or PHANTOM_SIZE)
    restart_peak_memory()  # drawing or decoding frames takes memory that is not the model's
    before_mib, began = peak_memory_mib(), time.perf_counter()
    with QualityModel.load(model, engine.value, threads) as quality:
        facts = model_facts(quality, (time.perf_counter() - began) * 1000)
        scenarios, missing = time_scenarios(quality.assess, chosen, plans, threads or usable_cores())
        states = [state for each in scenarios for state in each.states]
        device_mib = max((s.device_memory_mib for s in states if s.device_memory_mib is not None), default=None)
        memory = Memory(before_mib, peak_memory_mib(), device_mib)  # before the reference, which takes 1.5 GiB
        stopped = any(each.interrupted for each in scenarios)
        compared: Comparison | None = None
        notes: tuple[str, ...] = missing
        accuracy: Accuracy | None = None
        ceilings = None
        if not stopped:
            with err.status("comparing, counting, predicting"):
                accuracy = against(quality, other, chosen, engine.value, threads) if other is not None else None
                stages = measure_around(quality, chosen.images) if around else {}
                onnx = quality.bundle.onnx
                ceilings = measure_roofline(onnx, threads or usable_cores()) if roofline else None
        if reference and not stopped:
            compared, told = _compare(quality.assess, chosen, threads or usable_cores())
            notes += told
        layers = count_layers(quality.bundle.onnx) if devices else ()
        machine = describe_machine(quality.engine.describe(), threads, load)
    result = Result(
        command=command,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model=facts,
        frames=FrameFacts(chosen.source, len(chosen.images), chosen.sizes),
        scenarios=scenarios,
        around=stages,
        memory=memory,
        accuracy=accuracy,
        roofline=ceilings,
        predictions=tuple(predict(layers, device) for device in devices or []),
        reference=compared,
        machine=machine,
        clock_ns=clock_step_ns(),
        notes=notes_on(scenarios, chosen, machine) + notes,
        interrupted=stopped or _STOPPED in notes,
    )
    _show(result, json, markdown, out_file, html)
    failed = [each.failure for each in scenarios if each.failure is not None]
    if failed:
        raise EdgeError(failed[0])
    if result.interrupted:
        raise typer.Exit(130)


def time_scenarios(
    assess: Assess, chosen: Frames, plans: Sequence[Plan], threads: int
) -> tuple[tuple[ScenarioResult, ...], tuple[str, ...]]:
    """Every scenario in turn, until one is interrupted; and what could not be known of the machine."""
    results: list[ScenarioResult] = []
    missing: tuple[str, ...] = ()
    for name, fps, limit, soaks in plans:
        label = name.replace("_", " ") + (f" at {fps:g} fps" if fps else "")
        try:
            with progress(label, limit.runs) as bar, Watch() as watch:

                def tick(done: int, bar: Callable[[int], None] = bar, watch: Watch = watch) -> None:
                    bar(done)
                    watch.tick()

                if name == "camera":
                    done: Run = camera(assess, chosen.images, fps or 30.0, limit, tick)
                elif name == "offline":
                    done = offline(assess, chosen.images, limit, threads, tick)
                else:
                    done = single_stream(assess, chosen.images, limit, tick)
        except KeyboardInterrupt:
            if not results:
                raise
            break
        missing = watch.missing
        results.append(scenario_result(done, watch.states, soaks))
        if results[-1].interrupted:
            break
    return tuple(results), missing


def _compare(assess: Assess, chosen: Frames, threads: int) -> tuple[Comparison | None, tuple[str, ...]]:
    """The comparison, and notes on it; whatever is wrong with the reference must not cost us our own figures."""
    reason = why_no_reference()
    if reason is not None:
        return None, (reason,)
    try:
        with err.status("building the reference"):
            theirs = build_reference(VIT_L16, threads)
        with progress("ours and the reference in turns", _BLOCKS) as tick:
            compared = compare(VIT_L16.name, assess, theirs, chosen.images, _BLOCKS, tick)
    except KeyboardInterrupt:
        return None, (_STOPPED,)
    except (ImportError, RuntimeError, MemoryError) as error:  # ours raises EdgeError
        lines = str(error).strip().splitlines() or ["no message"]
        return None, (f"The reference failed and was left out ({type(error).__name__}: {lines[0]}).",)
    return compared, (_STOPPED,) if compared.interrupted else ()


def _command(given: dict[str, object]) -> str:
    """What to type for the same run; of paths only the last part, which names nobody."""
    parts = ["edge-bench"]
    for name, option, usual in (
        ("model", "", None),
        ("frames", "--frames", None),
        ("scenario", "--scenario", Scenario.single),
        ("fps", "--fps", None),
        ("runs", "--runs", None),
        ("soak", "--soak", None),
        ("threads", "--threads", None),
        ("engine", "--engine", EngineName.auto),
        ("size", "--size", None),
        ("other", "--against", None),
        ("devices", "--predict", None),
    ):
        value = given[name]
        for each in value if isinstance(value, list) else [value]:
            if each != usual and each is not None:
                parts += [option, _shown(each)] if option else [_shown(each)]
    parts += ["--around"] if given["around"] else []
    parts += ["--roofline"] if given["roofline"] else []
    parts += [] if given["reference"] else ["--no-reference"]
    return shlex.join(parts)


def _shown(value: object) -> str:
    if isinstance(value, Path):
        return value.resolve().name
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else Path(str(value)).name


def _check_writable(out_file: Path, option: str) -> None:
    """Before the run, not after it."""
    if out_file.is_dir():
        raise EdgeError(f"{out_file} is a folder: name a file with {option}.")
    if not out_file.parent.is_dir():
        raise EdgeError(f"{out_file} cannot be written: make the folder {out_file.parent} first.")


def _show(result: Result, json: bool, markdown: bool, out_file: Path | None, html: Path | None) -> None:
    """Print first: a full disk must not cost the figures."""
    if json:
        typer.echo(to_json(result))
    elif markdown:
        typer.echo(to_markdown(result))
    else:
        print_table(result, out)
    if out_file is not None:
        write_file(out_file, to_json(result) + "\n", "--out")
    if html is not None:
        write_file(html, to_html(result), "--html")


def write_file(path: Path, text: str, option: str) -> None:
    """A file that is whole or not there; says so.

    Raises:
        EdgeError: it cannot be written.
    """
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror}): choose another with {option}.") from error
    err.print(f"result written to {path}", markup=False)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar that is drawn between two runs, four times a second, and by no thread that would disturb them."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=err, auto_refresh=False, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        drawn = 0.0

        def tick(done: int) -> None:
            nonlocal drawn
            if time.monotonic() - drawn > 0.25:
                drawn = time.monotonic()
                bar.update(task, completed=done, refresh=True)

        yield tick
