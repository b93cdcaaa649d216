"""edge-bench run: how fast a model is on this machine."""

from __future__ import annotations

import re
import shlex
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

import edge
from benchmarks.bench import Asked, bench
from benchmarks.commands.plan import Scenario, parse_duration, plan
from benchmarks.commands.printed import print_table
from benchmarks.machine.machine import installed_engines
from benchmarks.report.html import to_html
from benchmarks.report.printed import to_json, to_markdown
from benchmarks.report.result import Result
from benchmarks.roofline.predict import find_device
from edge import EdgeError
from edge.bundle.bundle import read_bundle
from edge.bundle.named import DEFAULT, default_model, named_bundle
from edge.commands.console.cli import MODEL, Debug, EngineName, Json, Runtime, err, out
from edge.files.output import check_output, write_output
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
        str | None, typer.Option(metavar="TIME", help="Run so long, such as 30m; the first minute beside the last.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores if left out.")] = None,
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
            help="Also say how far maps and scores are from those of this bundle, or of default.",
        ),
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
    if html is not None:
        check_report("--html")
    for file, option in ((out_file, "--out"), (html, "--html")):
        if file is not None:
            check_writable(file, option, model, other)
    for device in devices or []:
        find_device(device)  # what does not exist is told before the run
    if other is not None:
        read_bundle(other)
    result, failure = bench(
        Asked(
            command=_command(locals()),
            model=model,
            frames=frames,
            size=wanted,
            plans=tuple(plans),
            threads=threads,
            engine=engine.value,
            other=other,
            around=around,
            roofline=roofline,
            devices=tuple(devices or ()),
            reference=reference,
        )
    )
    _show(result, json, markdown, out_file, html)
    if failure is not None:
        raise EdgeError(failure)
    if result.interrupted:
        raise typer.Exit(130)


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
    if value == default_model():
        return DEFAULT
    if isinstance(value, Path):
        return value.resolve().name
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else Path(str(value)).name


def check_writable(out_file: Path, option: str, *inputs: Path | None) -> None:
    """Before the run, not after it.

    Raises:
        EdgeError: it is a folder or an input, or there is no folder for it.
    """
    check_output(out_file, f"the file of {option}", inputs)


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
        write_output(path, text.encode())
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror}): choose another with {option}.") from error
    err.print(f"result written to {path}", markup=False)
