"""edge-bench capture: how well the operator is guided, and whether the right frame is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.capture.result import TARGETS, Figures, Share, figures_of, reached, to_json
from benchmarks.capture.run import judge_all, without_poor_photographs
from benchmarks.capture.sequences import FRAMES, phantom_plays, photograph_plays, recorded_plays
from benchmarks.commands.shared import check_result_file, command_line, write_result
from benchmarks.machine.sensors import usable_cores
from edge.bundle.named import named_bundle
from edge.commands.asked import StrictnessName
from edge.commands.console.cli import MODEL, Debug, EngineName, Json, Runtime, Trust, out
from edge.errors import EdgeError
from edge.progress import progress

CAPTURE_HELP = """Judge guidance and automatic capture: are hints right and steady, is the right frame kept, how soon.

Without a folder, synthetic eyes in a shaky hand are played, with known cause and true quality. A folder holds
recordings of your camera (videos, or folders of frames), each with a CSV of the same name next to it where the truth is
known: frame,truth,cause. --replay shows photographs in the same shaky hand.

\b
Examples:
  edge-bench capture --seeds 0-19
  edge-bench capture recordings --json
  edge-bench capture --replay photographs --slow
"""


def capture(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="A folder with recordings.")] = None,
    replay: Annotated[Path | None, typer.Option(help="A folder of good photographs, shown in a shaky hand.")] = None,
    seeds: Annotated[str, typer.Option(metavar="A-B", help="Seeds of synthetic eyes, the last one included.")] = "0-9",
    slow: Annotated[bool, typer.Option("--slow", help="Twenty seconds with longer episodes of every cause.")] = False,
    frames: Annotated[int, typer.Option(min=30, max=100_000, help="Frames of a synthetic sequence.")] = FRAMES,
    fps: Annotated[
        float | None, typer.Option(min=1, max=240, help="Frames a second of what is not a video; 30, 15 with --slow.")
    ] = None,
    strictness: Annotated[StrictnessName, typer.Option(help="How good and how still.")] = StrictnessName.normal,
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=MODEL)] = None,
    trust: Trust = None,
    engine: Runtime = EngineName.auto,
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Sequences at a time; as many as cores.")] = None,
    json: Json = False,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the result to this file, as JSON.")] = None,
    debug: Debug = False,
) -> None:
    """Choose plays, judge them and print the figures."""
    if folder is not None and replay is not None:
        raise typer.BadParameter("a folder of recordings and --replay are two runs: choose one.")
    check_result_file(out_file, "--out", model, replay)
    rate = fps or (15.0 if slow else 30.0)
    notes: tuple[str, ...] = ()
    if folder is not None:
        plays = recorded_plays(folder, rate)
    elif replay is not None:
        plays = photograph_plays(replay, slow, rate, frames)
        with progress("choosing photographs"):
            plays, notes = without_poor_photographs(plays, model, engine.value)
    else:
        plays = phantom_plays(parse_seeds(seeds), slow, rate, frames)
    judged, failed, interrupted = judge_all(plays, model, engine.value, strictness.value, jobs or len(usable_cores()))
    if not judged and not interrupted:
        raise EdgeError(f"no sequence could be judged: {failed[0]}")
    figures = figures_of(judged, (*notes, *failed))
    command = command_line(
        "edge-bench capture",
        (
            ("", folder, None),
            ("--replay", replay, None),
            ("--seeds", None if folder or replay else seeds, None),
            ("--slow", slow, False),
            ("--frames", frames, FRAMES),
            ("--fps", fps, None),
            ("--model", model, None),
            ("--engine", engine, EngineName.auto),
            ("--strictness", strictness, None),
        ),
    )
    text = to_json(command, figures, judged, interrupted)
    if json:
        typer.echo(text)
    else:
        print_figures(figures, out)
    write_result(out_file, text + "\n", "--out")
    if interrupted:
        raise typer.Exit(130)
    if failed:
        raise typer.Exit(1)


def parse_seeds(text: str) -> range:
    """``A-B`` or ``A`` -> the seeds, both ends included.

    Raises:
        typer.BadParameter: it is not that.
    """
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", text.strip())
    if not match or int(match[2] or match[1]) < int(match[1]):
        raise typer.BadParameter(f"{text!r} are no seeds: write the first and the last, such as 0-19.")
    return range(int(match[1]), int(match[2] or match[1]) + 1)


def print_figures(figures: Figures, console: Console) -> None:
    """Print the figures as a table."""
    met = reached(figures)
    table = Table(
        box=None, pad_edge=False, title=f"{figures.plays} plays, {figures.frames} frames", title_justify="left"
    )
    for heading in ("what", "measured", "of", "wanted", ""):
        table.add_column(heading, justify="left" if heading in ("what", "") else "right")
    for cause, share in figures.hints.items():
        ok = share.value is not None and share.value >= TARGETS["hint_right"]
        table.add_row(f"hint right: {cause}", _percent(share), f"{share.of} frames", "90 %", _tick(ok))
    table.add_row("most changes in a second", str(figures.changes), "", "2", _tick(met["changes_per_second"]))
    rows = (
        ("kept frame in the best 5 %", figures.kept_in_best, "sequences", "kept_in_best"),
        ("captures gradable", figures.captures, "captures", "fired_gradable"),
        ("fired, where gradable", figures.fired, "sequences", "gradable_fired"),
    )
    for what, share, unit, target in rows:
        table.add_row(what, _percent(share), f"{share.of} {unit}", f"{TARGETS[target]:.1%}", _tick(met[target]))
    wait = figures.median_wait
    table.add_row(
        "median time to the shutter",
        "-" if wait is None else f"{wait:.2f} s",
        f"{len(figures.waits)} sequences",
        "2 s",
        _tick(met["seconds_to_shutter"]),
    )
    if figures.fired.of < figures.plays:
        table.add_row("fired", _percent(figures.fired_at_all), f"{figures.plays} sequences", "", "")
    console.print(table)
    if not figures.hints:
        shown = ", ".join(
            f"{code} {count / max(1, figures.frames):.0%}" for code, count in figures.told.items() if count
        )
        console.print(f"without truth only the hints shown can be reported: {shown}", markup=False)
    for sentence in figures.left_out:
        console.print(f"left out: {sentence}", markup=False)


def _percent(share: Share) -> str:
    return "-" if share.value is None else f"{share.value:.1%}"


def _tick(met: bool | None) -> str:
    return "" if met is None else ("reached" if met else "MISSED")
