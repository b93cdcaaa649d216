"""edge-bench tables: every table of speed in docs/benchmarks.md, measured again by one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.bench import BenchOptions, bench
from benchmarks.commands.check import check_compare
from benchmarks.commands.plan import Scenario, plan
from benchmarks.compare.ab_test import ROUNDS
from benchmarks.peers.build import PEERS, Peer
from benchmarks.peers.measure import measure_peers
from benchmarks.report.tables import BEGIN, END, UNFINISHED, check_table, peer_table, speed_tables
from edge import EdgeError
from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL, Debug, Trust, err
from trainer.pages import check_report, put_between, split_page

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
    trust: Trust = None,
    debug: Debug = False,
) -> None:
    """Measure every table of speed on OpenVINO and put it into a page. Needs an idle machine and one to two hours.

    Example: edge-bench tables docs/benchmarks.md
    """
    check_report("edge-bench tables")
    split_page(page, BEGIN, END)  # a page without a place for the tables is an error before an hour of measuring
    chosen = choose(only)
    plans = plan(Scenario.all, None, runs, None)
    result, failure = bench(
        BenchOptions("edge-bench tables", model, plans, threads, "openvino", reference, roofline=True, devices=_DEVICES)
    )
    if failure is not None:
        raise EdgeError(failure)
    parts: list[str] = []

    def write(more: list[str], last: bool = False) -> None:
        """Write at once, so that a run of an hour that is cut short is not lost."""
        parts.extend(more)
        put_between(page, BEGIN, END, "\n\n".join(parts if last else [*parts, UNFINISHED]))

    if result.roofline is not None:
        write(speed_tables(result))
    if result.interrupted:
        raise KeyboardInterrupt
    if result.roofline is None:
        raise EdgeError(f"the ceilings of this processor could not be measured: {' '.join(result.notes)}")
    rows = measure_peers(model, chosen, folder, threads)
    write([peer_table(rows, result.roofline.ceilings)])
    if pairs:
        found = check_compare(model, threads, pairs, max(1, pairs // 2), _PLANTED, ROUNDS)
        write([check_table(found, _PLANTED, ROUNDS)], last=True)
    else:
        write([], last=True)
    err.print(f"tables written into {page}", markup=False)


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
