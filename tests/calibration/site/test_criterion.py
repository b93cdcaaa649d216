from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.site.criterion import Aim, Judged, cut, fit, judge
from calibration.site.estimate import cross_validated, doubts, rates, threshold_interval
from edge.assessment import Assessment, Timings
from edge.bundle.bundle import Manifest, Thresholds, default_model, read_bundle
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.metrics.labels import Quality

OWN = Thresholds(0.05, 0.6, 0.8)
GRID = 8


def judged(accepted: list[float], refused: list[float]) -> Judged:
    """Photographs whose score does not depend on the weights."""
    good: Quality = "good"
    reject: Quality = "reject"
    qualities = [*[good] * len(accepted), *[reject] * len(refused)]
    return Judged(
        ({"disc": 1.0, "macula": 1.0, "periphery": 1.0},), np.array([[*accepted, *refused]]), tuple(qualities)
    )


def manifest() -> Manifest:
    """Of a network with landmarks."""
    return read_bundle(default_model()).manifest


def eye(lost_macula: float, lost_rim: float) -> Assessment:
    """A frame whose macula and periphery have each lost so much."""
    degradation = np.full((GRID, GRID), lost_rim, np.float32)
    macula = np.zeros((GRID, GRID), np.float32)
    macula[3:5, 3:5] = 1
    degradation[macula > 0] = lost_macula
    regions = {"disc": np.zeros_like(macula), "macula": macula}
    everywhere = np.ones((GRID, GRID), np.bool_)
    return Assessment(0.5, "usable", degradation, everywhere, Crop(0, 0, 100), Timings(0, 0, 0), regions)  # type: ignore[arg-type]


def test_a_threshold_in_a_gap_stays_near_the_bundles_own_with_a_margin_to_either_side() -> None:
    def usable(own: float) -> float:
        return fit(
            judged([0.8, 0.9], [0.2, 0.4]), dataclasses.replace(OWN, usable=own, good=0.95), Aim()
        ).thresholds.usable

    assert usable(0.6) == 0.6
    assert usable(0.1) == pytest.approx(0.5)  # a quarter of the gap from 0.4
    assert usable(0.95) == pytest.approx(0.7)


def test_where_classes_overlap_balanced_accuracy_decides() -> None:
    fitted = fit(judged([0.3, 0.7, 0.8, 0.9], [0.1, 0.2, 0.25, 0.75]), OWN, Aim()).thresholds
    assert 0.25 < fitted.usable < 0.3 or 0.75 < fitted.usable < 0.8
    assert fitted.fundus <= fitted.usable <= fitted.good


@pytest.mark.parametrize("rate", [0.5, 0.75, 0.9, 1.0])
def test_a_fixed_rate_is_held_on_the_labels_at_the_least_cost(rate: float) -> None:
    rng = np.random.default_rng(0)
    some = judged(list(rng.beta(5, 2, 40)), list(rng.beta(2, 4, 40)))
    scores, accepted = some.scores[0], some.accepted
    for fixed in ("sensitivity", "specificity"):
        usable = fit(some, OWN, Aim(fixed, rate)).thresholds.usable
        kept, refused = (scores[accepted] >= usable).mean(), (scores[~accepted] < usable).mean()
        held = kept if fixed == "sensitivity" else refused
        assert rate <= held < rate + 0.03


def test_the_middle_class_sets_good_and_else_it_stays() -> None:
    two = fit(judged([0.7, 0.95], [0.2]), OWN, Aim()).thresholds
    assert two.good == OWN.good
    three = dataclasses.replace(judged([0.97, 0.99], [0.9, 0.1]), qualities=("good", "good", "usable", "reject"))
    assert 0.9 < fit(three, OWN, Aim()).thresholds.good < 0.97


def test_weights_follow_labels_that_only_the_macula_explains_and_no_others() -> None:
    """Graders refuse whatever hides the macula: a heavier macula ranks better, beyond chance."""
    rng = np.random.default_rng(1)
    hidden = [(eye(1.0, rng.uniform(0, 0.3)), "reject") for _ in range(20)]
    clear = [(eye(0.0, rng.uniform(0.2, 0.5)), "good") for _ in range(20)]
    even = dataclasses.replace(manifest(), pooling={"disc": 1.0, "macula": 1.0, "periphery": 1.0})
    fitted = judge([*hidden, *clear], even)  # type: ignore[list-item]
    chosen = fitted.poolings[fit(fitted, OWN, Aim()).pooling]
    assert chosen["macula"] > 1
    assert chosen["disc"] == 1  # nothing was said of it
    few = judge([*hidden[:2], *clear[:2]], even)  # type: ignore[list-item]
    assert few.poolings[0] == even.pooling
    alone = judge([*hidden, *clear], dataclasses.replace(even, maps=("degradation",)))  # type: ignore[list-item]
    assert len(alone.poolings) == 1


def test_weights_that_part_the_labels_already_stay() -> None:
    worse = [(eye(0.9, 0.9), "reject") for _ in range(10)]
    clear = [(eye(0.1, 0.1), "good") for _ in range(10)]
    some = judge([*worse, *clear], manifest())  # type: ignore[list-item]
    assert fit(some, OWN, Aim()).pooling == 0
    assert some.poolings[0] == manifest().pooling


def test_labels_of_one_class_are_refused() -> None:
    with pytest.raises(EdgeError, match=r"all 2 labelled images are good: .* label both kinds"):
        judge([(eye(0, 0), "good"), (eye(0, 0), "good")], manifest())


def test_a_frame_without_a_field_scores_nothing_under_any_weights() -> None:
    blank = dataclasses.replace(eye(0, 0), crop=None)
    some = judge([(blank, "outlier"), (eye(0, 0), "good")], manifest())
    assert not some.scores[:, 0].any()
    assert (some.scores[:, 1] == 1).all()


def test_the_estimate_is_made_on_photographs_left_out() -> None:
    """Scores that say nothing part any labels that they were fitted to; on others they are right half the time."""
    rng = np.random.default_rng(0)
    noise = judged(list(rng.random(60)), list(rng.random(60)))
    estimate = cross_validated(noise, OWN, Aim())
    assert estimate is not None
    assert estimate.balanced_accuracy.value == pytest.approx(0.5, abs=0.12)
    apart = cross_validated(judged([0.9] * 30, [0.1] * 30), OWN, Aim())
    assert apart is not None
    assert apart.balanced_accuracy.value == 1
    assert cross_validated(judged([0.9], [0.1, 0.2]), OWN, Aim()) is None


def test_few_labels_leave_doubt_and_many_do_not() -> None:
    few, many = judged([0.9] * 5, [0.1] * 5), judged([0.9] * 60, [0.1] * 60)
    assert "10 labels do not suffice" in doubts(few.accepted, cross_validated(few, OWN, Aim()))[0]
    assert doubts(many.accepted, cross_validated(many, OWN, Aim())) == []
    single = judged([0.9] * 5, [0.1])
    assert "only one image is reject or outlier" in doubts(single.accepted, None)[0]


def test_intervals_of_few_photographs_are_wide_even_where_all_are_right() -> None:
    """Wilson: of 5 out of 5 the interval is 0.566 to 1."""
    truth = np.arange(10) < 5
    found = rates(truth, truth)
    assert found.sensitivity.low == pytest.approx(0.566, abs=0.001)
    assert found.sensitivity.high == pytest.approx(1)
    assert found.balanced_accuracy.value == 1
    assert 0.566 < found.balanced_accuracy.low < 0.75


def test_the_interval_of_the_threshold_shrinks_with_labels() -> None:
    rng = np.random.default_rng(0)
    few = judged(list(rng.beta(5, 2, 8)), list(rng.beta(2, 4, 8)))
    many = judged(list(rng.beta(5, 2, 400)), list(rng.beta(2, 4, 400)))
    wide, narrow = (high - low for low, high in (threshold_interval(some, 0, 0.5, Aim()) for some in (few, many)))
    assert narrow < wide


@settings(max_examples=100, deadline=None)
@given(
    accepted=st.lists(st.integers(0, 50), min_size=1, max_size=12),
    refused=st.lists(st.integers(0, 50), min_size=1, max_size=12),
    own=st.floats(0, 1),
    aim=st.sampled_from([Aim(), Aim("sensitivity", 0.8), Aim("specificity", 0.8)]),
)
def test_no_threshold_would_have_been_better(accepted: list[float], refused: list[float], own: float, aim: Aim) -> None:
    scores, truth = np.array(accepted + refused) / 50, np.arange(len(accepted) + len(refused)) < len(accepted)

    def both(threshold: float) -> tuple[float, float]:
        return float((scores[truth] >= threshold).mean()), float((scores[~truth] < threshold).mean())

    found = cut(scores, truth, own, aim)
    assert 0 <= found <= 1
    kept, rejected = both(found)
    others = [both(float(t)) for t in [*scores, *np.nextafter(scores, 2)] if t <= 1]
    if aim.fixed == "balance":
        assert kept + rejected >= max(a + b for a, b in others) - 1e-9
    elif aim.fixed == "sensitivity":
        assert kept >= 0.8 - 1e-9 or found == 0
    else:
        assert rejected >= min(0.8, max(b for _, b in others)) - 1e-9
