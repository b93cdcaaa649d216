"""Products of matrices in a graph: least squares, and averages over areas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.export.arrays import concat, maximum, minimum, stack, top, transpose, upto, where
from edge.export.tensor import Tensor, lift


def least_squares(columns: Sequence[Tensor], weights: Tensor, targets: Tensor, hold: Tensor | None = None) -> Tensor:
    """The factors (n,) by which weighted columns add up to the targets; not numbers where none do.

    Args:
        columns: n of them, float64 (P,).
        weights, targets: float64 (P,).
        hold: added to the matrix (n, n) of the normal equations.
    """
    terms = stack(columns)
    weighted = terms * weights
    matrix = weighted @ transpose(terms, 1, 0)
    return solve(matrix if hold is None else matrix + hold, weighted @ targets, len(columns))


def solve(matrix: Tensor, values: Tensor, n: int) -> Tensor:
    """What a symmetric, positive matrix (n, n) maps onto these values (n,); not numbers where nothing does."""
    rest, rows = concat([matrix, values[:, None]], axis=1), np.arange(n)[:, None]
    smallest = 1e-13 * top(abs(matrix))
    for row in range(n):  # Gauss and Jordan's elimination
        pivot = rest[row, row]
        pivot = where(pivot > smallest, pivot, np.nan)
        pivotal = rest[row] / pivot
        rest = where(matrix.graph.constant(rows == row), pivotal[None], rest - rest[:, row][:, None] * pivotal[None])
    return rest[:, n]


def area_matrix(source: Tensor, cells: Tensor | int) -> Tensor:
    """(cells, source): how much each pixel of a row counts in the mean over each of some cells; both scalars."""
    number = lift(source.graph, cells)
    each = source / number
    begin = upto(number).astype("float64")[:, None] * each
    pixels = upto(source).astype("float64")
    return maximum(minimum(begin + each, pixels + 1.0) - maximum(begin, pixels), 0.0) / each
