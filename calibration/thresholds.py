"""Thresholds on the quality score, fitted on labelled photographs; the map does not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Thresholds
from edge.labels import Quality

# Without any label: the shares of visible anatomy that the phantom calls gradable, and a margin above it.
UNFITTED = Thresholds(fundus=0.05, usable=0.6, good=0.8)
_KEEP = 0.97  # share of the good photographs of each set that may not be refused
_FUNDUS = 0.05  # a frame on which less than this is visible shows no retina


@dataclass(frozen=True)
class Scored:
    """The quality scores of one labelled set."""

    name: str
    scores: NDArray[np.float64]
    qualities: Sequence[Quality]

    def of(self, *wanted: Quality) -> NDArray[np.float64]:
        """The scores of some qualities."""
        return self.scores[np.isin(np.array(self.qualities), wanted)]


def fit_thresholds(sets: Sequence[Scored]) -> Thresholds:
    """One pair of thresholds for all sets together.

    ``usable`` refuses as many rejects and outliers as it can, the mean of the sets, while each set keeps nearly all
    of its good photographs; ``good`` parts good from the rest by balanced accuracy, where a set knows a middle class.

    Args:
        sets: at least one, each with good and reject.
    """
    lowest = [float(np.quantile(s.of("good"), 1 - _KEEP)) for s in sets]
    refused = [np.concatenate([s.of("reject"), s.of("outlier")]) for s in sets]
    usable = _middle_of_best(
        lambda t: float(
            np.mean([np.mean(low < t) + np.mean(s.of("good") >= t) for s, low in zip(sets, refused, strict=True)])
        ),
        0.0,
        min(lowest),
    )
    graded = [s for s in sets if len(s.of("usable"))]
    good = usable + (1 - usable) / 3
    if graded:
        good = _middle_of_best(
            lambda t: float(
                np.mean([np.mean(s.of("good") >= t) + np.mean(s.of("usable", "reject") < t) for s in graded])
            ),
            usable,
            1.0,
        )
    return Thresholds(fundus=min(_FUNDUS, usable), usable=usable, good=max(good, usable))


def _middle_of_best(gain: object, low: float, high: float) -> float:
    """The middle of the range of thresholds with the largest gain, on a grid of thousandths."""
    assert callable(gain)
    candidates = np.linspace(low, high, max(2, round((high - low) * 1000)))
    gains = np.array([gain(t) for t in candidates])
    best = np.flatnonzero(gains >= gains.max() - 1e-12)
    # The longest run of equal gains around the first of them; further ones may be parted from it.
    run = best[: int(np.argmax(np.diff(best, append=best[-1] + 2) > 1)) + 1]
    return float(candidates[run].mean())
