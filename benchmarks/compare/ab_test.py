"""Two ways to do the same, in turns: is one slower, by how much, and how sure is that?"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.run.latency import Tick, warm_up
from calibration import timing
from calibration.timing import Call, Turn, milliseconds
from edge.metrics.intervals import bootstrap, centre

Finding = Literal["no difference", "slower", "faster"]

ROUNDS = 60
CALLS = 20
COLD = 3  # uncounted calls at the start of a turn, when the caches hold the other's data
LEVEL = 0.995  # of the interval: one comparison in two hundred of equals may be wrong, and the margin makes it rarer
MARGIN = 0.01  # two engines of the same bundle may differ by as much: their memory layout is random
FILES_MARGIN = 0.05  # runs of two processes without turns differ more than that only for a reason


@dataclass(frozen=True)
class Difference:
    """B compared with A.

    Attributes:
        a_ms, b_ms: medians of all counted calls.
        ratio: time of B over time of A, low and high its interval.
        level: of the interval.
        margin: differences within it count as none.
        finding: about B: ``slower`` or ``faster`` if the entire interval is beyond the margin.
        rounds, calls: turns of each, and counted calls in a turn.
        interrupted: Ctrl-C ended it early; the figures are of the rounds until then.
    """

    a_ms: float
    b_ms: float
    ratio: float
    low: float
    high: float
    level: float
    margin: float
    finding: Finding
    rounds: int
    calls: int
    interrupted: bool = False


def take_turns(
    a: Call, b: Call, rounds: int = ROUNDS, calls: int = CALLS, tick: Tick = lambda done: None
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Time A and B in turns, A B, B A, A B, so that neither a drift of the machine nor being first favours one.

    Args:
        a, b: calls to time.
        rounds: turns of each.
        calls: counted calls in a turn, after ``COLD`` that are not.
        tick: called with the number of completed rounds.

    Returns:
        Milliseconds of A and of B, float64 (rounds, calls) each; fewer rounds, and True, after Ctrl-C.

    Raises:
        KeyboardInterrupt: Ctrl-C in the first round.
    """
    for each in (a, b):
        warm_up(functools.partial(milliseconds, each))
    turns = [Turn(each, calls, COLD) for each in (a, b)]
    (a_ms, b_ms), interrupted = timing.take_turns(turns, rounds, mirrored=True, keep=1, tick=tick)
    return a_ms, b_ms, interrupted


def judge(
    a_ms: NDArray[np.float64], b_ms: NDArray[np.float64], interrupted: bool = False, margin: float = MARGIN
) -> Difference:
    """The difference from rounds of turns; arguments as ``take_turns`` returns them.

    One figure a round, the ratio of its two medians: stalls inside a turn do not count, and neighbours in time are
    compared. The interval is exact for any noise that affects both equally.
    """
    rounds = np.log(np.median(b_ms, axis=1)) - np.log(np.median(a_ms, axis=1))
    ratio, low, high = (math.exp(value) for value in centre(rounds, LEVEL))
    return Difference(
        a_ms=float(np.median(a_ms)),
        b_ms=float(np.median(b_ms)),
        ratio=ratio,
        low=low,
        high=high,
        level=LEVEL,
        margin=margin,
        finding=find(low, high, margin),
        rounds=a_ms.shape[0],
        calls=a_ms.shape[1],
        interrupted=interrupted,
    )


def judge_samples(a_ms: NDArray[np.float64], b_ms: NDArray[np.float64]) -> Difference:
    """Two runs that took no turns, float64 (runs,) each: only the wider margin applies."""
    level = math.sqrt(LEVEL)  # of each, so that both hold at once at LEVEL

    def median(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.median(drawn, axis=-1))

    (a_low, a_high), (b_low, b_high) = (bootstrap(each, median, level) for each in (a_ms, b_ms))
    a, b = float(np.median(a_ms)), float(np.median(b_ms))
    low, high = float(b_low / a_high), float(b_high / a_low)
    calls = min(len(a_ms), len(b_ms))
    return Difference(a, b, b / a, low, high, LEVEL, FILES_MARGIN, find(low, high, FILES_MARGIN), 1, calls)


def find(low: float, high: float, margin: float) -> Finding:
    """The finding from an interval of the ratio."""
    if low > 1 + margin:
        return "slower"
    return "faster" if high < 1 / (1 + margin) else "no difference"


def too_slow(difference: Difference, limit: float) -> bool:
    """Whether B is slower than A by more than a share: the estimate is beyond it, and B is certainly slower."""
    return difference.ratio > 1 + limit and difference.low > 1


def too_noisy(difference: Difference, limit: float) -> bool:
    """Whether the interval is too wide to detect a share."""
    return not difference.high / difference.low < (1 + limit) ** 2
