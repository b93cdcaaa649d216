from __future__ import annotations

import math

import numpy as np
import pytest

from edge.bundle.bundle import Thresholds
from edge.errors import EdgeError
from edge.metrics.parity import Parity, compare, compare_scores, map_difference
from edge.model import decide

THRESHOLDS = Thresholds(fundus=0.1, usable=0.5, good=0.7)


def test_map_difference_looks_inside_the_field_only() -> None:
    a = np.zeros((4, 4), np.float32)
    b = a.copy()
    b[0, 0], b[1, 1], b[3, 3] = 0.5, 0.25, 0.9
    field = np.ones((4, 4), bool)
    field[3, 3] = False
    mean, largest = map_difference(a, b, field)
    assert mean == pytest.approx(0.75 / 15)
    assert largest == 0.5
    assert map_difference(a, b, field & False) == (0.0, 0.0)


def test_map_difference_refuses_what_has_no_difference() -> None:
    a = np.zeros((4, 4), np.float32)
    with pytest.raises(EdgeError, match="shapes"):
        map_difference(a, np.zeros((8, 8), np.float32), np.ones((4, 4), bool))
    with pytest.raises(EdgeError, match="NaN"):
        map_difference(a, a * np.nan, np.ones((4, 4), bool))


def test_compare_scores() -> None:
    correlation, furthest, flips = compare_scores([0.2, 0.6, 0.8], [0.2, 0.71, 0.75], THRESHOLDS)
    assert correlation == 1
    assert furthest == pytest.approx(0.11)
    assert flips == 1


def test_flips_are_those_of_the_model() -> None:
    generator = np.random.default_rng(0)
    # Every threshold itself is among the scores: there the side matters.
    a = np.concatenate([generator.random(200), [0.1, 0.5, 0.7, 0.0, 1.0]])
    b = np.clip(a + generator.normal(0, 0.1, len(a)), 0, 1)
    flips = sum(decide(x, THRESHOLDS) != decide(y, THRESHOLDS) for x, y in zip(a, b, strict=True))
    assert compare_scores(a, b, THRESHOLDS)[2] == flips > 0
    exact = [0.1, 0.5, 0.7]
    below = [math.nextafter(x, 0) for x in exact]
    assert compare_scores(exact, below, THRESHOLDS)[2] == 3


def test_one_frame_has_no_rank_correlation() -> None:
    assert math.isnan(compare_scores([0.4], [0.5], THRESHOLDS)[0])


@pytest.mark.parametrize(("a", "b"), [([], []), ([0.1], [0.1, 0.2]), ([0.1, math.nan], [0.1, 0.2])])
def test_compare_scores_refuses(a: list[float], b: list[float]) -> None:
    with pytest.raises(EdgeError):
        compare_scores(a, b, THRESHOLDS)


def test_compare_gathers_the_figures_of_all_frames() -> None:
    zero, field = np.zeros((2, 2), np.float32), np.ones((2, 2), bool)
    near, far = zero + np.float32(0.125), zero + np.float32(0.5)
    parity = compare([(zero, near), (zero, far)], [field, field], [(0.9, 0.85), (0.3, 0.6)], THRESHOLDS)
    assert parity == Parity(2, 0.3125, 0.5, 1.0, pytest.approx(0.3), 1)
    text = "\n".join(parity.lines())
    assert "0.3125" in text
    assert "1 of 2" in text
    with pytest.raises(EdgeError):
        compare([], [], [], THRESHOLDS)
    with pytest.raises(EdgeError):
        compare([(zero, near)], [field], [], THRESHOLDS)
