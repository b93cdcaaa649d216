"""Calls timed in turns, A B A B, so that a drift of the machine affects all of them equally."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Call = Callable[[int], object]  # receives its number within the turn, so that frames take turns


@dataclass(frozen=True)
class Turn:
    """What is called in one turn.

    Attributes:
        call: what to time.
        counted: calls that count.
        cold: calls before them that do not: they find the caches full of the others' data.
    """

    call: Call
    counted: int
    cold: int = 0


def milliseconds(call: Call, index: int = 0) -> float:
    """How long one call takes."""
    start = time.perf_counter_ns()
    call(index)
    return (time.perf_counter_ns() - start) / 1e6


def take_turns(
    turns: Sequence[Turn],
    rounds: int,
    mirrored: bool = False,
    keep: int | None = None,
    tick: Callable[[int], None] = lambda done: None,
) -> tuple[list[NDArray[np.float64]], bool]:
    """Time several calls in turns.

    Args:
        turns: of one round.
        rounds: how many.
        mirrored: every second round goes backwards, A B, B A, so that being first is no advantage.
        keep: rounds from which on Ctrl-C ends it early and keeps them; None: it is always passed on.
        tick: called with the number of rounds done.

    Returns:
        Milliseconds of each call, float64 (rounds, counted); fewer rounds, and True, after Ctrl-C.

    Raises:
        KeyboardInterrupt: Ctrl-C before ``keep`` rounds were done.
    """
    done: list[dict[int, list[float]]] = []
    interrupted = False
    try:
        for number in range(rounds):
            order = list(enumerate(turns))
            if mirrored and number % 2:
                order.reverse()
            done.append({place: _turn(turn) for place, turn in order})
            tick(number + 1)
    except KeyboardInterrupt:
        if keep is None or len(done) < keep:
            raise
        interrupted = True
    return [np.array([row[place] for row in done]) for place in range(len(turns))], interrupted


def _turn(turn: Turn) -> list[float]:
    return [milliseconds(turn.call, index) for index in range(turn.cold + turn.counted)][turn.cold :]
