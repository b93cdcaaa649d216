from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.metrics import classification as metrics
from edge.metrics import cross_validation as kfold


@st.composite
def labelled_scores(draw: st.DrawFn) -> tuple[list[float], list[bool]]:
    """Scores with many ties, both classes present."""
    scores = draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 0.1, 0.9]), min_size=2, max_size=24))
    labels = draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    labels[0], labels[1] = True, False
    return scores, labels


def test_auroc_by_hand() -> None:
    # Pairs: 0.9 beats both, 0.4 beats 0.1 and ties with 0.4: 3.5 of 4.
    assert metrics.auroc([0.9, 0.4, 0.4, 0.1], [True, True, False, False]) == 0.875
    assert metrics.auroc([2, 1], [True, False]) == 1
    assert metrics.auroc([1, 2], [True, False]) == 0


@given(labelled_scores())
def test_auroc_is_the_share_of_won_pairs(case: tuple[list[float], list[bool]]) -> None:
    scores, labels = case
    pairs = [
        (p > n) + (p == n) / 2
        for p, a in zip(scores, labels, strict=True)
        if a
        for n, b in zip(scores, labels, strict=False)
        if not b
    ]
    assert metrics.auroc(scores, labels) == pytest.approx(sum(pairs) / len(pairs))


def test_kappa_by_hand() -> None:
    assert metrics.kappa([True, True, False, False], [True, True, False, False]) == 1
    assert metrics.kappa([True, False, True, False], [True, True, False, False]) == 0
    # Of 50, 20 and 15 agree; by chance 0.5 would: (0.7 - 0.5) / 0.5.
    labels = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    assert metrics.kappa([True] * 25 + [False] * 25, labels) == pytest.approx(0.4)
    assert metrics.kappa([True], [True]) == 0


def test_average_precision_by_hand() -> None:
    # Hits at ranks 1 and 3: (1/1 + 2/3) / 2.
    assert metrics.average_precision([4, 3, 2, 1], [True, False, True, False]) == pytest.approx(5 / 6)
    # All tied: precision is the share of positives.
    assert metrics.average_precision([1, 1, 1, 1], [True, False, False, False]) == 0.25


@given(labelled_scores())
def test_average_precision_is_the_sum_of_steps(case: tuple[list[float], list[bool]]) -> None:
    scores, labels = case
    total, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        kept = [label for score, label in zip(scores, labels, strict=True) if score >= threshold]
        now = sum(kept) / sum(labels)
        total += (now - recall) * sum(kept) / len(kept)
        recall = now
    assert metrics.average_precision(scores, labels) == pytest.approx(total)


def test_spearman_by_hand() -> None:
    assert metrics.spearman([1, 2, 3, 4], [10, 20, 30, 40]) == 1
    assert metrics.spearman([1, 2, 3], [3, 2, 1]) == -1
    # 1 - 6 * sum(d^2) / (n (n^2 - 1)) with d = 1, 1, 0: 1 - 12 / 24.
    assert metrics.spearman([1, 2, 3], [2, 1, 3]) == pytest.approx(0.5)
    # Ranks 1.5 1.5 3 against 1 2 3: covariance 1.5, variances 1.5 and 2.
    assert metrics.spearman([5, 5, 6], [1, 2, 3]) == pytest.approx(1.5 / math.sqrt(3))
    assert math.isnan(metrics.spearman([1, 1, 1], [1, 2, 3]))


def test_thresholded_metrics_by_hand() -> None:
    # tp 3, fn 1, fp 2, tn 4
    labels = [True] * 4 + [False] * 6
    said = [True, True, True, False, True, True, False, False, False, False]
    assert metrics.accuracy(said, labels) == 0.7
    assert metrics.balanced_accuracy(said, labels) == pytest.approx((3 / 4 + 4 / 6) / 2)
    assert metrics.f1(said, labels) == pytest.approx(2 * 0.6 * 0.75 / (0.6 + 0.75))
    assert metrics.mcc(said, labels) == pytest.approx((3 * 4 - 2 * 1) / math.sqrt(5 * 4 * 6 * 5))


def test_the_figures_of_the_paper_on_drimdb_are_one_accepted_bad_image() -> None:
    labels = [True] * 125 + [False] * 69
    said = [True] * 126 + [False] * 68
    assert round(100 * metrics.balanced_accuracy(said, labels), 2) == 99.28
    assert round(100 * metrics.mcc(said, labels), 2) == 98.88
    assert round(100 * metrics.f1(said, labels), 2) == 99.60


@given(labelled_scores())
def test_mcc_is_the_correlation_of_predictions_and_labels(case: tuple[list[float], list[bool]]) -> None:
    scores, labels = case
    said = [score > 0.4 for score in scores]
    if len(set(said)) == 1:
        assert metrics.mcc(said, labels) == 0
    else:
        assert metrics.mcc(said, labels) == pytest.approx(np.corrcoef(said, labels)[0, 1])


def test_nothing_positive_has_no_f1() -> None:
    assert metrics.f1([False, False], [True, False]) == 0


@settings(deadline=None)  # the first imports scikit-learn
@given(labelled_scores())
def test_figures_are_those_of_scikit_learn_and_scipy(case: tuple[list[float], list[bool]]) -> None:
    """They are ours for their speed: 1000 draws of an interval take theirs 20 to 150 times as long."""
    theirs, stats = pytest.importorskip("sklearn.metrics"), pytest.importorskip("scipy.stats")
    scores, labels = case
    said = [score > 0.4 for score in scores]
    assert metrics.auroc(scores, labels) == pytest.approx(theirs.roc_auc_score(labels, scores))
    assert metrics.average_precision(scores, labels) == pytest.approx(theirs.average_precision_score(labels, scores))
    assert metrics.accuracy(said, labels) == pytest.approx(theirs.accuracy_score(labels, said))
    assert metrics.balanced_accuracy(said, labels) == pytest.approx(theirs.balanced_accuracy_score(labels, said))
    assert metrics.f1(said, labels) == pytest.approx(theirs.f1_score(labels, said, zero_division=0))
    assert metrics.mcc(said, labels) == pytest.approx(theirs.matthews_corrcoef(labels, said))
    if len(set(scores)) > 1:
        assert metrics.spearman(scores, labels) == pytest.approx(stats.spearmanr(scores, labels).statistic)


def test_interval_holds_the_value_and_narrows_with_more_images() -> None:
    generator = np.random.default_rng(0)
    widths = []
    for size in (20, 500):
        scores = np.concatenate([generator.normal(1, 1, size), generator.normal(0, 1, size)])
        figure = metrics.with_interval(metrics.auroc, scores, np.arange(2 * size) < size, draws=300, seed=4)
        assert figure.low < figure.value < figure.high
        widths.append(figure.high - figure.low)
    assert widths[1] < widths[0] / 3
    # The true AUROC of two normals one deviation apart is 0.760.
    assert figure.low < 0.760 < figure.high


def test_paired_difference_sees_what_either_interval_would_hide() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(200) < 100
    before = labels + generator.normal(0, 1, 200)
    same = metrics.difference_with_interval(metrics.auroc, before, before, labels)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    worse = before - 0.1 * labels
    change = metrics.difference_with_interval(metrics.auroc, before, worse, labels)
    assert change.value == pytest.approx(metrics.auroc(worse, labels) - metrics.auroc(before, labels))
    assert change.low < change.value < change.high < 0, "the loss is not told from none"
    alone = metrics.with_interval(metrics.auroc, before, labels)
    assert change.high - change.low < (alone.high - alone.low) / 4
    back = metrics.difference_with_interval(metrics.auroc, worse, before, labels)
    assert (back.value, back.low, back.high) == pytest.approx((-change.value, -change.high, -change.low))
    for wrong in ([0.1], np.full(200, math.nan)):
        with pytest.raises(EdgeError):
            metrics.difference_with_interval(metrics.auroc, before, wrong, labels)


@pytest.mark.parametrize("metric", [metrics.auroc, metrics.average_precision, kfold.best_threshold])
def test_what_cannot_be_measured_is_refused(metric: object) -> None:
    assert callable(metric)
    for scores, labels in (
        ([], []),
        ([0.1, 0.2], [True, True]),
        ([0.1, math.nan], [True, False]),
        ([0.1], [True, False]),
    ):
        with pytest.raises(EdgeError):
            metric(scores, labels)


def test_unequal_lists_are_refused() -> None:
    for metric in (metrics.accuracy, metrics.f1, metrics.mcc, metrics.balanced_accuracy, metrics.spearman):
        with pytest.raises(EdgeError):
            metric([True], [True, False])
    with pytest.raises(EdgeError, match="both classes"):
        metrics.balanced_accuracy([True, False], [True, True])


@settings(max_examples=30, deadline=None)
@given(labelled_scores())
def test_shifting_and_stretching_scores_changes_no_rank_metric(case: tuple[list[float], list[bool]]) -> None:
    scores, labels = case
    moved = [math.exp(3 * score) - 7 for score in scores]
    assert metrics.auroc(moved, labels) == pytest.approx(metrics.auroc(scores, labels))
    assert metrics.average_precision(moved, labels) == pytest.approx(metrics.average_precision(scores, labels))
