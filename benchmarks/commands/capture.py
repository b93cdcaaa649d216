"""edge-bench capture: how well the operator is guided, and whether the right frame is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.capture.result import figures_of, to_json
from benchmarks.capture.run import judge_all, without_poor_photographs
from benchmarks.capture.sequences import FRAMES, phantom_plays, photograph_plays, recorded_plays
from benchmarks.commands.figures import print_figures
from benchmarks.commands.shared import check_result_file, command_line, write_result
from benchmarks.machine.sensors import usable_cores
from edge.bundle.named import named_bundle
from edge.commands.asked import StrictnessName
from edge.commands.console.cli import MODEL, Debug, EngineName, Json, Runtime, out
from edge.errors import EdgeError
from edge.progress import progress

CAPTURE_HELP = """Judge guidance and automatic capture: are hints right and calm, is the right frame kept, and how soon.

Without a folder, synthetic eyes in a shaky hand are played, of which cause and true quality are known. A folder holds
recordings of your camera (videos, or folders of frames), each with a CSV of the same name beside it where the truth is
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
    engine: Runtime = EngineName.auto,
    jobs: Annotated[int | None, typer.Option(min=1, max=256, help="Sequences at a time; as many as cores.")] = None,
    json: Json = False,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the result to this file, as JSON.")] = None,
    debug: Debug = False,
) -> None:
    """Choose plays, judge them, print."""
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
    synthetic = folder is None and replay is None
    command = command_line(
        "edge-bench capture",
        (
            ("", folder, None),
            ("--replay", replay, None),
            ("--seeds", seeds if synthetic else None, None),
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
