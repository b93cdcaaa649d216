"""The maps of a table, read batch by batch: their means, and those of chosen photographs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.assessment import ABSENT
from edge.curate.load import Snapshot
from edge.curate.summary import Groups
from edge.grading.table.columns import FULL, GRID, OUTSIDE

Means = list[list[int] | None]
_CELLS = GRID * GRID


def read_maps(
    table: Snapshot, dimensions: dict[str, Groups], chosen: NDArray[np.int64]
) -> tuple[dict[str, Means], dict[int, str]]:
    """Where in the field quality is lost.

    Args:
        table: the table.
        dimensions: how its photographs are parted.
        chosen: rows whose own maps are wanted.

    Returns:
        For each dimension and group the mean map: GRID * GRID percentages row by row, -1 where fewer than half of the
        photographs have field; None where no photograph has a map. Photographs without a retina are not in it. And the
        map of each chosen row that has one, as the table has it.
    """
    sums = {name: _Sums(len(groups.names)) for name, groups in dimensions.items()}
    own: dict[int, str] = {}
    for rows, texts, retina in _batches(table):
        made = [_cells_of(text) for text in texts]
        own |= {int(rows[at]): texts[at] for at in np.flatnonzero(np.isin(rows, chosen)) if made[at]}
        has = np.array([cells != b"" for cells in made], bool) & retina
        joined = b"".join(cells for cells, counts in zip(made, has, strict=True) if counts)
        cells = np.frombuffer(joined, np.uint8).reshape(-1, _CELLS)
        for name, groups in dimensions.items():
            sums[name].add(groups.codes[rows[has]], cells)
    return {name: each.means() for name, each in sums.items()}, own


def _cells_of(text: str) -> bytes:
    """A map's cells; none of what is no map."""
    try:
        cells = base64.b64decode(text, validate=True)
    except ValueError:
        return b""
    return cells if len(cells) == _CELLS else b""


def _batches(table: Snapshot) -> Iterator[tuple[NDArray[np.int64], list[str], NDArray[np.bool_]]]:
    """Numbers of rows, their maps, and whether they show a retina; of rows that count alone."""
    kept = table.kept
    at = done = 0
    for batch in table.batches(["map", "verdict"]):
        stays = np.ones(batch.num_rows, bool) if kept is None else kept[at : at + batch.num_rows]
        at += batch.num_rows
        part: Any = batch if stays.all() else batch.take(np.flatnonzero(stays))
        verdicts = part.column("verdict").to_pylist()
        yield (
            np.arange(done, done + len(verdicts)),
            part.column("map").to_pylist(),
            np.array([verdict not in ABSENT for verdict in verdicts], bool),
        )
        done += len(verdicts)


class _Sums:
    """Sums of maps by group."""

    def __init__(self, groups: int) -> None:
        self._lost, self._seen = np.zeros((groups, _CELLS)), np.zeros((groups, _CELLS))
        self._maps = np.zeros(groups)

    def add(self, codes: NDArray[np.int64], cells: NDArray[np.uint8]) -> None:
        """Add maps, uint8 (maps, cells), to their groups."""
        if not len(codes):
            return
        order = np.argsort(codes, kind="stable")
        names, starts = np.unique(codes[order], return_index=True)
        ordered = cells[order]
        inside = ordered != OUTSIDE
        self._lost[names] += np.add.reduceat(np.where(inside, ordered, 0), starts, axis=0, dtype=np.float64)
        self._seen[names] += np.add.reduceat(inside, starts, axis=0, dtype=np.float64)
        self._maps[names] += np.bincount(codes)[names]

    def means(self) -> Means:
        """See ``read_maps``."""
        share = np.rint(100 * self._lost / FULL / np.maximum(self._seen, 1)).astype(int)
        share[self._seen < self._maps[:, None] / 2] = -1
        return [row.tolist() if count else None for row, count in zip(share, self._maps, strict=True)]
