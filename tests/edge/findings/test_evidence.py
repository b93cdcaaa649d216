"""Haze is not focus, a lid is not a reflex, and too much light is said to be that."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from edge.findings.cause import CauseCode
from edge.model import QualityModel
from edge.phantom.degradation import Kind, degrade
from edge.phantom.retina import phantom_frame

SEEDS = range(20, 32)
drawn = functools.cache(phantom_frame)  # drawing one takes longer than grading it ten times


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


@pytest.mark.parametrize(
    ("kind", "severity", "cause"),
    [
        ("haze", 0.7, "haze"),
        ("haze", 0.9, "haze"),
        ("blur", 0.5, "blur"),
        ("blur", 0.8, "blur"),
        ("motion", 0.8, "blur"),
        ("lid", 0.65, "lid"),
        ("bright", 0.8, "too_bright"),
        ("reflex", 0.6, "reflex"),
        ("shadow", 0.6, "edge_shadow"),
    ],
)
def test_the_cause_is_the_one_that_spoiled_the_frame(
    model: QualityModel, kind: Kind, severity: float, cause: CauseCode
) -> None:
    said: Counter[str] = Counter()
    for seed in SEEDS:
        frame = degrade(drawn(seed), kind, severity, rng=np.random.default_rng(seed))[0]
        found = model.assess(frame)
        if found.verdict == "good":
            continue
        assert found.cause is not None
        assert 0 <= sum(each.share for each in found.causes) <= 1 + 1e-5
        said[found.cause.code] += 1
    assert said[cause] >= 0.8 * sum(said.values()), said
    assert sum(said.values()) >= len(SEEDS) // 2


@pytest.mark.parametrize("severity", [0.6, 0.8, 1.0])
def test_a_retina_behind_haze_is_a_retina(model: QualityModel, severity: float) -> None:
    hazed = [degrade(drawn(seed), "haze", severity)[0] for seed in SEEDS]
    assert sum(model.assess(each).verdict == "no_fundus" for each in hazed) <= 1
