"""The limits of a screening criterion, fitted to labels: each from what adequate photographs measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from calibration.site.criterion import Accepted, Aim, cut
from edge.assessment import Assessment
from edge.criteria.adequacy import AT_MOST, measure, meets
from edge.criteria.criterion import MOST_DIAMETERS, Criterion, Requirements
from edge.findings.field_definition import FieldKind
from edge.metrics.labels import Quality

KINDS: tuple[FieldKind, ...] = get_args(FieldKind)
_IN_DIAMETERS = ("fovea_from_centre", "disc_to_edge")  # the others are shares
_DIGITS = 4  # of a limit
_STEP = (0.05, 0.25)  # of a share, and of disc diameters: the gap beyond the least that was adequate


@dataclass(frozen=True, eq=False)
class Measured:
    """Labelled photographs as a criterion sees them.

    Attributes:
        kinds: of field, text (N,); empty where there is no fundus, which is never adequate.
        figures: by the names of ``Requirements``, float64 (N,); NaN where one cannot be measured.
        accepted: the truth, bool (N,).
    """

    kinds: NDArray[np.str_]
    figures: dict[str, NDArray[np.float64]]
    accepted: Accepted

    def some(self, chosen: Accepted | NDArray[np.intp]) -> Measured:
        """Only these photographs."""
        figures = {name: values[chosen] for name, values in self.figures.items()}
        return Measured(self.kinds[chosen], figures, self.accepted[chosen])


def measure_all(assessed: Sequence[tuple[Assessment, Quality]]) -> Measured:
    """The figures of labelled photographs."""
    kinds = ["" if seen.verdict == "no_fundus" else seen.field_definition.kind for seen, _ in assessed]
    found = [measure(seen) for seen, _ in assessed]
    figures = {each.name: np.array([one[each.name] for one in found], float) for each in fields(Requirements)}
    return Measured(np.array(kinds), figures, np.array([label in ("good", "usable") for _, label in assessed]))


def predict(seen: Measured, criterion: Criterion) -> Accepted:
    """Which photographs are adequate, bool (N,); the rule of ``edge.criteria.adequacy.judge``."""
    adequate = np.zeros(len(seen.accepted), np.bool_)
    for kind in KINDS:
        wanted: Requirements | None = getattr(criterion, kind)
        if wanted is not None:
            adequate |= (seen.kinds == kind) & _meet(seen, wanted)
    return adequate


def asked(wanted: Requirements | None) -> dict[str, float]:
    """The limits of a kind of field, by name."""
    every = {each.name: getattr(wanted, each.name, None) for each in fields(Requirements)}
    return {name: limit for name, limit in every.items() if limit is not None}


def fit_limits(seen: Measured, own: Criterion) -> Criterion:
    """The criterion with limits that agree best with the labels; what they do not decide stays as it is.

    Each kind of field is fitted by itself, for the best mean of sensitivity and specificity; one whose photographs
    are all adequate, or all not, stays.
    """
    fitted = {kind: _fit_kind(seen.some(seen.kinds == kind), getattr(own, kind)) for kind in KINDS}
    return replace(own, macula=fitted["macula"], disc=fitted["disc"], other=fitted["other"])


def undecided(seen: Measured, own: Criterion) -> list[str]:
    """One sentence for each kind of field whose labels cannot be fitted to."""
    said = []
    for kind in KINDS:
        accepted = seen.accepted[seen.kinds == kind]
        if getattr(own, kind) is not None and (accepted.all() or not accepted.any()):
            called = "adequate" if accepted.all() else "not adequate"
            all_alike = f"its {len(accepted)} labelled images are all {called}"
            why = all_alike if len(accepted) else "no labelled image is one"
            said.append(f"the limits for the field {kind} stay: {why}.")
    return said


def _fit_kind(seen: Measured, own: Requirements | None) -> Requirements | None:
    # Also from limits that every adequate photograph meets: where several are too strict, no single one gets better.
    if own is None or seen.accepted.all() or not seen.accepted.any():
        return own
    starts = (own, replace(own, **{name: _loosest(seen, name, limit) for name, limit in asked(own).items()}))
    return max((_refine(seen, start, own) for start in starts), key=lambda limits: _agreement(seen, limits))


def _refine(seen: Measured, start: Requirements, own: Requirements) -> Requirements:
    """One limit after the other is moved, for as long as that agrees better."""
    limits, best, before = start, _agreement(seen, start), -1.0
    while best > before:
        before = best
        for name, limit in asked(own).items():
            tried = replace(limits, **{name: _best_limit(seen, limits, name, limit)})
            if (found := _agreement(seen, tried)) > best + 1e-9:
                limits, best = tried, found
    return limits


def _best_limit(seen: Measured, limits: Requirements, name: str, own: float) -> float:
    """The limit that agrees best while the others stay; of equal ones the nearest to the file's."""
    scores = _scaled(name, seen.figures[name])
    decided = _meet(seen, replace(limits, **{name: None})) & ~np.isnan(scores)
    if not decided.any():
        return own
    # The others are refused whatever this limit is; they lie a step below, so that it stays near to what was measured.
    below = max(0.0, float(scores[decided].min()) - float(_share(name, _STEP[name in _IN_DIAMETERS])))
    scores = np.where(decided, scores, below)
    return _unscaled(name, cut(scores, seen.accepted, float(_scaled(name, own)), Aim()))


def _loosest(seen: Measured, name: str, own: float) -> float:
    scores = _scaled(name, seen.figures[name])[seen.accepted]
    return own if np.isnan(scores).all() else _unscaled(name, float(np.nanmin(scores)) - 10.0**-_DIGITS / 2)


def _scaled(name: str, figure: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """In [0, 1], higher is better."""
    share = np.clip(_share(name, figure), 0, 1)
    return np.asarray(1 - share if name in AT_MOST else share)


def _share(name: str, figure: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Of the largest that a file may ask for."""
    return np.asarray(figure, float) / (MOST_DIAMETERS if name in _IN_DIAMETERS else 1)


def _unscaled(name: str, score: float) -> float:
    share = 1 - score if name in AT_MOST else score
    return round(float(np.clip(share, 0, 1)) * (MOST_DIAMETERS if name in _IN_DIAMETERS else 1), _DIGITS)


def _meet(seen: Measured, wanted: Requirements) -> Accepted:
    met = np.ones(len(seen.accepted), np.bool_)
    for name, limit in asked(wanted).items():
        met &= meets(name, seen.figures[name], limit)
    return met


def _agreement(seen: Measured, limits: Requirements) -> float:
    """Mean of sensitivity and specificity."""
    met = _meet(seen, limits)
    return float(met[seen.accepted].mean() + (~met[~seen.accepted]).mean()) / 2
