"""How far two networks that should agree are apart: float and INT8, teacher and student, two engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.bundle.bundle import Thresholds
from edge.errors import EdgeError
from edge.metrics.classification import spearman


@dataclass(frozen=True)
class Parity:
    """The distance between two networks over a set of frames.

    Attributes:
        frames: how many were compared.
        map_mae: mean over the frames of the mean absolute difference of the maps inside the field.
        map_max: the largest difference of any cell.
        rank_correlation: Spearman, of the scores; NaN for fewer than 2 frames or constant scores.
        score_max: the largest difference of two scores.
        verdict_flips: frames whose verdict differs.
    """

    frames: int
    map_mae: float
    map_max: float
    rank_correlation: float
    score_max: float
    verdict_flips: int

    def lines(self) -> list[str]:
        """The figures, one a line, for reports."""
        return [
            f"frames compared          {self.frames}",
            f"map mean abs difference  {self.map_mae:.4f}",
            f"map max abs difference   {self.map_max:.4f}",
            f"score rank correlation   {self.rank_correlation:.4f}",
            f"score max abs difference {self.score_max:.4f}",
            f"verdicts that differ     {self.verdict_flips} of {self.frames}",
        ]


def map_difference(a: NDArray[np.float32], b: NDArray[np.float32], field: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean and maximum absolute difference of two degradation maps inside the field.

    Args:
        a: float32 (grid, grid).
        b: float32 (grid, grid), of the other network.
        field: bool (grid, grid).

    Returns:
        (mean, max); (0, 0) where the field is empty, as nothing differs there.

    Raises:
        EdgeError: the shapes differ, or a map holds NaN.
    """
    if not a.shape == b.shape == field.shape:
        raise EdgeError(f"Maps of shapes {a.shape} and {b.shape} over a field of {field.shape} cannot be compared.")
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64))[field]
    if np.isnan(apart).any():
        raise EdgeError("A degradation map holds NaN: the network that made it is broken; build it again.")
    return (float(apart.mean()), float(apart.max())) if apart.size else (0.0, 0.0)


def compare_scores(a: ArrayLike, b: ArrayLike, thresholds: Thresholds) -> tuple[float, float, int]:
    """Rank correlation, maximum absolute difference and number of verdict flips of two lists of quality scores.

    Args:
        a: (N,), as pooled from the maps.
        b: (N,), of the other network, in the same order.
        thresholds: decide the verdict of both.

    Raises:
        EdgeError: nothing to compare, unequal lengths, or NaN.
    """
    first, second = np.asarray(a, dtype=np.float64).ravel(), np.asarray(b, dtype=np.float64).ravel()
    if len(first) != len(second) or not len(first):
        raise EdgeError(f"{len(first)} and {len(second)} scores cannot be compared: give one of each for every frame.")
    if np.isnan(first).any() or np.isnan(second).any():
        raise EdgeError("A score is not a number: leave failed frames out of the comparison.")
    steps = (thresholds.fundus, thresholds.usable, thresholds.good)
    flips = np.searchsorted(steps, first, side="right") != np.searchsorted(steps, second, side="right")
    correlation = spearman(first, second) if len(first) > 1 else float("nan")
    return correlation, float(np.abs(first - second).max()), int(flips.sum())


def compare(
    maps: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
    fields: Sequence[NDArray[np.bool_]],
    scores: Sequence[tuple[float, float]],
    thresholds: Thresholds,
) -> Parity:
    """Compare two networks over a set of frames.

    Args:
        maps: for each frame, the maps of both networks, float32 (grid, grid).
        fields: for each frame, bool (grid, grid).
        scores: for each frame, the quality scores of both networks.
        thresholds: of the bundle that ships.

    Raises:
        EdgeError: the lists are empty or of unequal lengths, or hold NaN.
    """
    if not len(maps) == len(fields) == len(scores) or not len(maps):
        raise EdgeError(f"{len(maps)} maps, {len(fields)} fields and {len(scores)} scores: give one of each per frame.")
    apart = np.array([map_difference(a, b, field) for (a, b), field in zip(maps, fields, strict=True)])
    ranks, furthest, flips = compare_scores([a for a, _ in scores], [b for _, b in scores], thresholds)
    return Parity(len(maps), float(apart[:, 0].mean()), float(apart[:, 1].max()), ranks, furthest, flips)
