"""What a score does while one kind of degradation gets worse everywhere in a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.predictors import MapMaker, on_grid
from trainer.evaluation.truth.frames import TrueFrame

_SLIGHT = 0.05  # where the truth falls by less from one severity to the next, the score need not fall,
_STEADY = 0.01  # but may not rise by more


@dataclass(frozen=True)
class Sweep:
    """What scores do while one kind gets worse everywhere.

    Attributes:
        kind: of degradation.
        severities: in order, 0 first.
        scores: mean over the frames of 1 - mean degradation, per severity.
        true_scores: the same of the true maps.
        falls: whether the mean score falls from first to last and at every step at which the true one does; where that
            falls by less than 0.05, it is enough that the score rises by no more than 0.01.
        frames_falling: share of frames of which the same is true.
    """

    kind: str
    severities: tuple[float, ...]
    scores: tuple[float, ...]
    true_scores: tuple[float, ...]
    falls: bool
    frames_falling: float


def sweeps(maps_of: MapMaker, frames: Sequence[TrueFrame]) -> tuple[Sweep, ...]:
    """One ``Sweep`` for each kind.

    Args:
        maps_of: makes the maps; see ``trainer.evaluation.predictors``.
        frames: see ``trainer.evaluation.truth.frames.swept``.
    """
    maps = on_grid(maps_of([frame.square for frame in frames]))
    said, true = (
        {
            (frame.square.path, frame.kind, frame.severity): 1 - float(m[frame.counted].mean())
            for frame, m in zip(frames, layer, strict=True)
            if frame.counted.any()
        }
        for layer in (maps, [frame.truth for frame in frames])
    )
    eyes = list(dict.fromkeys(frame.square.path for frame in frames))
    severities = sorted({frame.severity for frame in frames})
    made = []
    for kind in dict.fromkeys(frame.kind for frame in frames if frame.kind != "none"):
        keys = [[(eye, kind if severity else "none", severity) for severity in severities] for eye in eyes]
        scores, truths = (np.array([[table[key] for key in row] for row in keys]) for table in (said, true))
        mean = scores.mean(axis=0)
        made.append(
            Sweep(
                kind,
                tuple(severities),
                tuple(map(float, mean)),
                tuple(map(float, truths.mean(axis=0))),
                bool(_falls(mean, truths.mean(axis=0))),
                float(_falls(scores, truths).mean()),
            )
        )
    return tuple(made)


def _falls(scores: NDArray[np.float64], truths: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether scores (..., severities) fall with the truth of the same shape; see ``Sweep``."""
    step, true_step = np.diff(scores), np.diff(truths)
    steps_fall = ((step < 0) | ((true_step > -_SLIGHT) & (step <= _STEADY))).all(axis=-1)
    return np.asarray(steps_fall & (scores[..., -1] < scores[..., 0]))
