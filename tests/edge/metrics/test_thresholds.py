from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.metrics.thresholds import equally_best, shares

SCORES = st.lists(st.integers(0, 8).map(lambda eighths: eighths / 8), min_size=1, max_size=12)


def test_a_score_at_the_threshold_is_accepted() -> None:
    sensitivity, specificity = shares(np.array([0.5]), np.array([0.4, 0.5]), np.array([0.5, 0.3, 0.2]))
    assert sensitivity.tolist() == [0.5]
    assert specificity.tolist() == [2 / 3]


@settings(deadline=None)  # the first imports scikit-learn
@given(SCORES, SCORES)
def test_the_shares_are_those_of_scikit_learns_curve(accept: list[float], refuse: list[float]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    labels = [True] * len(accept) + [False] * len(refuse)
    false, true, thresholds = metrics.roc_curve(labels, accept + refuse, drop_intermediate=False)
    sensitivity, specificity = shares(thresholds, np.array(accept), np.array(refuse))
    assert sensitivity == pytest.approx(true)
    assert specificity == pytest.approx(1 - false)


def test_what_rounding_sets_apart_is_equally_good() -> None:
    assert equally_best(np.array([0.1, 0.1 + 0.2, 0.3, 0.29])).tolist() == [1, 2]
