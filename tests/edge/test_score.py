from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.bundle.bundle import Region, Thresholds
from edge.model import decide
from edge.score import quality_score, region_weights

GRID = 12
EVEN: dict[Region, float] = {"disc": 1.0, "macula": 1.0, "periphery": 1.0}
ALL = np.ones((GRID, GRID), np.bool_)
FAST = settings(max_examples=100, deadline=None)

Map = NDArray[np.float32]
maps = hnp.arrays(np.float32, (GRID, GRID), elements=st.floats(0, 1, width=32))
fields = hnp.arrays(np.bool_, (GRID, GRID))
poolings = st.fixed_dictionaries(
    {"disc": st.floats(0, 1e6), "macula": st.floats(0, 1e6), "periphery": st.floats(1e-6, 1e6)}
)


def square(row: int, column: int, side: int = 3) -> Map:
    """1 on so many cells from there on, 0 elsewhere."""
    cells = np.zeros((GRID, GRID), np.float32)
    cells[row : row + side, column : column + side] = 1
    return cells


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (0.0, "no_fundus"),
        (0.0999, "no_fundus"),
        (0.1, "reject"),
        (0.4999, "reject"),
        (0.5, "usable"),
        (0.7999, "usable"),
        (0.8, "good"),
        (1.0, "good"),
    ],
)
def test_a_verdict_begins_at_its_threshold(score: float, verdict: str) -> None:
    assert decide(score, Thresholds(fundus=0.1, usable=0.5, good=0.8)) == verdict


def test_without_landmarks_the_score_is_what_is_left_of_the_field() -> None:
    degraded = np.zeros((GRID, GRID), np.float32)
    degraded[:, :3] = 1
    pooling: dict[Region, float] = {"disc": 5.0, "macula": 9.0, "periphery": 0.5}  # nobody knows where they are
    assert quality_score(degraded, region_weights({}, ALL, pooling)) == pytest.approx(0.75)
    right = ALL.copy()
    right[:, :3] = False  # what lies outside the field does not count
    assert quality_score(degraded, region_weights({}, right, pooling)) == 1.0


def test_where_nothing_counts_nothing_was_seen() -> None:
    clear = np.zeros((GRID, GRID), np.float32)
    assert quality_score(clear, region_weights({}, ~ALL, EVEN)) == 0.0
    all_disc: dict[Region, Map] = {"disc": np.ones((GRID, GRID), np.float32)}
    assert quality_score(clear, region_weights(all_disc, ALL, {**EVEN, "disc": 0.0})) == 0.0


@FAST
@given(maps, fields.filter(lambda field: bool(field.any())))
def test_without_landmarks_the_score_is_one_minus_the_mean(degradation: Map, field: NDArray[np.bool_]) -> None:
    score = quality_score(degradation, region_weights({}, field, EVEN))
    assert score == pytest.approx(1 - degradation[field].mean(dtype=np.float64), abs=1e-6)


@FAST
@given(maps, maps, maps, fields, poolings)
def test_weights_sum_to_one_in_the_field_and_scores_lie_between_0_and_1(
    degradation: Map, disc: Map, macula: Map, field: NDArray[np.bool_], pooling: dict[Region, float]
) -> None:
    weights = region_weights({"disc": disc, "macula": macula}, field, pooling)
    assert weights.dtype == np.float32
    assert (weights >= 0).all()
    assert not weights[~field].any()
    if weights.any():
        assert weights.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    assert 0 <= quality_score(degradation, weights) <= 1


@FAST
@given(maps, maps, st.tuples(st.floats(0, 10), st.floats(0, 10), st.floats(0.1, 10)), st.floats(0.1, 10))
def test_only_the_ratios_of_the_weights_matter(
    disc: Map, macula: Map, numbers: tuple[float, float, float], times: float
) -> None:
    once, more = ({r: n * k for r, n in zip(EVEN, numbers, strict=True)} for k in (1.0, times))
    regions: dict[Region, Map] = {"disc": disc, "macula": macula}
    np.testing.assert_allclose(region_weights(regions, ALL, once), region_weights(regions, ALL, more), atol=1e-6)


def test_weights_that_cancel_leave_nothing() -> None:
    """0.1 - 0.1 is nothing, also where it is computed as 1e-17."""
    for times in (1.0, 0.109375, 3.0):
        pooling: dict[Region, float] = {"disc": 0.0, "macula": 0.0, "periphery": 0.1 * times}
        weights = region_weights(
            {"disc": np.zeros_like(ALL, np.float32), "macula": np.ones_like(ALL, np.float32)}, ALL, pooling
        )
        assert not weights.any()


def test_weights_are_those_of_the_regions() -> None:
    pooling: dict[Region, float] = {"disc": 2.0, "macula": 3.0, "periphery": 1.0}
    weights = region_weights({"disc": square(1, 1), "macula": square(6, 6) * np.float32(0.5)}, ALL, pooling)
    np.testing.assert_allclose(weights[1, 1] / weights[0, 0], 2, rtol=1e-5)
    np.testing.assert_allclose(weights[6, 6] / weights[0, 0], 1 + (3 - 1) * 0.5, rtol=1e-5)  # half sure: half way


@FAST
@given(
    st.integers(0, 2),
    st.integers(0, 9),
    st.integers(6, 9),
    st.integers(0, 9),
    st.floats(0.1, 5),
    st.floats(0.1, 5),
    st.floats(0.1, 1),
)
def test_a_degraded_macula_costs_more_than_the_same_area_elsewhere(
    row: int, column: int, other_row: int, other_column: int, rest: float, more: float, severity: float
) -> None:
    pooling: dict[Region, float] = {"disc": rest + more / 2, "macula": rest + more, "periphery": rest}
    there, elsewhere = square(row, column), square(other_row, other_column)  # apart by their rows
    disc = square(3, column)  # between them, or touching the macula
    weights = region_weights({"disc": disc, "macula": there}, ALL, pooling)
    even = region_weights({"disc": disc, "macula": there}, ALL, EVEN)
    depth = np.float32(severity)
    assert quality_score(there * depth, weights) < quality_score(elsewhere * depth, weights) - 1e-4
    assert quality_score(there * depth, even) == pytest.approx(quality_score(elsewhere * depth, even), abs=1e-6)
