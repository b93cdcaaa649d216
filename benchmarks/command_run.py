"""edge-bench run: how fast a model is on this machine."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import edge
from benchmarks.frames import PHANTOM_SIZE, Frames, folder_frames, phantom_frames
from benchmarks.latency import STAGES, Assess, measure, summarise, throughput
from benchmarks.machine import (
    describe_machine,
    installed_engines,
    load_average,
    peak_memory_mib,
    restart_peak_memory,
    usable_cores,
)
from benchmarks.reference import VIT_L16, Comparison, build_reference, compare, why_no_reference
from benchmarks.report import print_table, to_json, to_markdown
from benchmarks.result import FrameFacts, Memory, Result, model_facts, notes_on
from edge import EdgeError, QualityModel
from edge.atomic import write_atomically
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
    runs: Annotated[int, typer.Option(min=1, max=1_000_000, help="Timed frames; a p99 needs 300.")] = 1000,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores if left out.")] = None,
    engine: Runtime = EngineName.auto,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Resize the frames; synthetic eyes are 760x570 if left out.")
    ] = None,
    reference: Annotated[bool, typer.Option(help="Time the reference in the same run (needs the train extra).")] = True,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a page.")] = False,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the result to this file, as JSON.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show versions and leave.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Time a model on this machine, stage by stage, and beside the reference that it replaces.

    Example: edge-bench run --runs 1000 --out result.json

    Example: edge-bench run model.efiqa --frames photographs --threads 1
    """
    if json and markdown:
        raise typer.BadParameter("--json and --markdown both print to the standard output: choose one.")
    wanted = parse_size(size) if size is not None else None
    if out_file is not None:
        _check_writable(out_file)
    load = load_average()  # before this process adds to it
    if threads is not None:
        cv2.setNumThreads(threads)
    command = _command(model, frames, runs, threads, engine.value, size, reference)
    with err.status("getting frames"):
        chosen = folder_frames(frames, wanted) if frames is not None else phantom_frames(wanted or PHANTOM_SIZE)
    restart_peak_memory()  # drawing or decoding frames takes memory that is not the model's
    before_mib, began = peak_memory_mib(), time.perf_counter()
    with QualityModel.load(model, engine.value, threads) as quality:
        facts = model_facts(quality, (time.perf_counter() - began) * 1000)
        assess = quality.assess
        with _progress("timing", runs) as tick:
            measured = measure(assess, chosen.images, runs, tick)
        memory = Memory(before_mib, peak_memory_mib())  # before the reference, which takes 1.5 GiB
        compared: Comparison | None = None
        notes: tuple[str, ...] = ()
        if reference and not measured.interrupted:
            compared, notes = _compare(assess, chosen, threads or usable_cores())
        machine = describe_machine(quality.engine.describe(), threads, load)
    result = Result(
        command=command,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model=facts,
        frames=FrameFacts(chosen.source, len(chosen.images), chosen.sizes),
        warm_up=measured.warm_up,
        runs=len(measured.samples_ms),
        stages={name: summarise(measured.stage(name)) for name in STAGES},
        throughput_fps=throughput(measured.stage("end_to_end")),
        memory=memory,
        reference=compared,
        machine=machine,
        notes=notes_on(measured, chosen, machine) + notes,
        interrupted=measured.interrupted or _STOPPED in notes,
    )
    _show(result, json, markdown, out_file)
    if result.interrupted:
        raise typer.Exit(130)


def _compare(assess: Assess, chosen: Frames, threads: int) -> tuple[Comparison | None, tuple[str, ...]]:
    """The comparison, and notes on it; whatever is wrong with the reference must not cost us our own figures."""
    reason = why_no_reference()
    if reason is not None:
        return None, (reason,)
    try:
        with err.status("building the reference"):
            theirs = build_reference(VIT_L16, threads)
        with _progress("ours and the reference in turns", _BLOCKS) as tick:
            compared = compare(VIT_L16.name, assess, theirs, chosen.images, _BLOCKS, tick)
    except KeyboardInterrupt:
        return None, (_STOPPED,)
    except (ImportError, RuntimeError, MemoryError) as error:  # ours raises EdgeError
        lines = str(error).strip().splitlines() or ["no message"]
        return None, (f"The reference failed and was left out ({type(error).__name__}: {lines[0]}).",)
    return compared, (_STOPPED,) if compared.interrupted else ()


def _command(
    model: Path | None,
    frames: Path | None,
    runs: int,
    threads: int | None,
    engine: str,
    size: str | None,
    reference: bool,
) -> str:
    """What to type for the same run; of paths only the last part, which names nobody."""
    parts = ["edge-bench"]
    parts += [] if model is None else [model.name]
    parts += [] if frames is None else ["--frames", frames.resolve().name]
    parts += ["--runs", str(runs)]
    parts += [] if threads is None else ["--threads", str(threads)]
    parts += [] if engine == "auto" else ["--engine", engine]
    parts += [] if size is None else ["--size", size]
    parts += [] if reference else ["--no-reference"]
    return shlex.join(parts)


def _check_writable(out_file: Path) -> None:
    """Before the run, not after it."""
    if out_file.is_dir():
        raise EdgeError(f"{out_file} is a folder: name a file with --out.")
    if not out_file.parent.is_dir():
        raise EdgeError(f"{out_file} cannot be written: make the folder {out_file.parent} first.")


def _show(result: Result, json: bool, markdown: bool, out_file: Path | None) -> None:
    """Print first: a full disk must not cost the figures."""
    if json:
        typer.echo(to_json(result))
    elif markdown:
        typer.echo(to_markdown(result))
    else:
        print_table(result, out)
    if out_file is None:
        return
    try:
        write_atomically(out_file, (to_json(result) + "\n").encode())
    except OSError as error:
        raise EdgeError(f"{out_file} cannot be written ({error.strerror}): choose another with --out.") from error
    err.print(f"result written to {out_file}", markup=False)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
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
