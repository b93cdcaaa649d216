"""How sure a figure is: intervals for percentiles of one run, and for the ratio of two."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.metrics.bootstrap import blocks
from edge.metrics.bootstrap import bootstrap as bootstrap_of

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # (n,) -> (...)

_MOST_DRAWS = 400
_MOST_NUMBERS = 4_000_000  # drawn in all, so that half an hour of runs is summed up in seconds


def bootstrap(samples: NDArray[np.float64], statistic: Statistic, level: float = 0.95) -> NDArray[np.float64]:
    """Interval of a statistic of one run, by drawing blocks of neighbours, which are slow or fast together.

    Args:
        samples: shape (n,), in the order of time.
        statistic: one figure or several of runs, float64 (n,).
        level: share of the draws inside the interval.

    Returns:
        float64 (2, ...): low and high of each figure of the statistic. Seeded: the same run gives the same interval.
    """
    n = len(samples)
    draws = max(50, min(_MOST_DRAWS, _MOST_NUMBERS // n))
    return bootstrap_of(lambda drawn: statistic(samples[drawn]), blocks(n), draws, level)


def signed_rank_limit(n: int, error: float) -> int:
    """The largest w with P(W <= w) <= error, W being Wilcoxon's signed-rank sum of n pairs; -1 where n is too small."""
    counts = np.ones(1)
    for rank in range(1, n + 1):
        longer = np.zeros(len(counts) + rank)
        longer[: len(counts)] += counts / 2
        longer[rank:] += counts / 2
        counts = longer
    return int(np.searchsorted(np.cumsum(counts), error * (1 + 1e-9), side="right")) - 1


def centre(differences: NDArray[np.float64], level: float) -> tuple[float, float, float]:
    """Hodges-Lehmann estimate of a centre, with its exact interval: a few stalls do not move it.

    Args:
        differences: shape (n,), one per pair.
        level: of the interval, such as 0.995.

    Returns:
        (estimate, low, high); low and high are infinite where n pairs are too few for the level.
    """
    n = len(differences)
    rows, columns = np.triu_indices(n)
    means = np.sort((differences[rows] + differences[columns]) / 2)
    cut = signed_rank_limit(n, (1 - level) / 2)
    low, high = (means[cut], means[-1 - cut]) if cut >= 0 else (-math.inf, math.inf)
    return float(np.median(means)), float(low), float(high)
