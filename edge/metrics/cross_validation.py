"""The protocol of the paper: a threshold chosen by cross-validation, and what it reaches on the images left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.errors import EdgeError
from edge.metrics.classification import Figure, Labels, accuracy, balanced_accuracy, f1, mcc, two_classes, with_interval
from edge.metrics.thresholds import equally_best, shares


@dataclass(frozen=True, eq=False)
class KFold:
    """What the protocol of the paper yields.

    Attributes:
        folds: how many were used: fewer than asked for where a class has fewer images.
        thresholds: of each fold, chosen on the other folds.
        predictions: bool (N,), out of fold, in the order of the scores.
        accuracy, balanced_accuracy, f1, mcc: of the predictions together.
    """

    folds: int
    thresholds: tuple[float, ...]
    predictions: Labels
    accuracy: Figure
    balanced_accuracy: Figure
    f1: Figure
    mcc: Figure


def best_threshold(scores: ArrayLike, labels: ArrayLike) -> float:
    """The threshold of greatest balanced accuracy, where ``score >= threshold`` is positive.

    Thresholds lie midway between neighbouring scores; of equally good ones the one in the widest gap is taken, then
    the lowest. Where no threshold beats calling everything positive, it is the lowest score.

    Raises:
        EdgeError: no scores, a NaN among them, or only one class.
    """
    values, positive = two_classes(scores, labels)
    distinct = np.unique(values)  # cut k leaves the k lowest of them below the threshold
    best = equally_best(np.add(*shares(distinct, values[positive], values[~positive])))
    if best[0] == 0:
        return float(distinct[0])
    cut = int(best[np.argmax(distinct[best] - distinct[best - 1])])
    middle = float(distinct[cut - 1] / 2 + distinct[cut] / 2)
    return middle if middle > distinct[cut - 1] else float(distinct[cut])  # neighbours that have no number between


def kfold_protocol(scores: ArrayLike, labels: ArrayLike, folds: int = 5, seed: int = 0) -> KFold:
    """The protocol of the paper (EFIQA, section on evaluation).

    Stratified folds; the threshold of greatest balanced accuracy on the other folds is applied to each fold; the
    metrics are those of all out-of-fold predictions together.

    Args:
        scores: (N,), higher is better.
        labels: bool (N,).
        folds: reduced to the size of the smaller class where that is less.
        seed: of the assignment to folds and of the intervals.

    Raises:
        EdgeError: a class has fewer than 2 images, a score is NaN, or see ``check_extra``.
    """
    values, positive = two_classes(scores, labels)
    folds = min(folds, int(positive.sum()), int((~positive).sum()))
    if folds < 2:
        raise EdgeError("Cross-validation needs at least 2 images of each class: add labelled images.")
    fold = stratified_folds(positive, folds, seed)
    thresholds = tuple(best_threshold(values[fold != k], positive[fold != k]) for k in range(folds))
    predictions = values >= np.array(thresholds)[fold]
    metrics = (accuracy, balanced_accuracy, f1, mcc)
    figures = (with_interval(metric, predictions, positive, seed=seed) for metric in metrics)
    return KFold(folds, thresholds, predictions, *figures)


def stratified_folds(labels: Labels, folds: int, seed: int = 0) -> NDArray[np.intp]:
    """The fold of each image, intp (N,): each class dealt out evenly by itself.

    Raises:
        EdgeError: see ``check_extra``.
    """
    check_extra()
    from sklearn.model_selection import StratifiedKFold

    fold = np.empty(len(labels), dtype=np.intp)
    dealt = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    for number, (_, left_out) in enumerate(dealt):
        fold[left_out] = number
    return fold


def check_extra() -> None:
    """Called before the work that ends in ``stratified_folds``.

    Raises:
        EdgeError: scikit-learn is not installed.
    """
    try:
        import sklearn.model_selection  # noqa: F401
    except ImportError as error:
        raise EdgeError('figures from labels need scikit-learn: pip install "efiqa-edge[metrics]".') from error
