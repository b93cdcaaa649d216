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
_KEEP = 0.97  # share of the good photographs of each set that may not be refused
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
    """One pair of thresholds for all sets together; defaults where there are none.

    ``usable`` refuses as many rejects and outliers as it can, the mean of the sets, while each set keeps nearly all
    of its good photographs; ``good`` separates good from the rest by balanced accuracy, where a set has a middle class.

    Args:
        sets: each with rejects, and with good or usable photographs.
    """
    if not sets:
        return UNFITTED
    kept = [s.of("good") if len(s.of("good")) else s.of("usable") for s in sets]
    refused = [s.of("reject", "outlier") for s in sets]
    most = min(float(np.quantile(high, 1 - _KEEP, method="lower")) for high in kept)
    usable = _best_cut(kept, refused, 0.0, most)
    graded = [s for s in sets if len(s.of("usable")) and len(s.of("good"))]
    if graded:
        good = _best_cut([s.of("good") for s in graded], [s.of("usable", "reject") for s in graded], usable, 1.0)
    else:
        good = usable + (1 - usable) / 3
    return Thresholds(fundus=min(_FUNDUS, usable), usable=usable, good=good)


def _best_cut(above: Sequence[Scores], below: Sequence[Scores], low: float, high: float) -> float:
    """The threshold in [low, high] with the best balanced accuracy, mean over the sets; the middle of equal ones."""
    cuts = np.linspace(low, high, max(2, round((high - low) * 1000)))
    best = equally_best(np.sum([shares(cuts, a, b) for a, b in zip(above, below, strict=True)], axis=(0, 1)))
    # Equal cuts further up, separated from the first run by worse ones, do not count.
    run = best[: int(np.argmax(np.diff(best, append=best[-1] + 2) > 1)) + 1]
    return float(cuts[run].mean())
