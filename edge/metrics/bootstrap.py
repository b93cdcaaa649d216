"""Intervals by bootstrap: what is drawn again, and the interval of any figure over the draws.

SciPy's bootstrap refuses a class of one image, draws no blocks, and gives no interval where one draw has no figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Indices = NDArray[np.intp]
Draw = Callable[[np.random.Generator], Indices]


def bootstrap(
    statistic: Callable[[Indices], ArrayLike], draw: Draw, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> NDArray[np.float64]:
    """Interval of a figure, or of several; a draw without a figure (NaN) is left out.

    Args:
        statistic: the figure of the drawn indices.
        draw: see ``each``, ``each_class`` and ``blocks``.
        draws: bootstrap samples.
        level: share of the draws inside the interval.
        seed: of the samples.

    Returns:
        float64 (2, ...): low and high of each figure.
    """
    generator = np.random.default_rng(seed)
    figures = [np.asarray(statistic(draw(generator)), dtype=np.float64) for _ in range(draws)]
    half = (1 - level) / 2
    return np.asarray(np.nanquantile(figures, (half, 1 - half), axis=0))


def each(number: int) -> Draw:
    """Each of so many is as likely as any other."""
    return lambda generator: generator.choice(number, number)


def each_class(labels: NDArray[np.bool_]) -> Draw:
    """Each class is drawn from by itself, positives first, so that both stay present."""
    groups = np.flatnonzero(labels), np.flatnonzero(~labels)
    return lambda generator: np.concatenate([generator.choice(members, len(members)) for members in groups])


def blocks(number: int) -> Draw:
    """Blocks of neighbours are drawn, which are alike, such as runs that are slow or fast together."""
    length = max(1, min(number, round(2 * number ** (1 / 3))))
    offsets, times = np.arange(length), math.ceil(number / length)

    def draw(generator: np.random.Generator) -> Indices:
        starts = generator.integers(0, number - length + 1, times)
        return np.asarray((starts[:, None] + offsets).ravel()[:number])

    return draw
