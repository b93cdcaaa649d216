"""edge-bench compare: two models, engines or results side by side."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from benchmarks.commands.shared import check_result_file, write_result
from benchmarks.compare.ab_test import CALLS, ROUNDS, Difference, judge, judge_samples, take_turns, too_noisy, too_slow
from benchmarks.compare.subjects import open_rival
from benchmarks.report.result import Result, ScenarioResult
from benchmarks.report.schema import read_result
from benchmarks.run.frames import phantom_frames
from edge.commands.console.cli import Debug, Json, Trust, err, out
from edge.errors import EdgeError
from edge.progress import progress


def parse_share(text: str) -> float:
    """``5%`` or ``0.05`` -> 0.05.

    Raises:
        typer.BadParameter: it is neither, or not above 0 and at most 1000 %.
    """
    number = text.strip()
    try:
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 10:
        raise typer.BadParameter(f"{text!r} is not a share above 0: write such as 5%.")
    return share


def compare(
    a: Annotated[str, typer.Argument(help="A bundle, 'default', BUNDLE@ENGINE, an .onnx, or a .json of --out.")],
    b: Annotated[str, typer.Argument(help="The same; the ratio is of B to A.")],
    rounds: Annotated[int, typer.Option(min=10, max=10_000, help="Turns of each.")] = ROUNDS,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores if left out.")] = None,
    trust: Trust = None,
    fail_if_slower: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Exit with 1 if B is slower by more than this, such as 5%.")
    ] = None,
    json_: Json = False,
    out_file: Annotated[Path | None, typer.Option("--out", help="Write the finding to this file, as JSON.")] = None,
    debug: Debug = False,
) -> None:
    """Time A and B in turns and report whether one is slower; two results of --out are compared as they are.

    Example: edge-bench compare default mine.efiqa --fail-if-slower 5%
    """
    limit = parse_share(fail_if_slower) if fail_if_slower is not None else None
    files = [Path(each) for each in (a, b) if each.endswith(".json")]
    if len(files) == 1:
        raise typer.BadParameter("a result can be compared with another result, not with a model.")
    check_result_file(out_file, "--out", Path(a), Path(b))
    if files:
        names, what, difference = _of_files(files[0], files[1])
    else:
        names, what, difference = _of_models(a, b, rounds, threads)
    facts = {"a": names[0], "b": names[1], "what": what, **dataclasses.asdict(difference)}
    text = json.dumps(facts, indent=2)
    if json_:
        typer.echo(text)
    else:
        for line in lines(names, what, difference):
            out.print(line, markup=False)
    write_result(out_file, text + "\n", "--out")
    if limit is not None and too_noisy(difference, limit):
        err.print(f"warning: the runs are too unsteady to detect {limit:.1%}: use more --rounds, or stop other work")
    if limit is not None and too_slow(difference, limit):
        raise EdgeError(f"{names[1]} is {difference.ratio - 1:.1%} slower than {names[0]}: more than {limit:.1%}")
    if difference.interrupted:
        raise typer.Exit(130)


def lines(names: tuple[str, str], what: str, difference: Difference) -> list[str]:
    """The finding as text."""
    found = difference.finding
    verdict = (
        f"no difference: it is within {difference.margin:.0%}, or too small for these runs"
        if found == "no difference"
        else f"B is {found}, by {abs(difference.ratio - 1):.1%}"
    )
    return [
        f"A: {names[0]}, {difference.a_ms:.3f} ms",
        f"B: {names[1]}, {difference.b_ms:.3f} ms",
        f"median {what}, {difference.rounds} x {difference.calls} of each"
        + (" (interrupted)" if difference.interrupted else ""),
        f"B / A: {difference.ratio:.3f} "
        f"({difference.level:.1%} interval {difference.low:.3f} to {difference.high:.3f})",
        verdict,
    ]


def _of_models(a: str, b: str, rounds: int, threads: int | None) -> tuple[tuple[str, str], str, Difference]:
    if threads is not None:
        cv2.setNumThreads(threads)
    with progress("getting frames"):
        frames = phantom_frames().images
    with open_rival(a, frames, threads) as first, open_rival(b, frames, threads) as second:
        if first.assess is not None and second.assess is not None:
            what, calls = "from frame to verdict", (first.assess, second.assess)
        else:
            what, calls = "of the inference", (first.infer, second.infer)
        with progress("A and B in turns", rounds) as tick:
            a_ms, b_ms, interrupted = take_turns(*calls, rounds, CALLS, tick)
    if len(a_ms) < 10:
        raise EdgeError(f"{len(a_ms)} rounds are too few for a finding: time at least 10")
    return (first.name, second.name), what, judge(a_ms, b_ms, interrupted)


def _of_files(a: Path, b: Path) -> tuple[tuple[str, str], str, Difference]:
    first, second = read_result(a), read_result(b)
    ours, theirs = _shared(first, second, a, b)
    err.print(
        "warning: these runs took no turns, so a difference may come from the machine; compare two models to be sure",
        markup=False,
    )
    machines = [dataclasses.replace(each.machine, load_average=None) for each in (first, second)]
    if machines[0] != machines[1]:
        err.print("warning: the two machines, or their software, are not the same", markup=False)
    names = f"{first.model.name} in {a.name}", f"{second.model.name} in {b.name}"
    difference = judge_samples(np.array(ours.latency_ms), np.array(theirs.latency_ms))
    return names, f"latency under {ours.title}", difference


def _shared(first: Result, second: Result, a: Path, b: Path) -> tuple[ScenarioResult, ScenarioResult]:
    for ours in first.scenarios:
        for theirs in second.scenarios:
            if (ours.scenario, ours.fps) == (theirs.scenario, theirs.fps):
                if min(len(ours.latency_ms), len(theirs.latency_ms)) < 100:
                    raise EdgeError(
                        f"{a} and {b} have fewer than 100 frames of {ours.title}: "
                        "make both again with --runs 100 or more"
                    )
                return ours, theirs
    raise EdgeError(f"{a} and {b} have no scenario in common: run both with the same --scenario and --fps")
