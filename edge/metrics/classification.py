"""How well scores separate good from bad: rank metrics, thresholded metrics, and their intervals.

Labels are True for the class that should score high (good quality). NaN is refused everywhere, so no figure is ever
computed from a failed grade.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.errors import EdgeError
from edge.metrics.bootstrap import Indices, bootstrap, each_class

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class Figure:
    """A measured value and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Probability that a positive scores above a negative, ties counting half.

    Raises:
        EdgeError: no scores, a NaN among them, or only one class.
    """
    values, positive = two_classes(scores, labels)
    positives = int(positive.sum())
    wins = float(_ranks(values)[positive].sum()) - positives * (positives + 1) / 2
    return wins / (positives * (len(values) - positives))


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under precision over recall as a sum of steps (AUPRC), equal scores taken together.

    Raises:
        EdgeError: no scores, a NaN among them, or only one class.
    """
    values, positive = two_classes(scores, labels)
    _, groups, sizes = np.unique(-values, return_inverse=True, return_counts=True)
    hits = np.bincount(groups, weights=positive)
    precision = np.cumsum(hits) / np.cumsum(sizes)
    return float((precision * hits).sum() / hits.sum())


def spearman(a: ArrayLike, b: ArrayLike) -> float:
    """Rank correlation, ties sharing their mean rank; NaN where one side is constant.

    Raises:
        EdgeError: fewer than two values, a NaN among them, or unequal lengths.
    """
    first, second = _values(a), _values(b)
    if len(first) != len(second) or len(first) < 2:
        raise EdgeError(
            f"A rank correlation needs two lists of the same length, 2 or more, not {len(first)} and {len(second)}."
        )
    x, y = _ranks(first), _ranks(second)
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else float("nan")


def sensitivity(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Share of the positives that are predicted; 0 where there is none."""
    tp, _, fn, _ = _confusion(predictions, labels)
    return tp / max(1, tp + fn)


def specificity(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Share of the negatives that are not predicted; 0 where there is none."""
    _, fp, _, tn = _confusion(predictions, labels)
    return tn / max(1, tn + fp)


def accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Share of predictions that are right."""
    tp, fp, fn, tn = _confusion(predictions, labels)
    return (tp + tn) / (tp + fp + fn + tn)


def balanced_accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Mean of sensitivity and specificity.

    Raises:
        EdgeError: only one class in the labels.
    """
    if np.all(labels) or not np.any(labels):
        raise EdgeError("Balanced accuracy needs images of both classes: add labels of the missing class.")
    return (sensitivity(predictions, labels) + specificity(predictions, labels)) / 2


def f1(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Harmonic mean of precision and recall of the positive class (Dice); 0 where nothing is or should be positive."""
    tp, fp, fn, _ = _confusion(predictions, labels)
    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0


def mcc(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Matthews correlation coefficient; 0 where predictions or labels are of one class."""
    tp, fp, fn, tn = _confusion(predictions, labels)
    scale = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / float(np.sqrt(float(scale))) if scale else 0.0


def kappa(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Cohen's kappa: agreement beyond chance; 0 where predictions and labels are all of one and the same class."""
    tp, fp, fn, tn = _confusion(predictions, labels)
    number = tp + fp + fn + tn
    chance = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / number**2
    return float(((tp + tn) / number - chance) / (1 - chance)) if chance < 1 else 0.0


def with_interval(
    metric: Callable[[ArrayLike, ArrayLike], float],
    values: ArrayLike,
    labels: ArrayLike,
    draws: int = 1000,
    seed: int = 0,
) -> Figure:
    """A metric and its 95 % bootstrap interval, each class resampled by itself so that both stay present.

    Args:
        metric: takes (values, labels), such as ``auroc`` or ``mcc``.
        values: (N,), scores or predictions.
        labels: bool (N,).
        draws: bootstrap samples.
        seed: of the samples.

    Raises:
        EdgeError: no values, a NaN among them, or only one class.
    """
    numbers, positive = two_classes(values, labels)
    low, high = bootstrap(lambda drawn: metric(numbers[drawn], positive[drawn]), each_class(positive), draws, seed=seed)
    return Figure(metric(numbers, positive), float(low), float(high))


def difference_with_interval(
    metric: Callable[[ArrayLike, ArrayLike], float],
    before: ArrayLike,
    after: ArrayLike,
    labels: ArrayLike,
    draws: int = 1000,
    seed: int = 0,
) -> Figure:
    """By how much a metric changed, after less before, and its 95 % paired bootstrap interval.

    Every sample draws the same images on both sides, each class by itself: what the choice of images does to both
    alike cancels, so that a change far smaller than the interval of either side can be detected.

    Args:
        metric: takes (values, labels), such as ``auroc``.
        before, after: (N,), two values of each image, in the same order.
        labels: bool (N,).
        draws: bootstrap samples.
        seed: of the samples.

    Raises:
        EdgeError: no values, a NaN among them, unequal lengths, or only one class.
    """
    first, positive = two_classes(before, labels)
    second, _ = two_classes(after, labels)

    def change(drawn: Indices | slice) -> float:
        return metric(second[drawn], positive[drawn]) - metric(first[drawn], positive[drawn])

    low, high = bootstrap(change, each_class(positive), draws, seed=seed)
    return Figure(change(slice(None)), float(low), float(high))


def _values(scores: ArrayLike) -> Scores:
    values = np.asarray(scores, dtype=np.float64).ravel()
    missing = int(np.isnan(values).sum())
    if missing:
        raise EdgeError(f"{missing} of {len(values)} scores are not a number: leave failed images out.")
    return values


def two_classes(scores: ArrayLike, labels: ArrayLike) -> tuple[Scores, Labels]:
    """Both as flat arrays.

    Raises:
        EdgeError: no scores, a NaN among them, unequal lengths, or only one class.
    """
    values, positive = _values(scores), np.asarray(labels, dtype=np.bool_).ravel()
    if len(values) != len(positive):
        raise EdgeError(f"There are {len(values)} scores for {len(positive)} labels: give one label for each score.")
    if not positive.any() or positive.all():
        raise EdgeError("The labels need images of both classes, good and bad: add labels of the missing class.")
    return values, positive


def _ranks(values: Scores) -> Scores:
    """Ranks from 1, equal values sharing their mean rank."""
    _, groups, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(sizes) - (sizes - 1) / 2)[groups], dtype=np.float64)


def _confusion(predictions: ArrayLike, labels: ArrayLike) -> tuple[int, int, int, int]:
    """True and false positives, false and true negatives."""
    predicted, true = np.asarray(predictions, dtype=np.bool_).ravel(), np.asarray(labels, dtype=np.bool_).ravel()
    if len(predicted) != len(true) or not len(predicted):
        raise EdgeError(f"There are {len(predicted)} predictions for {len(true)} labels: give one label for each.")
    return (
        int((predicted & true).sum()),
        int((predicted & ~true).sum()),
        int((~predicted & true).sum()),
        int((~predicted & ~true).sum()),
    )
