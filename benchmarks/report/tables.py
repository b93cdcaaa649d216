"""The tables of speed in docs/benchmarks.md, as Markdown between two comments of the page."""

from __future__ import annotations

from pathlib import Path

from benchmarks.compare.ab_test import CALLS
from benchmarks.compare.check import Checked
from benchmarks.peers.measure import PeerTime
from benchmarks.report.result import Result
from benchmarks.roofline.ceilings import Ceilings, least_ms
from benchmarks.roofline.predict import check, off_by_unseen
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


def speed_tables(result: Result) -> list[str]:
    """What was measured when and on what, scenarios, notes, roofline, predictions, and the reference where timed."""
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
    """Ours beside its peers on the same engine, and each beside what this processor can do."""
    works = [sum(layer.macs for layer in row.layers) / 1e9 for row in rows]
    return _table(peers=[(row, work, least_ms(row.layers, ceilings)) for row, work in zip(rows, works, strict=True)])


def check_table(found: Checked, share: float, rounds: int) -> str:
    """How often compare was right about pairs of equals and of unequals."""
    return _table(found=found, percent=100 * share, calls=f"{rounds} x {CALLS}")


def _table(**given: object) -> str:
    """The part of the template that shows this."""
    return render(Path(__file__).with_name("tables.md"), **given).strip()
