"""How well a degradation map says where anatomy is lost, held against frames whose truth is known.

``quality`` takes any map maker (``trainer.evaluation.predictors``) and frames (``trainer.evaluation.truth.frames``) of
eyes (``trainer.evaluation.truth.eyes``)::

    eyes = phantom_eyes()
    found = quality(sharpness_maps, spoiled(eyes), swept(eyes[:6]))
    print(*found.lines(), sep=chr(10))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.metrics.classification import auroc, f1
from edge.phantom.transfer import CLEAR
from trainer.evaluation.predictors import MapMaker, Maps, on_grid
from trainer.evaluation.sweep import Sweep, sweeps
from trainer.evaluation.truth.frames import GRID, TrueFrame

LOST = 1 - (1 / 3) / CLEAR  # true degradation of a cell with a third of its contrast left; from here on it is lost
WHOLE = 1 - (2 / 3) / CLEAR  # with two thirds left; up to here it is whole. Cells between them belong to neither
ALARM = 0.5  # a map above this says that anatomy is lost
_CENTRAL = 0.5  # field radii from the middle
_FEW = 0.01  # share of the centre that may light up in a good frame


@dataclass(frozen=True)
class Separation:
    """How well maps part lost cells from whole ones.

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

    def lines(self) -> list[str]:
        """For people."""
        lines = [f"{'degradation':<14}{'frames':>7}{'AUROC':>9}{'Dice':>9}"]
        for each in (*self.kinds, self.overall):
            lines.append(f"{each.kind:<14}{each.frames:>7}{_shown(each.auroc):>9}{_shown(each.dice):>9}")
        if self.macula is not None:
            lines.append(f"macula of undegraded frames called lost: {self.macula:.1%} of its area")
        if self.false_lights is not None:
            lines.append(
                f"undegraded frames with more than {_FEW:.0%} of the centre called lost: {self.false_lights:.1%}"
            )
        if self.sweeps:
            lines.append(f"{'severity':<14}" + "".join(f"{s:>7g}" for s in self.sweeps[0].severities) + "  score")
        for sweep in self.sweeps:
            said = f"{'falls' if sweep.falls else 'does not fall'}, in {sweep.frames_falling:.0%} of frames"
            lines.append(f"{sweep.kind:<14}" + "".join(f"{s:>7.3f}" for s in sweep.scores) + f"  {said}")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """For machines: plain numbers, no NaN."""
        return asdict(self)


def quality(maps_of: MapMaker, frames: Sequence[TrueFrame], sweep: Sequence[TrueFrame] = ()) -> MapQuality:
    """Hold maps against the truth.

    Args:
        maps_of: makes the maps; see ``trainer.evaluation.predictors``.
        frames: see ``spoiled`` and ``played`` of ``trainer.evaluation.truth.frames``.
        sweep: see ``swept`` there.

    Raises:
        EdgeError: no frames, or a map holds no number.
    """
    if not frames:
        raise EdgeError("a map can be held against nothing: give at least one frame whose truth is known.")
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
        sweeps(maps_of, sweep) if sweep else (),
    )


def _separation(kind: str, frames: Sequence[TrueFrame], maps: Maps) -> Separation:
    truth = np.stack([frame.truth for frame in frames])
    sure = np.stack([frame.counted for frame in frames]) & ((truth >= LOST) | (truth <= WHOLE))
    lost, said = truth[sure] >= LOST, maps[sure]
    alarms = said > ALARM
    return Separation(
        kind,
        len(frames),
        auroc(said, lost) if lost.any() and not lost.all() else None,
        f1(alarms, lost) if lost.any() or alarms.any() else None,
    )


def _central(frame: TrueFrame) -> NDArray[np.bool_]:
    """Cells within half the field's radius of the middle, bool (GRID, GRID)."""
    offset = (np.arange(GRID) + 0.5) / (GRID / 2) - 1
    return np.asarray(frame.counted & (np.hypot(offset[None, :], offset[:, None]) < _CENTRAL))


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.4f}"
