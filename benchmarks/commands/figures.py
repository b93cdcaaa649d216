"""What guidance and automatic capture reached, on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from benchmarks.capture.result import TARGETS, Figures, Share, reached


def print_figures(figures: Figures, console: Console) -> None:
    """A table for people."""
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
        told = ", ".join(
            f"{code} {count / max(1, figures.frames):.0%}" for code, count in figures.told.items() if count
        )
        console.print(f"without truth only what was shown can be told: {told}", markup=False)
    for sentence in figures.left_out:
        console.print(f"left out: {sentence}", markup=False)


def _percent(share: Share) -> str:
    return "-" if share.value is None else f"{share.value:.1%}"


def _tick(met: bool | None) -> str:
    return "" if met is None else ("reached" if met else "MISSED")
