"""Disc and macula as places: to a tenth of a cell on clean maps, and honest about what is hardly seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.bundle.bundle import Region
from edge.findings.eye import LEAST, eye_of
from edge.findings.field_definition import define_field
from edge.findings.landmarks import Landmark, find_landmarks

GRID = 32
AXIS = (np.arange(GRID) + 0.5) * (2 / GRID) - 1
X, Y = np.meshgrid(AXIS, AXIS)
ROUND = np.hypot(X, Y) < 1


def spot(x: float, y: float, radius: float, chance: float = 1.0) -> NDArray[np.float32]:
    """A disc with a soft rim, as a network marks it."""
    return np.asarray(chance / (1 + np.exp((np.hypot(X - x, Y - y) - radius) / 0.03)), np.float32)


def view(
    disc: tuple[float, float], macula: tuple[float, float], chance: float = 1.0
) -> dict[Region, NDArray[np.float32]]:
    return {"disc": spot(*disc, 0.2, chance), "macula": spot(*macula, 0.25, chance)}


@given(x=st.floats(-0.6, 0.6), y=st.floats(-0.6, 0.6))
def test_a_place_is_found_to_a_fraction_of_a_cell(x: float, y: float) -> None:
    found = find_landmarks({"disc": spot(x, y, 0.2)}, ROUND)["disc"]
    assert abs(found.x - x) < 0.2 / GRID * 2
    assert abs(found.y - y) < 0.2 / GRID * 2
    assert found.seen


def test_a_faint_landmark_has_a_place_and_is_not_seen() -> None:
    found = find_landmarks({"macula": spot(0.2, 0.1, 0.25, 0.3)}, ROUND)["macula"]
    assert not found.seen
    assert found.chance == pytest.approx(0.3, abs=0.02)
    assert (found.x, found.y) == pytest.approx((0.2, 0.1), abs=0.02)


@pytest.mark.parametrize("grid", [24, 32, 40, 64])
def test_a_landmark_is_as_large_and_as_sure_on_every_grid(grid: int) -> None:
    """Its surest cell lies at its rim, as in a map that slopes a little: what belongs to it is still all of it."""
    axis = (np.arange(grid) + 0.5) * (2 / grid) - 1
    x, y = np.meshgrid(axis, axis)
    for name, radius, least in (("disc", 0.16, 0.08), ("macula", 0.22, 0.11)):
        for chance, seen in ((0.95, True), (0.6, False)):
            heap = (chance + 0.05 * x) / (1 + np.exp((np.hypot(x + 0.1, y - 0.2) - radius) / 0.01))
            region: dict[Region, NDArray[np.float32]] = {name: heap.astype(np.float32)}  # type: ignore[dict-item]
            found = find_landmarks(region, np.hypot(x, y) < 1)[name]  # type: ignore[index]
            assert (found.x, found.y) == pytest.approx((-0.1, 0.2), abs=0.04)
            assert found.seen is seen
            assert found.diameter > 2 * least


def test_nothing_inside_the_field_is_no_landmark() -> None:
    assert find_landmarks({"disc": spot(-0.95, -0.95, 0.1) * ~ROUND}, ROUND) == {}
    assert find_landmarks({}, ROUND) == {}


@pytest.mark.parametrize("chance", [1.0, 0.5, 0.2])
@pytest.mark.parametrize("y", [-0.4, 0.0, 0.4])
def test_the_disc_lies_towards_the_nose(y: float, chance: float) -> None:
    assert eye_of(view((0.5, y), (-0.2, y + 0.1), chance), ROUND)[0] == "right"
    assert eye_of(view((-0.5, y), (0.2, y + 0.1), chance), ROUND)[0] == "left"


@given(x=st.floats(-0.7, 0.7), away=st.floats(-0.9, 0.9), chance=st.floats(0, 1))
def test_a_mirrored_view_is_the_other_eye_as_surely(x: float, away: float, chance: float) -> None:
    maps = view((x, 0.0), (x + away, 0.1), chance)
    mirrored = {name: np.ascontiguousarray(each[:, ::-1]) for name, each in maps.items()}
    eye, probability = eye_of(maps, ROUND)
    other, as_surely = eye_of(mirrored, ROUND)
    assert probability == pytest.approx(as_surely, abs=1e-6)
    assert {eye, other} in ({None}, {"right", "left"})
    assert 0.5 <= probability <= 1


def test_what_does_not_tell_is_not_told() -> None:
    assert eye_of({}, ROUND) == (None, 0.5)
    assert eye_of({"disc": spot(0.5, 0, 0.2)}, ROUND) == (None, 0.5)
    assert eye_of(view((0.0, -0.5), (0.0, 0.3)), ROUND)[0] is None  # the camera lies on its side
    assert eye_of(view((0.5, 0.0), (-0.2, 0.0), 0.001), ROUND)[0] is None


@pytest.mark.parametrize("x", [-0.8, -0.4, 0.0, 0.4, 0.8])
def test_one_landmark_alone_tells_no_eye(x: float) -> None:
    nothing = np.zeros((GRID, GRID), np.float32)
    assert eye_of({"disc": spot(x, 0, 0.2), "macula": nothing}, ROUND)[0] is None
    assert eye_of({"disc": nothing, "macula": spot(x, 0, 0.25)}, ROUND)[0] is None


def test_a_faint_macula_beside_a_disc_in_the_middle_tells() -> None:
    faint = np.clip(spot(-0.75, 0.1, 0.2, 0.12), 0, 1)
    assert eye_of({"disc": spot(0.05, 0, 0.2), "macula": faint}, ROUND)[0] == "right"


def mark(x: float, y: float, diameter: float = 0.32, chance: float = 1.0) -> Landmark:
    return Landmark(x, y, diameter, chance, chance >= 0.8)


def test_a_photograph_is_of_what_lies_in_its_middle() -> None:
    macula = define_field({"disc": mark(0.8, -0.05), "macula": mark(0.02, 0.04)}, ROUND)
    assert macula.kind == "macula"
    assert macula.fovea == pytest.approx((0.02 / 0.32, 0.04 / 0.32))
    assert macula.width == pytest.approx(2 / 0.32)
    disc = define_field({"disc": mark(0.05, 0.0), "macula": mark(-0.75, 0.1)}, ROUND)
    assert disc.kind == "disc"
    assert disc.disc_to_edge == pytest.approx((1 - 0.05) / 0.32 - 0.5, abs=0.15)
    assert define_field({"disc": mark(0.9, 0.4), "macula": mark(0.85, -0.4)}, ROUND).kind == "other"


def test_without_a_disc_there_is_no_scale() -> None:
    found = define_field({"macula": mark(0.0, 0.0)}, ROUND)
    assert (found.kind, found.fovea, found.disc, found.width, found.disc_to_edge) == ("macula", None, None, None, None)
    assert define_field({}, ROUND).kind == "other"
    assert define_field({"disc": mark(0.0, 0.0, chance=0.1)}, ROUND).kind == "other"


@pytest.mark.parametrize(("diameter", "chance", "scale"), [(0.1, 0.5, None), (0.1, 0.9, 0.1), (0.2, 0.5, 0.2)])
def test_a_disc_of_which_too_little_is_seen_gives_no_scale(diameter: float, chance: float, scale: float | None) -> None:
    found = define_field({"disc": mark(0.7, 0.0, diameter, chance), "macula": mark(0.2, 0.0)}, ROUND)
    assert found.width == (None if scale is None else pytest.approx(2 / scale))
    assert (found.disc_to_edge is None) == (scale is None)
    assert found.kind == ("other" if scale == 0.1 else "macula")  # one and a half of such discs from the middle


def test_a_disc_that_the_edge_cuts_is_nearer_than_its_own_rim() -> None:
    found = define_field({"disc": mark(0.93, 0.0)}, ROUND)
    assert found.disc_to_edge is not None
    assert found.disc_to_edge < 0


@st.composite
def maps(draw: st.DrawFn) -> tuple[dict[Region, NDArray[np.float32]], NDArray[np.bool_]]:
    """Any maps in any field, also empty, full and of one cell."""
    grid = draw(st.sampled_from([1, 2, 5, 32]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    regions: dict[Region, NDArray[np.float32]] = {}
    for name in draw(st.sets(st.sampled_from(("disc", "macula")))):
        cells = rng.random((grid, grid), np.float32) ** draw(st.sampled_from([0, 1, 8, 100]))
        regions[name] = np.asarray(cells * draw(st.sampled_from([0.0, 1e-30, 0.02, 1.0])), np.float32)
    field = np.zeros((grid, grid), bool)
    kind = draw(st.sampled_from(["all", "none", "one", "some", "round"]))
    if kind == "one":
        field[draw(st.integers(0, grid - 1)), draw(st.integers(0, grid - 1))] = True
    elif kind == "round":
        field[np.hypot(*np.mgrid[:grid, :grid] - (grid - 1) / 2) <= grid / 2] = True
    elif kind != "none":
        field = np.ones_like(field) if kind == "all" else rng.random((grid, grid)) < 0.5
    return regions, field


@given(maps())
def test_whatever_the_maps_nothing_fails(given: tuple[dict[Region, NDArray[np.float32]], NDArray[np.bool_]]) -> None:
    regions, field = given
    eye, probability = eye_of(regions, field)
    assert eye in ("right", "left", None)
    assert 0.5 <= probability <= 1
    assert (eye is None) == (probability < LEAST)
    found = find_landmarks(regions, field)
    for mark in found.values():
        assert np.isfinite([mark.x, mark.y, mark.diameter, mark.chance]).all()
    defined = define_field(found, field)
    assert defined.kind in ("macula", "disc", "other")
    if "disc" not in found:
        assert (defined.fovea, defined.disc, defined.width, defined.disc_to_edge) == (None, None, None, None)
    else:
        told = [*(defined.fovea or ()), *(defined.disc or ()), defined.width or 0.0, defined.disc_to_edge or 0.0]
        assert np.isfinite(told).all()
    if not field.any() or all(not each.any() for each in regions.values()):
        assert (eye, defined.kind) == (None, "other")
