"""Figures of guidance and automatic capture over many plays, compared with their targets."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.capture.judge import JudgedSequence, better_share, first_gradable, most_changes, right_hints
from edge.guidance.hint import OF_A_FRAME
from edge.phantom import GRADABLE

TARGETS = {
    "hint_right": 0.9,  # for each cause
    "changes_per_second": 2.0,  # at most
    "kept_in_best": 0.95,
    "fired_gradable": 0.985,  # what the best guided systems report
    "gradable_fired": 0.961,
    "seconds_to_shutter": 2.0,  # at most
}
BEST = 0.05  # the kept frame should be among this share of its sequence


@dataclass(frozen=True)
class Share:
    """A part of a number."""

    part: int
    of: int

    @property
    def value(self) -> float | None:
        return self.part / self.of if self.of else None


@dataclass(frozen=True)
class Figures:
    """The figures of a run; shares of nothing have no value.

    Attributes:
        plays, frames: how many were judged.
        hints: by cause, frames whose hint was right, of those counted from 0.5 s after the onset of the cause.
        told: frames by the hint that was shown.
        changes: most changes of the hint within one second, over all plays.
        kept_in_best: plays whose kept frame is in the best ``BEST`` of its frames by truth.
        captures: captures whose best frame can be graded by its truth, of those with a truth.
        fired: plays that fired, of those with a gradable frame by truth.
        fired_at_all: plays that fired, of all.
        waits: seconds from the first gradable frame to the shutter, one for each play that had both.
        left_out: plays that were not judged, with the reason.
    """

    plays: int
    frames: int
    hints: dict[str, Share]
    told: dict[str, int]
    changes: int
    kept_in_best: Share
    captures: Share
    fired: Share
    fired_at_all: Share
    waits: tuple[float, ...]
    left_out: tuple[str, ...] = ()

    @property
    def median_wait(self) -> float | None:
        return float(np.median(self.waits)) if self.waits else None


def figures_of(judged: Sequence[JudgedSequence], left_out: Sequence[str] = ()) -> Figures:
    """Sum the results of all plays."""
    hints: dict[str, tuple[int, int]] = {}
    for one in judged:
        for cause, (right, of) in right_hints(one).items():
            before = hints.get(cause, (0, 0))
            hints[cause] = before[0] + right, before[1] + of
    shown = [moment.hint for one in judged for moment in one.moments]
    kept = [share for one in judged if (share := better_share(one)) is not None]
    truths = [truth for one in judged for i in one.fired if (truth := one.moments[i].truth) is not None]
    gradable = [(one, since) for one in judged if (since := first_gradable(one)) is not None]
    return Figures(
        len(judged),
        len(shown),
        {cause: Share(*hints[cause]) for cause in sorted(hints)},
        {code: shown.count(code) for code in OF_A_FRAME},
        max((most_changes(one) for one in judged), default=0),
        Share(sum(share <= BEST for share in kept), len(kept)),
        Share(sum(truth >= GRADABLE for truth in truths), len(truths)),
        Share(sum(bool(one.fired) for one, _ in gradable), len(gradable)),
        Share(sum(bool(one.fired) for one in judged), len(judged)),
        tuple(max(0.0, one.fired_at[0] - since) for one, since in gradable if one.fired),
        tuple(left_out),
    )


def reached(figures: Figures) -> dict[str, bool | None]:
    """Whether each of ``TARGETS`` is met; None where there is no figure."""
    shares = [share.value for share in figures.hints.values() if share.value is not None]
    wait = figures.median_wait
    return {
        "hint_right": min(shares) >= TARGETS["hint_right"] if shares else None,
        "changes_per_second": figures.changes <= TARGETS["changes_per_second"] if figures.frames else None,
        "kept_in_best": _at_least(figures.kept_in_best, "kept_in_best"),
        "fired_gradable": _at_least(figures.captures, "fired_gradable"),
        "gradable_fired": _at_least(figures.fired, "gradable_fired"),
        "seconds_to_shutter": None if wait is None else wait <= TARGETS["seconds_to_shutter"],
    }


def _at_least(share: Share, target: str) -> bool | None:
    return None if share.value is None else share.value >= TARGETS[target]


def to_json(command: str, figures: Figures, judged: Sequence[JudgedSequence], interrupted: bool) -> str:
    """Everything as one JSON object, with a summary of each play."""
    plays: list[dict[str, Any]] = [
        {
            "name": one.name,
            "frames": len(one.moments),
            "fired_at": [round(t, 3) for t in one.fired_at],
            "fired": list(one.fired),
            "kept": one.kept,
            "kept_truth": None if one.kept is None else one.moments[one.kept].truth,
            "better_share": better_share(one),
            "first_gradable": first_gradable(one),
            "hints": right_hints(one),
            "most_changes": most_changes(one),
        }
        for one in judged
    ]
    facts = {"schema": 1, "command": command, "interrupted": interrupted, **dataclasses.asdict(figures)}
    facts.pop("waits")
    facts["seconds_to_shutter"] = {
        "median": figures.median_wait,
        "p90": float(np.percentile(figures.waits, 90)) if figures.waits else None,
    }
    return json.dumps({**facts, "targets": TARGETS, "reached": reached(figures), "each": plays}, indent=2)
