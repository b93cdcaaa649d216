"""The tables of speed in docs/benchmarks.md, as Markdown between two comments of the page."""

from __future__ import annotations

from pathlib import Path

from benchmarks.compare.ab_test import CALLS
from benchmarks.compare.check import Checked
from benchmarks.peers.measure import PeerTime
from benchmarks.report.result import Result
from benchmarks.roofline.ceilings import Ceilings, least_ms
from benchmarks.roofline.predict import check, off_by_unseen
from trainer.pages import render

BEGIN, END = "<!-- speed: written by edge-bench tables -->", "<!-- end of speed -->"
UNFINISHED = "*This run was interrupted: the remaining tables were not measured.*"


def speed_tables(result: Result) -> list[str]:
    """Date and machine, scenarios, notes, roofline, predictions, and the reference where it was timed."""
    machine, model = result.machine, result.model
    engine = f"{machine.engine['runtime']} {machine.engine['version'].split('-')[0]}"
    known = check()
    return [
        f"{result.date[:10]}, {machine.cpu}, {machine.cores} cores, {machine.threads} threads, {engine}, frame step "
        f"{machine.frame_step}; `{model.name}`, {model.precision}, frames of {result.frames.sizes[0]}.",
        _table(scenarios=result.scenarios),
        "\n".join(f"- {note}" for note in result.notes),
        _table(roofline=result.roofline),
        _table(predictions=result.predictions, checked=[(row, off_by_unseen(row, known)) for row in known]),
        *([] if result.reference is None else [_table(compared=result.reference)]),
    ]


def peer_table(rows: tuple[PeerTime, ...], ceilings: Ceilings) -> str:
    """Our model and its peers on the same engine, and the limits of this processor for each."""
    works = [sum(layer.macs for layer in row.layers) / 1e9 for row in rows]
    return _table(peers=[(row, work, least_ms(row.layers, ceilings)) for row, work in zip(rows, works, strict=True)])


def check_table(found: Checked, share: float, rounds: int) -> str:
    """How often compare was right about pairs of equals and of unequals."""
    return _table(found=found, percent=100 * share, calls=f"{rounds} x {CALLS}")


def _table(**given: object) -> str:
    """The part of the template for these values."""
    return render(Path(__file__).with_name("tables.md"), **given).strip()
