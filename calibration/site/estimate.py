"""How well a fitted criterion works on photographs that it was not fitted on, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.site.criterion import DRAWS, Accepted, Aim, Judged, cut, fit
from edge.bundle.bundle import Thresholds
from edge.metrics.bootstrap import bootstrap, each_class
from edge.metrics.classification import Figure
from edge.metrics.cross_validation import stratified_folds

_FOLDS = 10  # at most
_UNSURE = 0.2  # width of the interval of a balanced accuracy above which the labels do not suffice


@dataclass(frozen=True)
class Rates:
    """Shares with their 95 % intervals: by Wilson, which stays wide where all of few photographs were right.

    Attributes:
        sensitivity: of good and usable photographs, the share that is accepted.
        specificity: of the others, the share that is refused.
        balanced_accuracy: their mean; the interval by square-and-add (Newcombe 1998).
    """

    sensitivity: Figure
    specificity: Figure
    balanced_accuracy: Figure

    def line(self) -> str:
        """For people."""
        return (
            f"balanced accuracy {self.balanced_accuracy}, sensitivity {self.sensitivity.value:.4f}, "
            f"specificity {self.specificity.value:.4f}"
        )


def rates(predicted: Accepted, accepted: Accepted) -> Rates:
    """Rates of predictions.

    Args:
        predicted, accepted: bool (N,), the prediction and the truth, both classes present.
    """
    a, b = _wilson(predicted[accepted]), _wilson(~predicted[~accepted])
    middle = (a.value + b.value) / 2
    below = np.hypot(a.value - a.low, b.value - b.low) / 2
    above = np.hypot(a.high - a.value, b.high - b.value) / 2
    return Rates(a, b, Figure(middle, float(middle - below), float(middle + above)))


def _wilson(right: Accepted) -> Figure:
    from scipy.stats import binomtest

    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return Figure(float(right.mean()), interval.low, interval.high)


def cross_validated(judged: Judged, own: Thresholds, aim: Aim) -> Rates | None:
    """Rates on photographs left out of the fit, stratified folds; None where a class has one photograph only."""

    def predict(others: Accepted, left_out: Accepted) -> Accepted:
        fitted = fit(judged.some(others), own, aim)
        return np.asarray(judged.scores[fitted.pooling][left_out] >= fitted.thresholds.usable)

    predicted = out_of_fold(judged.accepted, predict)
    return None if predicted is None else rates(predicted, judged.accepted)


def out_of_fold(accepted: Accepted, predict: Callable[[Accepted, Accepted], Accepted]) -> Accepted | None:
    """Predictions for photographs left out of a fit, stratified folds; None where a class has one photograph only.

    Args:
        accepted: the truth, bool (N,).
        predict: fits to those of the first mask, and predicts those of the second.
    """
    folds = min(_FOLDS, int(accepted.sum()), int((~accepted).sum()))
    if folds < 2:
        return None
    fold = stratified_folds(accepted, folds)
    predicted = np.empty(len(accepted), np.bool_)
    for k in range(folds):
        predicted[fold == k] = predict(fold != k, fold == k)
    return predicted


def threshold_interval(judged: Judged, pooling: int, own: float, aim: Aim) -> tuple[float, float]:
    """95 % bootstrap interval of ``usable`` under a pooling, each class resampled by itself."""
    accepted, scores = judged.accepted, judged.scores[pooling]
    low, high = bootstrap(lambda drawn: cut(scores[drawn], accepted[drawn], own, aim), each_class(accepted), DRAWS)
    return float(low), float(high)


def doubts(
    accepted: Accepted, estimate: Rates | None, kinds: tuple[str, str] = ("good or usable", "reject or outlier")
) -> list[str]:
    """Warnings that there are too few labels, one sentence each; empty where there are enough.

    Args:
        accepted: the truth, bool (N,).
        estimate: cross-validated; None where that could not be.
        kinds: what accepted photographs are called, and the others.
    """
    counts = dict(zip(kinds, (int(accepted.sum()), int((~accepted).sum())), strict=True))
    fewest = min(counts, key=lambda kind: counts[kind])
    if estimate is None:
        return [f"only one image is {fewest}: how well this will do cannot be estimated; label more of that kind."]
    spread = estimate.balanced_accuracy
    if spread.high - spread.low > _UNSURE:
        return [
            f"{len(accepted)} labels do not suffice to be sure: balanced accuracy may lie anywhere from "
            f"{spread.low:.2f} to {spread.high:.2f}; label more, above all {fewest} ({counts[fewest]} so far)."
        ]
    return []
