from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.metrics.classification import Figure, balanced_accuracy
from edge.metrics.cross_validation import best_threshold, kfold_protocol, stratified_folds


@given(st.lists(st.tuples(st.integers(0, 6).map(lambda tenths: tenths / 10), st.booleans()), min_size=2, max_size=24))
def test_best_threshold_is_beaten_by_none(pairs: list[tuple[float, bool]]) -> None:
    scores, labels = zip(*pairs, strict=True)
    assume(any(labels) and not all(labels))
    values = np.array(scores)

    def at(threshold: float) -> float:
        return balanced_accuracy(values >= threshold, labels)

    assert at(best_threshold(scores, labels)) == pytest.approx(max(at(candidate) for candidate in [*scores, 2.0]))


def test_best_threshold_takes_the_middle_of_the_widest_gap() -> None:
    assert best_threshold([0.1, 0.2, 0.8, 0.9], [False, False, True, True]) == pytest.approx(0.5)
    # Two cuts are equally good, at 0.15 and at 0.6: the second lies in the wider gap.
    assert best_threshold([0.1, 0.2, 0.3, 0.9], [False, True, False, True]) == pytest.approx(0.6)
    assert best_threshold([0.4, 0.4], [False, True]) == 0.4
    assert best_threshold([1.0, 0.0], [False, True]) == 0.0


def test_neighbouring_scores_are_still_told_apart() -> None:
    low, high = 0.5, math.nextafter(0.5, 1)
    threshold = best_threshold([low, high], [False, True])
    assert low < threshold <= high


def test_kfold_is_perfect_on_separable_scores_and_chooses_on_the_other_folds() -> None:
    scores = [0.1 + 0.01 * i for i in range(10)] + [0.7 + 0.01 * i for i in range(10)]
    labels = [False] * 10 + [True] * 10
    result = kfold_protocol(scores, labels)
    assert result.folds == 5
    assert result.predictions.tolist() == labels
    assert result.balanced_accuracy == Figure(1, 1, 1)
    assert result.mcc.value == result.f1.value == result.accuracy.value == 1
    assert all(0.18 < threshold < 0.72 for threshold in result.thresholds)


def test_kfold_never_sees_the_fold_that_it_judges() -> None:
    # Leave one pair out: each bad image outscores every good one, so a threshold fitted without it lets it pass.
    scores, labels = [0.5, 0.6, 0.2, 0.9], [True, True, False, False]
    result = kfold_protocol(scores, labels, folds=2)
    assert result.folds == 2
    assert not result.predictions[2] or result.predictions[3]
    assert result.accuracy.value < 1


def test_kfold_is_stratified_and_seeded() -> None:
    generator = np.random.default_rng(3)
    scores = generator.random(60)
    labels = scores + generator.normal(0, 0.3, 60) > 0.5
    first, again = kfold_protocol(scores, labels, seed=1), kfold_protocol(scores, labels, seed=1)
    assert first.thresholds == again.thresholds
    assert first.mcc == again.mcc
    assert kfold_protocol(scores, labels, seed=2).thresholds != first.thresholds
    assert kfold_protocol([0.1, 0.2, 0.8, 0.9, 0.95], [False, False, True, True, True]).folds == 2


def test_folds_part_each_class_evenly() -> None:
    labels = np.arange(23) % 3 == 0
    fold = stratified_folds(labels, 4)
    for members in (fold[labels], fold[~labels]):
        assert np.ptp(np.bincount(members, minlength=4)) <= 1
    assert (fold != stratified_folds(labels, 4, seed=1)).any()


def test_without_scikit_learn_a_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(EdgeError, match=r'need scikit-learn: pip install "efiqa-edge\[metrics\]"\.$'):
        kfold_protocol([0.1, 0.2, 0.8, 0.9], [False, False, True, True])


def test_kfold_needs_two_of_each_class() -> None:
    with pytest.raises(EdgeError, match="at least 2"):
        kfold_protocol([0.1, 0.8, 0.9], [False, True, True])
