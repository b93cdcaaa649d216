"""A site's own criterion: pooling weights and thresholds from its labels, for a network that stays as it is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from calibration.site.labelled import check_both_kinds
from edge.assessment import Assessment
from edge.bundle.bundle import LANDMARKS, Manifest, Region, Thresholds
from edge.metrics.classification import auroc, difference_with_interval
from edge.metrics.labels import Quality
from edge.metrics.thresholds import Scores, equally_best, shares
from edge.score import quality_score, region_weights

Accepted = NDArray[np.bool_]
Pooling = dict[Region, float]

_WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of disc and macula that are tried; the periphery's is 1
DRAWS = 400  # bootstrap samples
_MARGIN = 0.25  # share of a gap between refused and accepted scores that a threshold keeps from either


@dataclass(frozen=True)
class Aim:
    """What ``usable`` is for: the best balanced accuracy, or a rate that is fixed beforehand.

    Attributes:
        fixed: ``sensitivity``, the share of good and usable photographs that is accepted; ``specificity``, the share
            of the others that is refused; ``balance`` for the best mean of both.
        rate: the least value of the fixed rate, in (0, 1].
    """

    fixed: Literal["balance", "sensitivity", "specificity"] = "balance"
    rate: float = 1.0


@dataclass(frozen=True, eq=False)
class Judged:
    """Labelled photographs, scored under every candidate of pooling weights.

    Attributes:
        poolings: (C,), the bundle's own first, then by how far they are from it.
        scores: (C, N), in [0, 1].
        qualities: (N,).
    """

    poolings: tuple[Pooling, ...]
    scores: Scores
    qualities: tuple[Quality, ...]

    @property
    def accepted(self) -> Accepted:
        """Of each photograph, bool (N,): good or usable."""
        return np.isin(np.array(self.qualities), ("good", "usable"))

    def some(self, chosen: Accepted | NDArray[np.intp]) -> Judged:
        """Only these photographs."""
        qualities = np.array(self.qualities, dtype=object)[chosen]
        return replace(self, scores=self.scores[:, chosen], qualities=tuple(qualities))


@dataclass(frozen=True)
class Criterion:
    """What a bundle decides by.

    Attributes:
        pooling: index into ``Judged.poolings``.
        thresholds: on the score under that pooling.
    """

    pooling: int
    thresholds: Thresholds


def judge(assessed: Sequence[tuple[Assessment, Quality]], manifest: Manifest) -> Judged:
    """Score labelled photographs under every candidate; a frame without a field scores 0 under all.

    Raises:
        EdgeError: the labels are of one class: nothing can be fitted to them.
    """
    qualities = tuple(quality for _, quality in assessed)
    check_both_kinds(qualities)
    poolings = _candidates(manifest)
    scores = np.array([[_score(assessment, pooling) for assessment, _ in assessed] for pooling in poolings])
    return Judged(poolings, scores, qualities)


def _score(seen: Assessment, pooling: Pooling) -> float:
    return 0.0 if seen.crop is None else quality_score(seen.map, region_weights(seen.regions, seen.field, pooling))


def _candidates(manifest: Manifest) -> tuple[Pooling, ...]:
    own = dict(manifest.pooling)
    if not set(LANDMARKS) <= set(manifest.maps):
        return (own,)
    tried: list[Pooling] = [
        {"disc": disc, "macula": macula, "periphery": 1.0} for disc, macula in itertools.product(_WEIGHTS, repeat=2)
    ]

    def logarithms(pooling: Pooling) -> list[float]:
        return [math.log(max(pooling[region] / pooling["periphery"], 1e-3)) for region in LANDMARKS]

    def distance(pooling: Pooling) -> float:
        return math.dist(logarithms(pooling), logarithms(own))

    return (own, *sorted((p for p in tried if distance(p) > 1e-9), key=distance))


def fit(judged: Judged, own: Thresholds, aim: Aim) -> Criterion:
    """Weights and thresholds from labels; what the labels do not decide stays as it is in the bundle.

    Other weights are taken only where they separate the labels better than the bundle's own beyond chance. ``usable``
    separates accepted from refused photographs; of equally good thresholds the one nearest to the bundle's own is
    taken. ``good`` separates good ones from the rest where there is a middle class.

    Args:
        judged: photographs of both classes.
        own: thresholds of the bundle.
        aim: of ``usable``.
    """
    chosen = _fit_pooling(judged)
    scores, qualities = judged.scores[chosen], np.array(judged.qualities)
    usable = cut(scores, judged.accepted, own.usable, aim)
    if {"good", "usable"} <= set(judged.qualities):
        good = max(usable, cut(scores, qualities == "good", own.good, Aim()))
    else:
        good = own.good if own.good > usable else usable + (1 - usable) / 3
    return Criterion(chosen, Thresholds(min(own.fundus, usable), usable, good))


def _fit_pooling(judged: Judged) -> int:
    """The candidate that ranks accepted above refused best, if that is surely better than the bundle's own."""
    accepted = judged.accepted
    found = np.array([auroc(scores, accepted) for scores in judged.scores])
    best = int(found.argmax())  # the nearest of equal ones
    if found[best] <= found[0]:
        return 0
    gain = difference_with_interval(auroc, judged.scores[0], judged.scores[best], accepted, DRAWS)
    return best if gain.low > 0 else 0


def cut(scores: Scores, accepted: Accepted, own: float, aim: Aim) -> float:
    """The threshold for an aim; ``score >= threshold`` is accepted.

    Args:
        scores: (N,).
        accepted: bool (N,), both classes present.
        own: the threshold to stay near to.
        aim: see ``Aim``.
    """
    # Cut k lies between the edges k and k + 1: what is below has been refused.
    edges = np.concatenate([[0.0], np.unique(scores), [1.0]])
    kept, refused = shares(edges[1:], scores[accepted], scores[~accepted])
    if aim.fixed == "sensitivity":
        best = np.flatnonzero(kept >= aim.rate - 1e-9)[-1:]
    elif aim.fixed == "specificity":
        # A refused image may score 1, and no threshold is higher.
        best = np.append(np.flatnonzero(refused >= aim.rate - 1e-9), len(refused) - 1)[:1]
    else:
        best = equally_best(kept + refused)
    low, high = edges[best], edges[best + 1]
    margin = _MARGIN * (high - low)
    cuts = np.clip(own, low + margin, high - margin)
    return float(cuts[np.abs(cuts - own).argmin()])
