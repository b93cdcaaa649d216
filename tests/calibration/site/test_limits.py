"""Limits of a criterion from labels: found where the labels put them, left alone where the labels say nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from calibration.site.limits import KINDS, Measured, asked, fit_limits, measure_all, predict, undecided
from edge.assessment import Assessment
from edge.criteria.adequacy import judge
from edge.criteria.criterion import Criterion, Requirements, read_criterion, shipped_criteria
from edge.metrics.classification import balanced_accuracy
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

NHS = read_criterion("nhs-desp")
NAMES = [each.name for each in dataclasses.fields(Requirements)]


def some(number: int, seed: int = 0) -> Measured:
    """Photographs of the macula whose figures have nothing to do with one another; all are called adequate."""
    rng = np.random.default_rng(seed)
    figures = {name: rng.random(number) for name in NAMES}
    figures["fovea_from_centre"] *= 3
    return Measured(np.full(number, "macula"), figures, np.ones(number, bool))


def labelled(seen: Measured, **limits: float) -> Measured:
    """Called adequate where they meet these limits."""
    met = predict(seen, dataclasses.replace(NHS, macula=Requirements(**{**dict.fromkeys(NAMES), **limits})))
    return dataclasses.replace(seen, accepted=met)


def test_the_limits_that_made_the_labels_are_found_again() -> None:
    seen = labelled(some(600), fovea_from_centre=2.0, clear_near_fovea=0.4, clear=0.3)
    fitted = fit_limits(seen, NHS)
    assert fitted.macula is not None
    found = asked(fitted.macula)
    assert found["fovea_from_centre"] == pytest.approx(2.0, abs=0.1)
    assert found["clear_near_fovea"] == pytest.approx(0.4, abs=0.03)
    assert found["clear"] == pytest.approx(0.3, abs=0.03)
    assert balanced_accuracy(predict(seen, fitted), seen.accepted) > 0.99
    assert balanced_accuracy(predict(seen, NHS), seen.accepted) < 0.6


def test_nothing_is_asked_for_that_was_not_and_the_rest_stays() -> None:
    fitted = fit_limits(labelled(some(100), score=0.5, clear=0.5), NHS)
    assert {kind: set(asked(getattr(fitted, kind))) for kind in KINDS} == {
        kind: set(asked(getattr(NHS, kind))) for kind in KINDS
    }
    assert fitted.disc == NHS.disc
    assert (fitted.name, fitted.source) == (NHS.name, NHS.source)


def test_labels_that_agree_with_the_criterion_change_nothing() -> None:
    seen = some(300)
    seen = dataclasses.replace(seen, figures={name: values**0.2 for name, values in seen.figures.items()})
    assert NHS.macula is not None
    assert fit_limits(labelled(seen, **asked(NHS.macula)), NHS) == NHS


def test_a_limit_stays_near_to_what_was_measured() -> None:
    """All adequate ones lie within 1.5 disc diameters, and the others are refused for their blur."""
    seen = some(60)
    seen.figures["fovea_from_centre"][:] = np.linspace(0, 1.5, 60)
    seen.figures["clear_near_fovea"][:] = 1
    fitted = fit_limits(labelled(seen, clear=0.5), NHS)
    assert fitted.macula is not None
    assert 1 <= asked(fitted.macula)["fovea_from_centre"] < 1.8


def test_what_cannot_be_measured_is_refused_under_any_limits() -> None:
    seen = labelled(some(50), clear=0.5)
    seen.figures["fovea_from_centre"][:10] = np.nan
    assert not predict(seen, fit_limits(seen, NHS))[:10].any()


def test_a_kind_of_one_class_is_told_of() -> None:
    (macula, disc) = undecided(some(5), NHS)
    assert macula == "the limits for the field macula stay: its 5 labelled images are all adequate."
    assert disc == "the limits for the field disc stay: no labelled image is one."
    assert fit_limits(some(5), NHS) == NHS


@pytest.fixture(scope="module")
def graded() -> list[Assessment]:
    pytest.importorskip("openvino")
    with QualityModel.load(threads=1) as model:
        return [model.assess(phantom_frame(seed)) for seed in range(12)]


@pytest.mark.parametrize("name", shipped_criteria())
def test_the_rule_is_that_of_the_grader(graded: list[Assessment], name: str) -> None:
    criterion: Criterion = read_criterion(name)
    seen = [*graded]
    seen.append(dataclasses.replace(seen[0], verdict="no_fundus"))
    seen.append(dataclasses.replace(seen[1], regions={}))
    measured = measure_all([(each, "good") for each in seen])
    assert predict(measured, criterion).tolist() == [judge(each, criterion).adequate for each in seen]
