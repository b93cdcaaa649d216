"""What each camera gets from a pair of thresholds, and from thresholds that were fitted on the other cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calibration.site.thresholds import UNFITTED, Scored, fit_thresholds
from edge.bundle.bundle import Thresholds
from trainer.pages import markdown_table

_LEFT_OUT = " left out: "  # in the names of figures that a bundle carries
_HEAD = (
    "set",
    "clear",
    "useless",
    "usable from, good from",
    "clear refused",
    "useless refused",
    "clear called good",
    "others called good",
)


@dataclass(frozen=True)
class Verdicts:
    """What a set gets from a pair of thresholds; photographs counted.

    Attributes:
        name: of the set.
        thresholds: the pair.
        clear, clear_refused, clear_good: good photographs, of them refused, and called good.
        useless, useless_refused: rejects and outliers, and of them refused.
        others, others_good: usable ones, rejects and outliers, and of them called good.
    """

    name: str
    thresholds: Thresholds
    clear: int
    clear_refused: int
    clear_good: int
    useless: int
    useless_refused: int
    others: int
    others_good: int


def verdicts(scored: Scored, thresholds: Thresholds) -> Verdicts:
    """What a set gets from a pair of thresholds."""
    clear, useless, others = (
        scored.of(*some) for some in (("good",), ("reject", "outlier"), ("usable", "reject", "outlier"))
    )
    return Verdicts(
        scored.name,
        thresholds,
        len(clear),
        int((clear < thresholds.usable).sum()),
        int((clear >= thresholds.good).sum()),
        len(useless),
        int((useless < thresholds.usable).sum()),
        len(others),
        int((others >= thresholds.good).sum()),
    )


def leave_out(sets: Sequence[Scored]) -> tuple[Verdicts, ...]:
    """What each set gets from thresholds that were fitted on the others, if something can be fitted on these."""
    fits = [(each, fit_thresholds([other for other in sets if other is not each])) for each in sets]
    return tuple(verdicts(each, fitted) for each, fitted in fits if fitted != UNFITTED)


def figures(left_out: Sequence[Verdicts]) -> dict[str, float]:
    """What each set got from a fit without it, as shares, for the manifest."""
    found = {}
    for each in left_out:
        for what, part, whole in (
            ("clear refused", each.clear_refused, each.clear),
            ("useless refused", each.useless_refused, each.useless),
            ("clear called good", each.clear_good, each.clear),
        ):
            if whole:
                found[f"{each.name}{_LEFT_OUT}{what}"] = round(part / whole, 6)
    return found


def without_fits(metrics: dict[str, float]) -> dict[str, float]:
    """The figures of a bundle without those that tell how its thresholds were fitted."""
    return {name: value for name, value in metrics.items() if _LEFT_OUT not in name and not name.startswith("site ")}


def verdicts_table(rows: Sequence[Verdicts]) -> str:
    """In Markdown, a line for each set."""
    return markdown_table(_HEAD, [_cells(row) for row in rows])


def _cells(row: Verdicts) -> tuple[str, ...]:
    return (
        row.name,
        str(row.clear),
        str(row.useless),
        f"{row.thresholds.usable:.3f}, {row.thresholds.good:.3f}",
        _share(row.clear_refused, row.clear),
        _share(row.useless_refused, row.useless),
        _share(row.clear_good, row.clear),
        _share(row.others_good, row.others),
    )


def _share(part: int, whole: int) -> str:
    return f"{part} = {part / whole:.1%}" if whole else ""
