"""Tables of photographs that were never graded, made here, and one that was."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.grading.table.columns import GRID, SCHEMA, TABLE_COLUMNS, Row
from edge.grading.table.table import Table

MakeTable = Callable[..., Path]
MakeRow = Callable[..., Row]


def _row(path: str, score: float | None = 0.5, **more: object) -> Row:
    """A row with what is told, and a map of which the left half is lost."""
    made: Row = {name: "" if kind == "text" else None for name, kind in TABLE_COLUMNS.items()}
    cells = np.zeros((GRID, GRID), np.uint8)
    cells[:, : GRID // 2] = 250
    cells[0] = 255
    verdict = "" if score is None else "good" if score >= 0.9 else "usable" if score >= 0.8 else "reject"
    made |= {"path": path, "score": score, "verdict": verdict, "schema": SCHEMA, "model": "m"}
    if score is not None:
        made["map"] = base64.b64encode(cells.tobytes()).decode()
    return made | more  # type: ignore[operator]


@pytest.fixture(scope="session")
def row() -> MakeRow:
    """Makes a row."""
    return _row


@pytest.fixture(params=["csv", "jsonl", "parquet"])
def make_table(tmp_path: Path, request: pytest.FixtureRequest) -> MakeTable:
    """Writes rows as a table in each format in turn; ``settled`` is whether its run has ended."""

    def make(*rows: Row, name: str = "t", settled: bool = True) -> Path:
        path = tmp_path / f"{name}.{request.param}"
        with Table(path) as table:
            for each in rows:
                table.add(each)
            if settled:
                table.settle()
        return path

    return make
