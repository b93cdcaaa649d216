"""The tables of speed in docs/benchmarks.md, as Markdown between two comments of the page."""

from __future__ import annotations

from pathlib import Path

from benchmarks.compare.ab_test import CALLS
from benchmarks.compare.check import Checked
from benchmarks.machine.machine import Machine
from benchmarks.peers.measure import PeerTime
from benchmarks.peers.published import Comparison
from benchmarks.report.result import ScenarioResult, scenario_name
from benchmarks.roofline.ceilings import Ceilings, Roofline, least_ms
from benchmarks.roofline.predict import Prediction, check, off_by_unseen
from benchmarks.run.frames import BenchFrames
from edge.bundle.bundle import Manifest
from trainer.pages import put_between, render, split_page

BEGIN, END = "<!-- speed: written by edge-bench tables -->", "<!-- end of speed -->"
UNFINISHED = "*This run was cut short: what should stand here was not measured.*"


def read_page(page: Path) -> tuple[str, str]:
    """What stands around the tables, before anything is measured for them.

    Raises:
        EdgeError: the page cannot be read, or lacks the comments.
    """
    return split_page(page, BEGIN, END)


def put_into(page: Path, tables: str) -> None:
    """Replace what stands between the comments, and leave all else as it is by now."""
    put_between(page, BEGIN, END, tables)


def headline(manifest: Manifest, machine: Machine, frames: BenchFrames, date: str) -> str:
    """When, on what, with what."""
    engine = f"{machine.engine['runtime']} {machine.engine['version'].split('-')[0]}"
    return (
        f"{date}, {machine.cpu}, {machine.cores} cores, {machine.threads} threads, {engine}, frame step "
        f"{machine.frame_step}; `{manifest.name}`, {manifest.precision}, frames of {frames.sizes[0]}."
    )


def scenario_table(scenarios: tuple[ScenarioResult, ...]) -> str:
    """A row for each scenario: what it counts, and the time at work, so that paced and tight loops can be compared."""
    return _table(scenarios=[(scenario_name(each), each) for each in scenarios])


def roofline_table(roofline: Roofline) -> str:
    """The whole network and each layer beside what this processor can do."""
    return _table(roofline=roofline)


def prediction_table(predictions: list[Prediction]) -> str:
    """Ranges for devices that are not here, and how far off the predictor is where a latency is published."""
    rows = check()
    return _table(predictions=predictions, checked=[(row, off_by_unseen(row, rows)) for row in rows])


def reference_table(compared: Comparison) -> str:
    """Ours beside the paper's inference, from frame to map."""
    return _table(compared=compared)


def peer_table(rows: tuple[PeerTime, ...], ceilings: Ceilings) -> str:
    """Ours beside its peers on the same engine, and each beside what this processor can do."""
    works = [sum(layer.macs for layer in row.layers) / 1e9 for row in rows]
    return _table(peers=[(row, work, least_ms(row.layers, ceilings)) for row, work in zip(rows, works, strict=True)])


def check_table(found: Checked, share: float, rounds: int) -> str:
    """How often compare was right about pairs of equals and of unequals."""
    return _table(found=found, percent=100 * share, calls=f"{rounds} x {CALLS}")


def _table(**given: object) -> str:
    """The part of the template that shows this."""
    return render(Path(__file__).with_name("tables.md"), **given).strip()
