"""What a threshold accepts and refuses: scores at or above it are accepted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


def shares(thresholds: Scores, accept: Scores, refuse: Scores) -> tuple[Scores, Scores]:
    """Sensitivity and specificity of each threshold.

    Args:
        thresholds: (T,).
        accept, refuse: scores of the images that should be accepted and refused, at least one of each.

    Returns:
        Two of shape (T,): the share of ``accept`` that is accepted, and of ``refuse`` that is refused.
    """
    lost, refused = (np.searchsorted(np.sort(scores), thresholds) for scores in (accept, refuse))
    return (len(accept) - lost) / len(accept), refused / len(refuse)


def equally_best(gains: Scores) -> NDArray[np.intp]:
    """Where the greatest gain is, in order; what rounding alone sets apart is equal."""
    return np.flatnonzero(gains >= gains.max() - 1e-12)
