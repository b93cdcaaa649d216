"""Which photographs of an archive are worth looking at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.assessment import ABSENT
from edge.curate.duplicates import Duplicates

ROWS = 300  # in a list
PICTURES = {"worst": 110, "doubtful": 110, "best": 80, "no_fundus": 40}
GROUPS = 80  # of duplicates, two pictures each: 500 in all


def listed(table: Any, duplicates: Duplicates, limits: dict[str, float | None]) -> dict[str, NDArray[np.int64]]:
    """Rows of the lists of a report, of duplicates only the first.

    Args:
        table: with ``score`` and ``verdict``.
        duplicates: of the same rows.
        limits: where verdicts part; what is nearest to one is doubtful.
    """
    score = table.column("score").to_numpy()
    verdict = np.array(table.column("verdict").to_pylist(), "U10")
    own = (duplicates.near < 0) | (duplicates.near == np.arange(len(score)))
    retina = np.flatnonzero(own & np.isfinite(score) & ~np.isin(verdict, ABSENT))
    order = retina[np.argsort(score[retina], kind="stable")]
    edges = np.array([each for each in limits.values() if each is not None] or [0.5])
    apart = np.abs(score[retina, None] - edges[None]).min(axis=1)
    return {
        "worst": order[:ROWS],
        "doubtful": retina[np.argsort(apart, kind="stable")][:ROWS],
        "best": order[::-1][:ROWS],
        "no_fundus": np.flatnonzero(own & np.isin(verdict, ABSENT))[:ROWS],
    }


def groups_of(duplicates: Duplicates, most: int = ROWS) -> list[NDArray[np.int64]]:
    """The largest groups of duplicates, as rows."""
    rows = np.flatnonzero(duplicates.near >= 0)
    order = rows[np.argsort(duplicates.near[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(duplicates.near[order])) + 1
    groups = [group for group in np.split(order, starts) if len(group)]
    return sorted(groups, key=lambda group: (-len(group), int(group[0])))[:most]
