"""What the graph says took most of a frame, against the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge.export.causes import _weighed
from edge.findings.cause import CAUSES
from edge.findings.cause_network import weighed


def test_causes_are_weighed_as_in_the_program(written: Callable[..., Any]) -> None:
    def steps(main: Any, chances: Any, seen: Any) -> dict[str, Any]:
        return {"weighed": _weighed(main, chances[: len(CAUSES)], seen)}

    shapes = {"main": ("float32", (7,)), "chances": ("float32", (8, 9)), "seen": ("float32", (9,))}
    run, rng, changed = written(shapes, steps), np.random.default_rng(0), 0
    for _ in range(20):
        scores = rng.normal(0, 2, len(CAUSES)).astype(np.float32)
        cells = rng.random((len(CAUSES) + 1, 9), np.float32) ** 8
        cells, inside = cells / cells.sum(axis=0), rng.random(9, np.float32)
        likely = np.exp(scores) / np.exp(scores).sum()
        ours, theirs = weighed(likely, cells, inside), np.exp(run(scores, cells, inside)["weighed"])
        np.testing.assert_allclose(theirs / theirs.sum(), ours, atol=1e-5)
        changed += int(ours.argmax() != scores.argmax())
    assert changed >= 5  # or the weighing could be left out
