"""A verdict on a deadline: does a frame in time come out in time, and how sure is that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Word = Literal["PASS", "FAIL", "INCONCLUSIVE"]
_ERROR = 0.025  # at each end of a 95 % interval


@dataclass(frozen=True)
class DeadlineVerdict:
    """What may be said of a deadline after one run.

    Attributes:
        word: ``PASS``: the whole interval is within what is allowed; ``FAIL``: the whole interval is beyond it;
            ``INCONCLUSIVE``: it holds both, and more frames may tell.
        deadline_ms: from the arrival of a frame to its assessment.
        allowed: share of frames that may be late.
        late: frames later than that, those that a newer one overtook included.
        frames: that arrived.
        low, high: 95 % interval of the share that is late.
    """

    word: Word
    deadline_ms: float
    allowed: float
    late: int
    frames: int
    low: float
    high: float


def deadline_verdict(
    latency_ms: NDArray[np.float64], dropped: int, deadline_ms: float, allowed: float
) -> DeadlineVerdict:
    """Judge the latencies of a run under ``camera``.

    The interval is the exact one of a binomial share (Clopper and Pearson); a stall counts for as many frames as it
    makes late. With none late it ends at 3.7 / frames, so 0.1 % needs 3,700 frames for a PASS.

    Args:
        latency_ms: shape (n,), n > 0, from the arrival of each frame.
        dropped: frames that were never graded, which are late whatever the deadline.
        deadline_ms: the latest time.
        allowed: share of frames that may be later, from 0 to 1.
    """
    frames = len(latency_ms) + dropped
    late = int((np.asarray(latency_ms) > deadline_ms).sum()) + dropped
    low = 0.0 if late == 0 else _share(late - 1, frames, 1 - _ERROR)
    high = 1.0 if late == frames else _share(late, frames, _ERROR)
    word: Word = "PASS" if high <= allowed else "FAIL" if low > allowed else "INCONCLUSIVE"
    return DeadlineVerdict(word, deadline_ms, allowed, late, frames, low, high)


def _share(most: int, frames: int, wanted: float) -> float:
    """The share at which ``most`` or fewer of ``frames`` are late with probability ``wanted``."""
    counts = np.arange(most + 1)
    ways = np.array([math.lgamma(frames + 1) - math.lgamma(k + 1) - math.lgamma(frames - k + 1) for k in counts])
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        chance = float(np.exp(ways + counts * math.log(middle) + (frames - counts) * math.log1p(-middle)).sum())
        low, high = (middle, high) if chance > wanted else (low, middle)
    return high
