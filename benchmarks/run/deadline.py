"""Whether frames are in time: the share that misses a deadline, with the interval in which it lies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Answer = Literal["PASS", "FAIL", "INCONCLUSIVE"]
_TAIL = 0.025  # chance of a share beyond either end of its interval
_BLOCKS = 20  # parts of a run that are compared: misses in a row are one stall, and tell as little as one miss


@dataclass(frozen=True)
class Deadline:
    """What is asked for: at most ``miss``, a share in (0, 1), of the frames takes longer than ``ms`` milliseconds."""

    ms: float
    miss: float


@dataclass(frozen=True)
class DeadlineVerdict:
    """The answer for one scenario.

    Attributes:
        answer: PASS where all of the interval is within the share, FAIL where none of it is, else INCONCLUSIVE.
        deadline_ms, miss: what was asked for.
        missed, frames: of so many. A frame that a newer one overtook has missed it.
        low, high: 95 % interval of the share that misses (Clopper and Pearson's), wider where misses come in bursts.
        needed: frames in all from which the share measured would decide; None where the answer is given, or is so close
            that ten million frames would not.
    """

    answer: Answer
    deadline_ms: float
    miss: float
    missed: int
    frames: int
    low: float
    high: float
    needed: int | None


def judge(late: NDArray[np.bool_], deadline: Deadline) -> DeadlineVerdict:
    """Hold a run against a deadline.

    Args:
        late: bool (frames,), whether each frame missed it, in the order of time, overtaken ones among them: they
            are part of the stall that took them.
        deadline: what is asked for.
    """
    frames, missed = len(late), int(late.sum())
    share, counts = missed / frames, frames / burstiness(late)
    low, high = exact_interval(share, counts)
    answer = _answer(low, high, deadline.miss)
    needed = None if answer != "INCONCLUSIVE" else _needed(share, frames, frames / counts, deadline.miss)
    return DeadlineVerdict(answer, deadline.ms, deadline.miss, missed, frames, low, high, needed)


def overall(verdicts: Iterable[DeadlineVerdict]) -> Answer:
    """Of several scenarios: the worst answer."""
    answers = [each.answer for each in verdicts]
    if "FAIL" in answers:
        return "FAIL"
    return "PASS" if set(answers) == {"PASS"} else "INCONCLUSIVE"


def frames_to_pass(miss: float) -> int:
    """Frames of which none may miss so that a run passes."""
    return math.ceil(math.log(_TAIL) / math.log1p(-miss))


def exact_interval(share: float, number: float) -> tuple[float, float]:
    """95 % interval of a share that was met among so many (Clopper and Pearson's); it holds for none of them too."""
    met, others = share * number, (1 - share) * number
    low = _beta_quantile(_TAIL, met, others + 1) if met > 0 else 0.0
    high = _beta_quantile(1 - _TAIL, met + 1, others) if others > 0 else 1.0
    return low, high


def _beta_quantile(chance: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta_cdf(middle, a, b) < chance else (low, middle)
    return (low + high) / 2


def _beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x > (a + 1) / (a + b + 2):  # there it converges slowly, and quickly from the other end
        return 1 - _beta_cdf(1 - x, b, a)
    if x <= 0:
        return 0.0
    c, d, value, m = 1.0, 0.0, 1.0, 0
    while True:  # Lentz's algorithm
        half = m // 2
        if m == 0:
            term = 1.0
        elif m % 2:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        d = 1 / (1 + term * d)
        c = 1 + term / c
        value *= c * d
        m += 1
        if m > 1 and abs(c * d - 1) < 1e-14:
            break
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(scale) / a * (value - 1)


def burstiness(late: Sequence[bool] | NDArray[np.bool_]) -> float:
    """How much more the misses of the parts of a run differ than by chance, at least 1."""
    share = float(np.mean(late))
    if len(late) < 2 * _BLOCKS or not 0 < share < 1:
        return 1.0
    parts = [float(np.mean(part)) for part in np.array_split(np.asarray(late, np.float64), _BLOCKS)]
    chance = share * (1 - share) * _BLOCKS / len(late)
    return max(float(np.var(parts, ddof=1)) / chance, 1.0)


def _answer(low: float, high: float, miss: float) -> Answer:
    if high <= miss:
        return "PASS"
    return "FAIL" if low > miss else "INCONCLUSIVE"


def _needed(share: float, frames: int, wider: float, miss: float) -> int | None:
    while frames < 10_000_000:
        frames = math.ceil(1.1 * frames)
        if _answer(*exact_interval(share, frames / wider), miss) != "INCONCLUSIVE":
            return frames
    return None
