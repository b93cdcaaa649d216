"""edge-bench run: how fast a model is on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import edge
from benchmarks.bench import BenchOptions, bench
from benchmarks.commands.plan import Scenario, parse_deadline, parse_duration, plan
from benchmarks.commands.shared import EXIT_CODES, check_result_file, command_line, write_result
from benchmarks.machine.machine import installed_engines
from benchmarks.report.lines import cells, lines_beside, scenario_lines
from benchmarks.report.printed import HEADER, headline, last, rows, to_html, to_json, to_markdown
from benchmarks.report.result import Result
from benchmarks.roofline.predict import find_device
from benchmarks.run.deadline import overall
from edge import EdgeError
from edge.bundle.bundle import read_bundle
from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL, Debug, EngineName, Json, Runtime, Trust, out
from edge.frame.prepare import frame_step_name
from trainer.pages import check_report


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
    model: Annotated[Path | None, typer.Argument(parser=named_bundle, metavar="[MODEL]", help=MODEL)] = None,
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
        str | None, typer.Option(metavar="TIME", help="Run for this time, such as 30m; compares first and last minute.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores if left out.")] = None,
    trust: Trust = None,
    engine: Runtime = EngineName.auto,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Resize the frames; synthetic eyes are 760x570 if left out.")
    ] = None,
    other: Annotated[
        Path | None,
        typer.Option(
            "--against",
            parser=named_bundle,
            metavar="FILE",
            help="Also compare maps and scores with those of this bundle, or of default.",
        ),
    ] = None,
    around: Annotated[
        bool,
        typer.Option("--around", help="Also time decoding, guidance, overlay and encoding, and the GPU's own parts."),
    ] = False,
    roofline: Annotated[bool, typer.Option("--roofline", help="Also measure the limits of this processor.")] = False,
    devices: Annotated[
        list[str] | None,
        typer.Option("--predict", metavar="DEVICE", help="Estimate for orin-nano, orin-nx, agx-orin or a file."),
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(min=0.1, max=10_000, metavar="MS", help="Hold the frames against this: PASS, FAIL, INCONCLUSIVE."),
    ] = None,
    miss: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Share of frames that may miss it, 0.1% if left out.")
    ] = None,
    reference: Annotated[bool, typer.Option(help="Time the reference in the same run (needs the train extra).")] = True,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a page.")] = False,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the result to this file, as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the result to this file, as a page with pictures.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show versions and exit.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Time a model on this machine, stage by stage, and compare it with the reference that it replaces.

    Example: edge-bench run --runs 1000 --out result.json

    Example: edge-bench run model.efiqa --frames photographs --scenario camera --fps 30
    """
    if json and markdown:
        raise typer.BadParameter("--json and --markdown both print to the standard output: choose one.")
    wanted = parse_size(size) if size is not None else None
    asked = parse_deadline(deadline, miss)
    plans = plan(scenario, fps, runs, parse_duration(soak) if soak is not None else None, asked)
    if html is not None:
        check_report("--html")
    check_result_file(out_file, "--out", model, other)
    check_result_file(html, "--html", model, other)
    for device in devices or []:
        try:  # before the run
            find_device(device)
        except EdgeError as error:
            raise typer.BadParameter(str(error)) from error
    if other is not None:
        read_bundle(other)
    command = command_line(
        "edge-bench",
        (
            ("", model, None),
            ("--frames", frames, None),
            ("--scenario", scenario, Scenario.single),
            ("--fps", fps, None),
            ("--runs", runs, None),
            ("--soak", soak, None),
            ("--threads", threads, None),
            ("--engine", engine, EngineName.auto),
            ("--size", size, None),
            ("--against", other, None),
            ("--predict", devices, None),
            ("--deadline", deadline, None),
            ("--miss", miss, None),
            ("--around", around, False),
            ("--roofline", roofline, False),
            ("--no-reference", not reference, False),
        ),
    )
    result, failure = bench(
        BenchOptions(
            command=command,
            model=model,
            plans=plans,
            threads=threads,
            engine=engine.value,
            reference=reference,
            frames=frames,
            size=wanted,
            other=other,
            around=around,
            roofline=roofline,
            devices=devices or (),
            deadline=asked,
        )
    )
    if json:  # printed first: a full disk must not cost the figures
        typer.echo(to_json(result))
    elif markdown:
        typer.echo(to_markdown(result))
    else:
        print_table(result, out)
    write_result(out_file, to_json(result) + "\n", "--out")
    if html is not None:
        write_result(html, to_html(result), "--html")
    if failure is not None:
        raise EdgeError(failure)
    if result.interrupted:
        raise typer.Exit(130)
    if asked is not None:
        raise typer.Exit(EXIT_CODES[overall(each.deadline for each in result.scenarios if each.deadline is not None)])


def print_table(result: Result, console: Console) -> None:
    """Print the result for people."""
    for each in result.scenarios:
        table = Table(title=escape(headline(result, each)), title_justify="left")
        for number, name in enumerate(HEADER):
            table.add_column(name, justify="right" if number else "left")
        for title, summary in rows(each):
            table.add_row(title, *cells(summary), style="bold" if title == last(each) else None)
        console.print(table)
        for label, text in scenario_lines(each):
            console.print(f"{label}: {text}", markup=False, emoji=False)
    for label, text in lines_beside(result):
        console.print(f"{label}: {text}", markup=False, emoji=False)
