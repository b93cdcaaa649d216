from __future__ import annotations

import numpy as np
import pytest

from edge.metrics.bootstrap import blocks, bootstrap, each, each_class


def test_the_interval_is_the_one_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).gamma(2, 1, 80)
    low, high = bootstrap(lambda drawn: float(values[drawn].mean()), each(80), draws=4000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile").confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert high - low > 0.2


def test_each_class_keeps_its_number_and_a_class_of_one_its_image() -> None:
    labels = np.array([True, False, True, True, False, False, False])
    generator = np.random.default_rng(0)
    drawn = [each_class(labels)(generator) for _ in range(50)]
    assert all((labels[indices] == [True] * 3 + [False] * 4).all() for indices in drawn)
    assert len({tuple(indices) for indices in drawn}) > 40
    assert (each_class(np.array([False, True]))(generator) == [1, 0]).all()


@pytest.mark.parametrize("number", [1, 2, 9, 1000])
def test_blocks_are_runs_of_neighbours(number: int) -> None:
    generator = np.random.default_rng(0)
    drawn = np.array([blocks(number)(generator) for _ in range(40)])
    assert drawn.shape == (40, number)
    assert drawn.min() >= 0
    assert drawn.max() <= number - 1
    if number == 1000:  # twenty long
        assert (np.diff(drawn, axis=1) == 1).mean() > 0.94
        assert len(np.unique(drawn)) > 950


def test_draws_without_a_figure_are_left_out_and_several_figures_have_an_interval_each() -> None:
    values = np.arange(10.0)

    def figures(drawn: np.ndarray) -> list[float]:
        return [float("nan") if 0 in drawn else 5.0, float(values[drawn].max())]

    (one_low, most_low), (one_high, most_high) = bootstrap(figures, each(10))
    assert (one_low, one_high) == (5, 5)
    assert most_low < most_high == 9


def test_a_lower_level_is_a_narrower_interval_and_the_seed_decides() -> None:
    values = np.random.default_rng(0).normal(size=30)

    def mean(drawn: np.ndarray) -> float:
        return float(values[drawn].mean())

    wide, narrow = bootstrap(mean, each(30)), bootstrap(mean, each(30), level=0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert (bootstrap(mean, each(30)) == wide).all()
    assert (bootstrap(mean, each(30), seed=1) != wide).any()
