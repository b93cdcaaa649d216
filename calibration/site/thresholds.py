"""Thresholds from labelled photographs, and how well the quality score separates them; no map changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.bundle.bundle import Thresholds
from edge.metrics.classification import Figure, auroc, difference_with_interval
from edge.metrics.labels import Quality
from edge.metrics.protocol import tasks
from edge.metrics.thresholds import Scores, equally_best, shares

# Without any label: the shares of visible anatomy that the phantom calls gradable, and a margin above it.
UNFITTED = Thresholds(fundus=0.05, usable=0.6, good=0.8)
KEEP = 0.97  # share of the good photographs of each set that may not be refused
PASSED = 0.1  # share of all others, by the mean of the sets, that may be called good
_MANY = 5  # photographs, of fewer of which a share says little
_APART = 0.01  # of a score, between engines
_FUNDUS = 0.05  # a frame on which less than this is visible shows no retina


@dataclass(frozen=True, eq=False)
class Scored:
    """The quality scores of one labelled set."""

    name: str
    scores: Scores
    qualities: Sequence[Quality]

    def of(self, *wanted: Quality) -> Scores:
        """The scores of some qualities."""
        return self.scores[np.isin(np.array(self.qualities), wanted)]


def aurocs(scored: Scored) -> dict[str, float]:
    """Good against reject, and where there is a middle class good + usable against reject; outliers do not count.

    Returns:
        ``good/reject`` and ``gradable/reject``, each where the set holds ``good`` or ``usable``.
    """
    return {f"{name}/reject": auroc(scored.scores[kept], accepted) for name, kept, accepted in tasks(scored.qualities)}


def auroc_differences(full: Scored, eight: Scored) -> dict[str, Figure]:
    """AUROC of INT8 less that of the float network, with the paired interval; the questions of ``aurocs``.

    Args:
        full, eight: the same photographs in the same order.
    """
    return {
        f"{name}/reject": difference_with_interval(auroc, full.scores[kept], eight.scores[kept], accepted)
        for name, kept, accepted in tasks(full.qualities)
    }


def fit_thresholds(sets: Sequence[Scored]) -> Thresholds:
    """One pair of thresholds for the sets of several cameras together; every set counts alike, whatever its size.

    ``usable`` refuses as many rejects and outliers as it can, by the mean of the sets that hold some, while each set
    loses at most 3 % of its good photographs; a set of fewer than 35 loses none. It stays a hundredth below the good
    photograph that bounds it: the scores of two engines lie within that. ``good`` is where the share of good
    photographs above it, by the mean of the sets, and the share of all others below it, by the mean of the sets that
    have a middle class, have the greatest sum; but no more than one in ten of those others may pass, by the mean of
    those sets that hold five or more, because a poor photograph called good is never taken again. Without a middle
    class it lies a third of the way from ``usable`` to 1.

    Args:
        sets: not all of them need photographs of each kind.

    Returns:
        ``UNFITTED`` where no set holds a good photograph, or none a reject or outlier.
    """
    clear = [high for s in sets if len(high := s.of("good"))]
    refused = [low for s in sets if len(low := s.of("reject", "outlier"))]
    if not clear or not refused:
        return UNFITTED
    most = min(float(np.quantile(high, 1 - KEEP, method="lower")) for high in clear)
    usable = _best_cut(clear, refused, 0.0, max(0.0, most - _APART))
    rest = [s.of("usable", "reject", "outlier") for s in sets if "usable" in s.qualities]
    good = _best_cut(clear, rest, usable, 1.0) if rest else usable + (1 - usable) / 3
    if many := [scores for scores in rest if len(scores) >= _MANY]:
        good = max(good, _least_cut(many, usable))
    return Thresholds(fundus=min(_FUNDUS, usable), usable=usable, good=good)


def _least_cut(below: Sequence[Scores], low: float) -> float:
    """The least threshold from ``low`` up that at most ``PASSED`` of these reach, mean over the sets; 1 at most."""
    cuts = np.linspace(low, 1.0, max(2, round((1.0 - low) * 1000)))
    refused = np.mean([shares(cuts, scores, scores)[1] for scores in below], axis=0)
    enough = np.flatnonzero(refused >= 1 - PASSED - 1e-12)
    return float(cuts[enough[0]]) if len(enough) else 1.0


def _best_cut(above: Sequence[Scores], below: Sequence[Scores], low: float, high: float) -> float:
    """The threshold in [low, high] with the best balanced accuracy, mean over the sets; the middle of equal ones."""
    cuts = np.linspace(low, high, max(2, round((high - low) * 1000)))
    kept = np.mean([shares(cuts, scores, scores)[0] for scores in above], axis=0)
    refused = np.mean([shares(cuts, scores, scores)[1] for scores in below], axis=0)
    best = equally_best(kept + refused)
    # Equal cuts further up, separated from the first run by worse ones, do not count.
    run = best[: int(np.argmax(np.diff(best, append=best[-1] + 2) > 1)) + 1]
    return float(cuts[run].mean())
