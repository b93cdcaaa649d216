"""How well a degradation map shows where anatomy is lost, compared with frames whose truth is known.

``quality`` takes any map maker (``trainer.evaluation.predictors``) and frames (``trainer.evaluation.truth.frames``) of
eyes (``trainer.evaluation.truth.eyes``)::

    eyes = phantom_eyes()
    found = quality(sharpness_maps, spoiled(eyes), swept(eyes[:6]))
    print(found.overall.auroc, [sweep.falls for sweep in found.sweeps])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.metrics.classification import auroc, f1
from edge.phantom.transfer import CLEAR
from trainer.evaluation.predictors import MapMaker, Maps, on_grid
from trainer.evaluation.truth.frames import GRID, TrueFrame

LOST = 1 - (1 / 3) / CLEAR  # true degradation of a cell with a third of its contrast left; from here on it is lost
WHOLE = 1 - (2 / 3) / CLEAR  # with two thirds left; up to here it is whole. Cells between them belong to neither
ALARM = 0.5  # a map above this says that anatomy is lost
_CENTRAL = 0.5  # field radii from the middle
_FEW = 0.01  # share of the centre that may light up in a good frame
_SLIGHT = 0.05  # where the truth falls by less from one severity to the next, the score need not fall,
_STEADY = 0.01  # but may not rise by more


@dataclass(frozen=True)
class Separation:
    """How well maps separate lost cells from whole ones.

    Attributes:
        kind: of degradation; ``all`` for the whole set.
        frames: of this kind.
        auroc: over cells, pooled; None where all of them are lost or all whole.
        dice: of the cells above ``ALARM`` and the lost ones; None where neither is any.
    """

    kind: str
    frames: int
    auroc: float | None
    dice: float | None


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


@dataclass(frozen=True)
class MapQuality:
    """Figures of one map maker on one set of frames.

    Attributes:
        overall: all cells of all frames.
        kinds: per kind of degradation.
        macula: share of the macula's cells above ``ALARM`` in undegraded frames; None where no macula is known.
        false_lights: share of undegraded frames with more than 1 % of the central cells above ``ALARM``; None without.
        sweeps: per kind of degradation; empty where no sweep was given.
    """

    overall: Separation
    kinds: tuple[Separation, ...]
    macula: float | None
    false_lights: float | None
    sweeps: tuple[Sweep, ...]


def quality(maps_of: MapMaker, frames: Sequence[TrueFrame], sweep: Sequence[TrueFrame] = ()) -> MapQuality:
    """Compare maps with the truth.

    Args:
        maps_of: makes the maps; see ``trainer.evaluation.predictors``.
        frames: see ``spoiled`` and ``played`` of ``trainer.evaluation.truth.frames``.
        sweep: see ``swept`` there.

    Raises:
        EdgeError: no frames, or a map holds no number.
    """
    if not frames:
        raise EdgeError("there is no frame to compare maps with: give at least one frame whose truth is known.")
    maps = on_grid(maps_of([frame.square for frame in frames]))
    present = dict.fromkeys(frame.kind for frame in frames)
    of_kind = {kind: [n for n, frame in enumerate(frames) if frame.kind == kind] for kind in present}
    clean = of_kind.pop("none", [])
    kinds = [_separation(kind, [frames[n] for n in chosen], maps[chosen]) for kind, chosen in of_kind.items()]
    macula = np.concatenate([np.zeros(0), *(maps[n][m] for n in clean if (m := frames[n].macula) is not None)])
    lights = [(maps[n][_central(frames[n])] > ALARM).mean() > _FEW for n in clean if _central(frames[n]).any()]
    return MapQuality(
        _separation("all", frames, maps),
        tuple(kinds),
        float((macula > ALARM).mean()) if len(macula) else None,
        float(np.mean(lights)) if lights else None,
        _sweeps(maps_of, sweep) if sweep else (),
    )


def _separation(kind: str, frames: Sequence[TrueFrame], maps: Maps) -> Separation:
    truth = np.stack([frame.truth for frame in frames])
    sure = np.stack([frame.counted for frame in frames]) & ((truth >= LOST) | (truth <= WHOLE))
    lost, found = truth[sure] >= LOST, maps[sure]
    alarms = found > ALARM
    return Separation(
        kind,
        len(frames),
        auroc(found, lost) if lost.any() and not lost.all() else None,
        f1(alarms, lost) if lost.any() or alarms.any() else None,
    )


def _central(frame: TrueFrame) -> NDArray[np.bool_]:
    """Cells within half the field's radius of the middle, bool (GRID, GRID)."""
    offset = (np.arange(GRID) + 0.5) / (GRID / 2) - 1
    return np.asarray(frame.counted & (np.hypot(offset[None, :], offset[:, None]) < _CENTRAL))


def _sweeps(maps_of: MapMaker, frames: Sequence[TrueFrame]) -> tuple[Sweep, ...]:
    """One ``Sweep`` for each kind.

    Args:
        maps_of: makes the maps; see ``trainer.evaluation.predictors``.
        frames: see ``trainer.evaluation.truth.frames.swept``.
    """
    maps = on_grid(maps_of([frame.square for frame in frames]))
    found, true = (
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
        scores, truths = (np.array([[table[key] for key in row] for row in keys]) for table in (found, true))
        mean, true_mean = scores.mean(axis=0), truths.mean(axis=0)
        made.append(
            Sweep(
                kind,
                tuple(severities),
                tuple(mean.tolist()),
                tuple(true_mean.tolist()),
                bool(_falls(mean, true_mean)),
                float(_falls(scores, truths).mean()),
            )
        )
    return tuple(made)


def _falls(scores: NDArray[np.float64], truths: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether scores (..., severities) fall with the truth of the same shape; see ``Sweep``."""
    step, true_step = np.diff(scores), np.diff(truths)
    steps_fall = ((step < 0) | ((true_step > -_SLIGHT) & (step <= _STEADY))).all(axis=-1)
    return np.asarray(steps_fall & (scores[..., -1] < scores[..., 0]))
