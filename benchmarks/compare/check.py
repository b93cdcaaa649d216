"""Can edge-bench compare be trusted here? Pairs of equals, and pairs with a planted slowdown."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.compare.ab_test import judge, take_turns
from benchmarks.run.latency import Tick
from calibration.timing import Call, milliseconds


@dataclass(frozen=True)
class Checked:
    """How often the findings were right.

    Attributes:
        equals, called_different: pairs of A against A, and those called slower or faster.
        planted, found: pairs in which B was made slower, and those called slower.
        seconds: of one pair, median.
    """

    equals: int
    called_different: int
    planted: int
    found: int
    seconds: float


def slowed(call: Call, share: float) -> Call:
    """The same call, then busy for a share of its usual time."""
    extra = share * float(np.median([milliseconds(call, index) for index in range(50)])) / 1000

    def slow(index: int) -> None:
        call(index)
        until = time.perf_counter() + extra
        while time.perf_counter() < until:
            pass

    return slow


def check(call: Call, equals: int, planted: int, share: float, rounds: int, tick: Tick = lambda done: None) -> Checked:
    """Compare a call with itself, and with itself made slower.

    Raises:
        KeyboardInterrupt: Ctrl-C at any time: an incomplete pair is not counted.
    """
    seconds, different, found = [], 0, 0
    for number in range(equals + planted):
        began = time.perf_counter()
        other = call if number < equals else slowed(call, share)
        a_ms, b_ms, interrupted = take_turns(call, other, rounds)
        if interrupted:
            raise KeyboardInterrupt
        finding = judge(a_ms, b_ms).finding
        seconds.append(time.perf_counter() - began)
        different += number < equals and finding != "no difference"
        found += number >= equals and finding == "slower"
        tick(number + 1)
    return Checked(equals, different, planted, found, float(np.median(seconds)))
