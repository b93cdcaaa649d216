from __future__ import annotations

import numpy as np
import pytest

from edge.bundle import Thresholds
from edge.model import decide
from edge.pooling import quality_score, zone_weights

EVEN = zone_weights(12, {"centre": 1.0, "middle": 1.0, "periphery": 1.0})
ALL = np.ones((12, 12), np.bool_)


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


def test_the_score_is_what_is_left_of_the_field() -> None:
    degraded = np.zeros((12, 12), np.float32)
    degraded[:, :3] = 1
    assert quality_score(degraded, ALL, EVEN) == pytest.approx(0.75)
    right = ALL.copy()
    right[:, :3] = False  # what lies outside the field does not count
    assert quality_score(degraded, right, EVEN) == 1.0
    assert quality_score(degraded, ~ALL, EVEN) == 0.0


def test_a_zone_of_weight_zero_does_not_count() -> None:
    middle = zone_weights(12, {"centre": 1.0, "middle": 0.0, "periphery": 0.0})
    degraded = np.ones((12, 12), np.float32)
    degraded[4:8, 4:8] = 0
    assert quality_score(degraded, ALL, middle) == 1.0
    assert quality_score(degraded, ALL, EVEN) == pytest.approx(16 / 144)
