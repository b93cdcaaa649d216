from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from calibration.site.thresholds import Scored, auroc_differences, aurocs, fit_thresholds


def scored(good: list[float], reject: list[float], usable: list[float] = [], outlier: list[float] = []) -> Scored:  # noqa: B006
    words = ["good"] * len(good) + ["reject"] * len(reject) + ["usable"] * len(usable) + ["outlier"] * len(outlier)
    return Scored("set", np.array([*good, *reject, *usable, *outlier]), words)  # type: ignore[arg-type]


def test_aurocs_leave_outliers_out_and_ask_about_the_middle_class_where_there_is_one() -> None:
    assert aurocs(scored([0.9, 0.8], [0.3, 0.2], outlier=[0.95])) == {"good/reject": 1.0}
    assert aurocs(scored([], [0.8], usable=[0.9])) == {"gradable/reject": 1.0}
    both = aurocs(scored([0.9], [0.8, 0.2], usable=[0.3]))
    assert both == {"good/reject": 1.0, "gradable/reject": 0.75}


def test_two_classes_apart_are_parted_in_the_middle_of_the_gap() -> None:
    fitted = fit_thresholds([scored([0.8, 0.9, 1.0], [0.1, 0.2, 0.3], outlier=[0.4])])
    assert fitted.usable == pytest.approx(0.6, abs=0.01)
    assert fitted.fundus <= fitted.usable <= fitted.good


def test_the_middle_class_sets_the_upper_threshold() -> None:
    fitted = fit_thresholds([scored([0.9, 0.95], [0.1, 0.2], usable=[0.5, 0.6])])
    assert 0.6 < fitted.good < 0.9


def test_no_more_than_a_tenth_of_the_others_is_called_good_even_where_that_costs_clear_photographs() -> None:
    mixed = scored([0.7] * 50 + [0.95] * 10, [0.1, 0.2], usable=[0.72] * 6 + [0.3] * 12)
    good = fit_thresholds([mixed]).good
    others = mixed.of("usable", "reject")
    assert 0.72 < good < 0.95  # below 0.7 the sum of both shares is greatest, and every third of the others passes
    assert (others >= good).mean() <= 0.1


def test_whom_the_bound_on_wrong_goods_counts() -> None:
    clear, usable = [0.7, 0.8, 0.9, 0.95, 0.99], [0.3, 0.4, 0.5, 0.6]
    free = fit_thresholds([scored(clear, [0.1], usable)]).good
    assert free < 0.75
    assert fit_thresholds([scored(clear, [0.1], usable, outlier=[0.85])]).good > 0.85  # outliers are others too
    few = Scored("few", np.array([0.98] * 4), ["usable"] * 4)
    five = Scored("five", np.array([0.98] * 5), ["usable"] * 5)
    many = scored(clear, [0.1], [*usable, 0.2])
    assert fit_thresholds([many, few]).good < 0.98 < fit_thresholds([many, five]).good
    assert fit_thresholds([scored(clear, [0.1], [1.0] * 5)]).good == 1.0


@pytest.mark.parametrize("good", [[0.5] + [0.9] * 9, [0.4, 0.9], [0.1 * n for n in range(1, 10)] * 8])
def test_each_set_keeps_97_percent_of_its_good_photographs(good: list[float]) -> None:
    fitted = fit_thresholds([scored(good, [0.55] * 10)])
    assert (np.array(good) >= fitted.usable).mean() >= 0.97


def test_no_set_loses_its_good_photographs_to_another() -> None:
    """A camera whose good photographs score low keeps them, whatever the others would like."""
    low = scored([0.4, 0.45, 0.5], [0.1])
    high = scored([0.9] * 50, [0.6] * 50)
    # Two sets against one: the best cut of all together would refuse every photograph of the first camera.
    assert fit_thresholds([low, high, high]).usable <= 0.41


@settings(max_examples=50, deadline=None)
@given(
    good=st.lists(st.floats(0, 1), min_size=1, max_size=20),
    reject=st.lists(st.floats(0, 1), min_size=1, max_size=20),
    usable=st.lists(st.floats(0, 1), max_size=10),
)
def test_thresholds_are_always_in_order(good: list[float], reject: list[float], usable: list[float]) -> None:
    fitted = fit_thresholds([scored(good, reject, usable)])
    assert 0 <= fitted.fundus <= fitted.usable <= fitted.good <= 1


def test_auroc_differences_are_paired_by_photograph() -> None:
    full = scored([0.9, 0.8, 0.7], [0.6, 0.3, 0.2], usable=[0.65], outlier=[0.95])
    eight = dataclasses.replace(full, scores=np.where(full.scores == 0.6, 0.75, full.scores))
    changes = auroc_differences(full, eight)
    assert set(changes) == {"good/reject", "gradable/reject"}
    for question, change in changes.items():
        assert change.value == pytest.approx(aurocs(eight)[question] - aurocs(full)[question])
        assert change.low < change.value <= change.high == 0
