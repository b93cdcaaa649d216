"""What a table says in figures: over all photographs, and by camera, site, time, eye and field definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.findings.cause import CAUSES

BINS = 500  # of a score: steps of 0.002
VERDICTS = ("good", "usable", "reject", "no_fundus", "no_anatomy", "")  # the last could not be graded
LIGHT = ["verdict", "score", "cause", "camera", "site", "taken", "eye", "field_definition"]
_MOST_GROUPS = 20
_MOST_MONTHS = 36  # beyond which the time is told by years
_MOST_EMPTY = 4  # months of an axis for each that has photographs
OTHERS, UNSTATED = "(others)", "(not stated)"


@dataclass(frozen=True, eq=False)
class Groups:
    """One way to part the photographs.

    Attributes:
        names: of the groups, the largest first, or by time.
        codes: int64 (rows,), the group of each photograph.
    """

    names: list[str]
    codes: NDArray[np.int64]


def group_by(column: Any, timely: bool = False) -> Groups:
    """Groups by the values of a column of text; small ones are one, where there are many.

    Args:
        column: a ``pyarrow.ChunkedArray``.
        timely: the values are times: the groups are months, or years where these are many, in their order.
    """
    codes = column.combine_chunks().dictionary_encode()
    values, numbers = codes.dictionary.to_pylist(), codes.indices.to_numpy().astype(np.int64)
    if timely:
        length = 7 if len({value[:7] for value in values}) <= _MOST_MONTHS else 4
        values = [value[:length] for value in values]
    names = list(dict.fromkeys(value or UNSTATED for value in values))
    place = {name: number for number, name in enumerate(names)}
    numbers = np.array([place[value or UNSTATED] for value in values], np.int64)[numbers] if values else numbers
    counts = np.bincount(numbers, minlength=len(names))
    order = sorted(
        range(len(names)), key=lambda each: (names[each] == UNSTATED, names[each]) if timely else -counts[each]
    )
    shown = order if len(order) <= _MOST_GROUPS or timely else order[: _MOST_GROUPS - 1]
    rank = np.full(len(names), len(shown), np.int64)
    rank[shown] = np.arange(len(shown))
    listed = [names[each] for each in shown] + ([OTHERS] if len(shown) < len(names) else [])
    return Groups(listed, rank[numbers] if len(names) else numbers)


def dimensions_of(table: Any) -> dict[str, Groups]:
    """How a report parts photographs, and all of them as one group."""
    found = {"all": Groups(["all"], np.zeros(table.num_rows, np.int64))}
    for name in ("camera", "site", "eye", "field_definition"):
        found[name] = group_by(table.column(name))
    return found | {"time": group_by(table.column("taken"), timely=True)}


def figures(table: Any, groups: Groups) -> list[dict[str, Any]]:
    """For each group: ``name``, ``rows``, ``verdicts``, ``causes`` (main ones), ``scores`` (a histogram), ``mean``."""
    verdicts = _codes(table.column("verdict"), VERDICTS)
    causes = _codes(table.column("cause"), CAUSES)
    score = table.column("score").to_numpy()
    scored, size = np.isfinite(score), len(groups.names)
    bins = np.floor(np.where(scored, score, 0) * BINS + 1e-6).astype(np.int64)
    by_verdict = _cross(groups.codes, size, verdicts, len(VERDICTS) + 1)
    spoiled = (verdicts == 1) | (verdicts == 2)
    by_cause = _cross(groups.codes[spoiled], size, causes[spoiled], len(CAUSES) + 1)
    by_score = _cross(groups.codes[scored], size, bins[scored], BINS + 1)
    sums = np.bincount(groups.codes[scored], weights=score[scored], minlength=size)
    return [
        {
            "name": name,
            "rows": int(by_verdict[each].sum()),
            "verdicts": by_verdict[each][:-1].tolist(),
            "causes": by_cause[each][:-1].tolist(),
            "scores": by_score[each].tolist(),
            "mean": round(float(sums[each] / max(1, by_score[each].sum())), 4),
        }
        for each, name in enumerate(groups.names)
    ]


def monthly(table: Any, by: Groups, most: int = 6) -> dict[str, Any]:
    """Drift: for each month its photographs, their mean score and the share that is good.

    Args:
        table: with ``taken``, ``score`` and ``verdict``.
        by: groups, of which the first are told apart.
        most: how many of them.

    Returns:
        ``months``, and ``lines`` of a name and, for each month, ``[rows, mean score, share]`` or None.
    """
    taken = table.column("taken").combine_chunks().dictionary_encode()
    values = [value[:7] for value in taken.dictionary.to_pylist()]
    months = _filled(sorted({value for value in values if len(value) == 7}))
    place = {month: number for number, month in enumerate(months)}
    numbers = np.array([place.get(value, -1) for value in values] or [-1], np.int64)[taken.indices.to_numpy()]
    score = table.column("score").to_numpy()
    counted = np.isfinite(score) & (numbers >= 0)
    good = _codes(table.column("verdict"), VERDICTS) == 0
    lines = [("all", counted)] + [(name, counted & (by.codes == code)) for code, name in enumerate(by.names[:most])]
    made = []
    for name, rows in lines if months else []:
        count, scores, fine = (
            np.bincount(numbers[rows], weights=each, minlength=len(months))
            for each in (None, score[rows], good[rows].astype(float))
        )
        points = [
            [int(n), round(float(total / n), 4), round(float(share / n), 4)] if n else None
            for n, total, share in zip(count, scores, fine, strict=True)
        ]
        if any(points):
            made.append({"name": name, "points": points})
    return {"months": months, "lines": made}


def _filled(months: list[str]) -> list[str]:
    """With the months between, so that an axis is one of time; not where a clock that was never set adds many."""
    if not months:
        return months
    first, last = (12 * int(each[:4]) + int(each[5:]) - 1 for each in (months[0], months[-1]))
    if last - first >= _MOST_EMPTY * len(months):
        return months
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(first, last + 1)]


def limits_of(table: Any) -> dict[str, float | None]:
    """Where verdicts part: the lowest score that is ``usable``, and that is ``good``, of those there are."""
    score, verdicts = table.column("score").to_numpy(), _codes(table.column("verdict"), VERDICTS)
    scored = np.isfinite(score)
    lowest = {name: score[scored & (verdicts == code)] for code, name in enumerate(VERDICTS[:2])}
    return {name: float(found.min()) if len(found) else None for name, found in lowest.items()}


def _codes(column: Any, names: Sequence[str]) -> NDArray[np.int64]:
    """The place of each text among names; one behind them where it is not there."""
    found = column.combine_chunks().dictionary_encode()
    places = [names.index(each) if each in names else len(names) for each in found.dictionary.to_pylist()]
    numbers: NDArray[np.int64] = np.array(places or [0], np.int64)[found.indices.to_numpy()]
    return numbers


def _cross(one: NDArray[np.int64], rows: int, other: NDArray[np.int64], columns: int) -> NDArray[np.int64]:
    """How often each pair occurs, int64 (rows, columns)."""
    counts: NDArray[np.int64] = np.bincount(one * columns + other, minlength=rows * columns).reshape(rows, columns)
    return counts
