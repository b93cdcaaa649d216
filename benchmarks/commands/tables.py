"""edge-bench tables: every table of speed in docs/benchmarks.md, measured anew by one command."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import cv2
import typer

from benchmarks.bench import time_scenarios
from benchmarks.commands.plan import Scenario, plan
from benchmarks.compare.ab_test import ROUNDS
from benchmarks.compare.check import check
from benchmarks.compare.subjects import open_rival
from benchmarks.machine.machine import describe_machine, load_average, usable_cores
from benchmarks.peers.build import PEERS, Peer
from benchmarks.peers.measure import measure_peers
from benchmarks.reference import STOPPED, compare_with_reference
from benchmarks.report.summary import notes_on
from benchmarks.report.tables import (
    UNFINISHED,
    check_table,
    headline,
    peer_table,
    prediction_table,
    put_into,
    read_page,
    reference_table,
    roofline_table,
    scenario_table,
)
from benchmarks.roofline.ceilings import Roofline, measure_roofline
from benchmarks.roofline.layers import count_layers
from benchmarks.roofline.predict import predict
from benchmarks.run.frames import BenchFrames, phantom_frames
from edge import EdgeError, QualityModel
from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL, Debug, err
from edge.progress import progress
from trainer.pages import check_report

_DEVICES = ("orin-nano", "orin-nx", "agx-orin")
_PLANTED = 0.03


def tables(
    page: Annotated[Path, typer.Argument(help="The page, with the two comments that the tables go between.")],
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=MODEL)] = None,
    runs: Annotated[int, typer.Option(min=30, help="Timed frames of each scenario.")] = 1000,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores if left out.")] = None,
    reference: Annotated[bool, typer.Option(help="Time the reference too (needs the train extra).")] = True,
    folder: Annotated[Path, typer.Option("--peers", help="Folder of the peers, made where missing.")] = Path(
        "runs/peers"
    ),
    only: Annotated[list[str] | None, typer.Option("--peer", help="This peer alone; may be repeated.")] = None,
    pairs: Annotated[int, typer.Option(min=0, help="Pairs that compare is checked with; 0 leaves it out.")] = 200,
    debug: Debug = False,
) -> None:
    """Measure every table of speed on OpenVINO and put it into a page. Wants an idle machine and a long while.

    Example: edge-bench tables docs/benchmarks.md
    """
    check_report("edge-bench tables")
    read_page(page)  # a page without a place for the tables is told of before an hour of measuring
    chosen = choose(only)
    load = load_average()
    if threads is not None:
        cv2.setNumThreads(threads)
    with progress("getting frames"):
        frames = phantom_frames()
    parts: list[str] = []

    def measured(more: list[str], last: bool = False) -> None:
        """Into the page at once: a run of an hour that is cut short must not be for nothing."""
        parts.extend(more)
        put_into(page, "\n\n".join(parts if last else [*parts, UNFINISHED]))

    with QualityModel.load(model, "openvino", threads) as quality:
        with progress("roofline"):
            roofline = measure_roofline(quality.bundle.onnx, threads or usable_cores())
        measured(_speed(quality, frames, runs, threads, load, roofline))
        measured(_reference(quality, frames, threads or usable_cores()) if reference else [])
    rows = measure_peers(model, chosen, folder, threads)
    measured([peer_table(rows, roofline.ceilings)])
    measured(_trust(model, frames, threads, pairs) if pairs else [], last=True)
    err.print(f"tables written into {page}", markup=False)


def _speed(
    quality: QualityModel,
    frames: BenchFrames,
    runs: int,
    threads: int | None,
    load: tuple[float, float, float] | None,
    roofline: Roofline,
) -> list[str]:
    """Scenarios, what was wrong with them, roofline, predictions."""
    used = threads or usable_cores()
    timed = time_scenarios(quality.assess, frames, plan(Scenario.all, None, runs, None), used)
    scenarios = timed.scenarios
    if timed.failure is not None:
        raise EdgeError(timed.failure)
    if timed.stopped:
        raise KeyboardInterrupt
    machine = describe_machine(quality.engine.describe(), threads, load)
    notes = [f"- {note}" for note in (*notes_on(scenarios, frames, machine), *timed.missing)]
    layers = count_layers(quality.bundle.onnx)
    return [
        headline(quality.manifest, machine, frames, datetime.now(timezone.utc).date().isoformat()),
        scenario_table(scenarios),
        "\n".join(notes),
        roofline_table(roofline),
        prediction_table([predict(layers, device) for device in _DEVICES]),
    ]


def _reference(quality: QualityModel, frames: BenchFrames, threads: int) -> list[str]:
    compared, notes = compare_with_reference(quality.assess, frames, threads)
    if STOPPED in notes:
        raise KeyboardInterrupt
    return [*notes] if compared is None else [reference_table(compared)]


def _trust(model: Path | None, frames: BenchFrames, threads: int | None, pairs: int) -> list[str]:
    """How often edge-bench compare is right on this machine."""
    planted = max(1, pairs // 2)
    with open_rival(str(named_bundle(model)), frames.images, threads) as rival:
        assert rival.assess is not None  # it is a bundle
        with progress("pairs of compare", pairs + planted) as tick:
            return [check_table(check(rival.assess, pairs, planted, _PLANTED, ROUNDS, tick), _PLANTED, ROUNDS)]


def choose(only: list[str] | None) -> tuple[Peer, ...]:
    """Peers by name; all of them where none is named.

    Raises:
        typer.BadParameter: there is no such peer.
    """
    known = {peer.name: peer for peer in PEERS}
    for name in only or []:
        if name not in known:
            raise typer.BadParameter(f"there is no peer '{name}': choose {', '.join(known)}.")
    return tuple(known[name] for name in only or known)
