"""Adequate or not, and why not: from the maps of an assessment."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.assessment import Assessment, Timings
from edge.criteria.adequacy import Failure, judge, measure
from edge.criteria.criterion import Criterion, Requirements, read_criterion
from edge.field.find import Crop

GRID = 32
AXIS = (np.arange(GRID) + 0.5) * (2 / GRID) - 1
X, Y = np.meshgrid(AXIS, AXIS)


def spot(x: float, y: float, radius: float) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp((np.hypot(X - x, Y - y) - radius) / 0.03)), np.float32)


def photograph(
    macula: tuple[float, float] = (0.02, 0.03), disc: tuple[float, float] = (0.75, 0.0), lost: float = 0.05
) -> Assessment:
    field = np.hypot(X, Y) < 1
    regions = {"disc": spot(*disc, 0.2), "macula": spot(*macula, 0.25)}
    degradation = np.full((GRID, GRID), lost, np.float32)
    return Assessment(0.93, "good", degradation, field, Crop(0, 0, 320), Timings(1, 1, 1), regions)  # type: ignore[arg-type]


def test_a_clear_photograph_of_the_macula_is_adequate() -> None:
    said = judge(photograph(), read_criterion("nhs-desp"))
    assert said.adequate
    assert said.kind == "macula"
    assert said.words == "nhs-desp (unverified): adequate"


@pytest.mark.parametrize(
    ("found", "requirement"),
    [
        (photograph(macula=(-0.42, 0.0), disc=(0.3, 0.0)), "clear_at_disc"),
        (photograph(macula=(0.38, 0.0), disc=(-0.6, 0.0)), "fovea_from_centre"),
        (photograph(lost=0.7), "clear_near_fovea"),
        (photograph(macula=(-0.9, 0.0), disc=(0.1, 0.0), lost=0.7), "clear_at_disc"),
    ],
)
def test_the_requirement_that_failed_is_named(found: Assessment, requirement: str) -> None:
    if requirement == "clear_at_disc" and found.map[0, 0] < 0.5:  # of a disc that is spoiled alone
        found.map[:] = np.maximum(found.map, spot(0.3, 0.0, 0.25))
    said = judge(found, read_criterion("nhs-desp"))
    assert not said.adequate
    assert requirement in [failure.requirement for failure in said.failed]
    assert "wanted" in said.words


def test_a_field_that_the_programme_does_not_take() -> None:
    said = judge(photograph(macula=(-0.8, 0.6), disc=(-0.9, -0.2)), read_criterion("nhs-desp"))
    assert (said.adequate, said.kind) == (False, "other")
    assert "not one of the fields that it asks for" in said.words


def test_a_photograph_of_the_macula_is_not_said_to_be_of_something_else() -> None:
    of_discs = dataclasses.replace(read_criterion("nhs-desp"), macula=None)
    said = judge(photograph(), of_discs)
    assert (said.adequate, said.kind) == (False, "macula")
    assert said.verdict == "not adequate: not one of the fields that it asks for"


@pytest.mark.parametrize(
    ("requirement", "found", "wanted", "shown"),
    [("clear", 0.8999, 0.9, "0.89"), ("fovea_from_centre", 1.001, 1.0, "1.01"), ("disc_to_edge", -0.5, 2.0, "-0.50")],
)
def test_a_figure_never_looks_like_the_limit_that_it_misses(
    requirement: str, found: float, wanted: float, shown: str
) -> None:
    assert f": {shown}, at " in str(Failure(requirement, found, wanted))


def test_what_cannot_be_measured_is_not_met() -> None:
    seen = photograph()
    blind = dataclasses.replace(seen, regions={"macula": seen.regions["macula"]})
    said = judge(blind, read_criterion("nhs-desp"))
    assert not said.adequate
    assert [failure.found for failure in said.failed if failure.requirement == "fovea_from_centre"] == [None]
    assert "cannot be measured" in said.words


def test_no_retina_is_never_adequate() -> None:
    anything = Requirements(None, None, None, None, 0.0, None, None)
    lax = Criterion("lax", "lax", "none", "none", True, anything, anything, anything)
    assert judge(photograph(), lax).adequate
    said = judge(dataclasses.replace(photograph(), verdict="no_fundus", score=0.0), lax)
    assert said.words == "lax: not adequate: not showing a retina"


@pytest.mark.parametrize(
    ("requirement", "found", "wanted", "shown"),
    [
        ("clear", 0.8996, 0.9, "0.89, at least 0.9"),
        ("clear", 0.6, 0.9, "0.60, at least 0.9"),
        ("fovea_from_centre", 1.0004, 1.0, "1.01, at most 1"),
        ("disc_to_edge", -0.001, 0.0, "-0.01, at least 0"),
    ],
)
def test_a_figure_that_fails_does_not_look_like_one_that_is_met(
    requirement: str, found: float, wanted: float, shown: str
) -> None:
    assert str(Failure(requirement, found, wanted)).endswith(f": {shown} wanted")


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.02, 0.03, 0.05])
def test_a_clear_landmark_is_wholly_clear_wherever_it_lies_on_the_grid(shift: float) -> None:
    found = measure(photograph(macula=(shift, shift), disc=(0.6 + shift, shift)))
    assert found["clear_near_fovea"] == found["clear_at_disc"] == 1


def test_what_lies_beyond_the_field_is_not_clear() -> None:
    found = measure(photograph(macula=(0.0, 0.0), disc=(0.95, 0.0)))["clear_at_disc"]
    assert found is not None
    assert found < 1
