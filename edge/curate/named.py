"""Duplicates by name: which photographs, of which kind, and which one of each group to keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from edge.curate.duplicates import find_duplicates
from edge.curate.load import load_table
from edge.curate.select import best_of


@dataclass(frozen=True)
class Named:
    """One photograph of a group.

    Attributes:
        group: its number, from 1.
        kind: ``exact`` where another one of the group has the same bytes, else ``near``.
        keep: whether it is the one with the best score.
        score: None where it could not be graded.
    """

    group: int
    kind: Literal["exact", "near"]
    keep: bool
    score: float | None
    path: str

    @property
    def shown(self) -> str:
        """The score as text."""
        return "" if self.score is None else f"{self.score:.4f}"


def name_duplicates(path: Path, distance: int) -> tuple[list[Named], int]:
    """All photographs of a table that are there several times, group by group, the one to keep first.

    Args:
        path: a table of ``edge-grade --table``.
        distance: see ``find_duplicates``.

    Returns:
        The photographs, and how many could not be compared with all that look like them.

    Raises:
        EdgeError: the table cannot be read.
    """
    table = load_table(path, ["path", "score", "sha256", "hash"])
    found = find_duplicates(table.column("sha256"), table.column("hash"), distance)
    score = table.column("score").to_numpy()
    stays = best_of(found, "near", score)
    rows = np.flatnonzero(found.near >= 0)
    rows = rows[np.lexsort((rows, ~stays[rows], found.near[rows]))]
    numbers = np.unique(found.near[rows], return_inverse=True)[1] + 1
    paths = table.column("path").take(rows).to_pylist()
    named = [
        Named(
            int(number),
            "exact" if found.exact[row] >= 0 else "near",
            bool(stays[row]),
            float(score[row]) if np.isfinite(score[row]) else None,
            name,
        )
        for number, row, name in zip(numbers, rows, paths, strict=True)
    ]
    return named, found.crowded
