"""Each step of the field finder in a graph against its namesake in ``edge.field``, on frames of any kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.export.arrays import filled, size, upto
from edge.export.field import camera_cuts, circle_fit, outline, part, shade, squeeze, straight_edges
from edge.export.field.points import POINTS, Points
from edge.field import camera_cuts as rules_of_cuts
from edge.field import circle_fit as rules_of_circles
from edge.field import find as rules_of_find
from edge.field import outline as rules_of_outlines
from edge.field import shade as rules_of_shade
from edge.field import squeeze as rules_of_squeeze
from edge.field import straight_edges as rules_of_edges

Light = NDArray[np.uint8]
OUTLINE = {
    "light": ("uint8", ("h", "w")),
    "numbers": ("float64", (8,)),
    "hull": ("float64", (POINTS, 2)),
    "number": ("int64", ()),
    "whole": ("bool", ()),
}
SEEDS = st.integers(0, 100_000)


def light_of(frame: NDArray[np.uint8]) -> Light:
    """What the finder works on."""
    reduced = rules_of_find._reduce(frame, rules_of_find._factor(max(frame.shape[:2])))
    return np.asarray(cv2.blur(reduced.max(axis=2), (3, 3)), np.uint8)


def candidates(light: Light) -> list[Any]:
    parts = rules_of_outlines._bright_parts(light, rules_of_outlines._LEVELS, 0.025 * light.size)
    return [rules_of_outlines._outline(light, polygon) for polygon in parts]


def arrays_of(light: Light, candidate: Any) -> list[NDArray[Any]]:
    hull = np.zeros((POINTS, 2))
    hull[: len(candidate.hull)] = candidate.hull
    numbers = [candidate.x, candidate.y, candidate.radius, *candidate.box, candidate.quality]
    return [light, np.array(numbers), hull, np.array(len(candidate.hull)), np.array(candidate.whole)]


def steps(light: Any, numbers: Any, hull: Any, number: Any, whole: Any) -> dict[str, Any]:
    """Every step that takes a picture and an outline."""
    picture = light.astype("float64")
    x, y, radius, left, top, right, bottom, quality = (numbers[i] for i in range(8))
    points = Points(hull[:, 0], hull[:, 1], upto(size(hull, 0)) < number)
    yes = filled(whole, True)
    given = circle_fit.Outline(x, y, radius, (left, top, right, bottom), quality, points, whole, yes)
    rim = circle_fit.circle_points(x, y, radius, given.box)
    fitted = circle_fit.fit_circle(points, filled(hull[:, 0], 1.0))
    other = shade._other_circle(picture, given)
    own = camera_cuts.cameras_own(picture, given)
    corners = straight_edges.cut_corners(picture, given.box)
    moved = outline._on_the_rim(picture, given)
    cuts = straight_edges.true_cuts(picture, (x, y, radius), given.box, whole)
    return {
        "area": part.area_of(points),
        "raster": circle_fit.raster_of(given, picture),
        "sharpness": circle_fit.mean_sharpness(picture, rim, (x, y)),
        "steepness": circle_fit.steepness(picture, rim, circle_fit.rays_of(rim, given)),
        "fitted": _row(fitted.found, fitted.x, fitted.y, fitted.radius, fitted.share),
        "squeeze": squeeze.squeeze_of(given, picture),
        "on circle": shade._on_circle(given, picture),
        "filled": shade._filled(given, picture),
        "size": shade._size(given, picture),
        "truths": _row(
            shade._is_shadow(picture, given),
            shade._is_odd(given, picture),
            shade._hangs_out(given, picture),
            shade._is_no_circle(picture, given),
            shade._is_lit_beyond(picture, given),
            shade.may_be_spot(given, picture),
        ),
        "bright end": shade._bright_end(picture),
        "other": _row(other.found, other.x, other.y, other.radius),
        "cuts": _row(*cuts),
        "own": _row(own.whole, own.x, own.y, own.radius, *own.box),
        "corners": _row(corners.found, corners.x, corners.y, corners.radius),
        "moved": _row(moved.x, moved.y, moved.radius),
    }


def _row(*scalars: Any) -> Any:
    from edge.export.arrays import stack

    return stack([each.astype("float64") for each in scalars])


def wanted(light: Light, it: Any) -> dict[str, Any]:
    """The same by the program."""
    shape = light.shape
    rim = rules_of_circles.circle_points(it.x, it.y, it.radius, it.box)
    rays = (rim - (it.x, it.y)) / it.radius
    fitted = rules_of_circles.fit_circle(it.hull, np.ones(len(it.hull)))
    other, own = rules_of_shade._other_circle(light, it), rules_of_cuts.cameras_own(light, it)
    corners = rules_of_edges.cut_corners(light, it.box) if it.whole else None  # asked of rectangles only
    moved = rules_of_outlines._on_the_rim(light, it)
    steep = rules_of_circles.steepness(light, rim, rays)
    return {
        "area": rules_of_shade._area(it),
        "raster": rules_of_circles.raster(it, *shape) > 0,
        "sharpness": rules_of_circles.mean_sharpness(light, rim, np.array([it.x, it.y])),
        "steepness": np.nan if steep is None else steep,
        "fitted": [0.0] if fitted is None else [1.0, *fitted],
        "squeeze": rules_of_squeeze.squeeze_of(it, *shape),
        "on circle": rules_of_shade._on_circle(it, *shape),
        "filled": rules_of_shade._filled(it, *shape),
        "size": rules_of_shade._size(it, *shape),
        "truths": [
            rules_of_shade._is_shadow(light, it),
            rules_of_shade._is_odd(it, *shape),
            rules_of_shade._hangs_out(it, *shape),
            rules_of_shade._is_no_circle(light, it),
            rules_of_shade._is_lit_beyond(light, it),
            rules_of_shade.may_be_spot(it, *shape),
        ],
        "bright end": rules_of_shade._bright_end(light),
        "other": [0.0] if other is None else [1.0, other.x, other.y, other.radius],
        "cuts": rules_of_edges.true_cuts(light, (it.x, it.y, it.radius), it.box, it.whole),
        "own": [own.whole, own.x, own.y, own.radius, *own.box],
        "corners": [0.0] if corners is None else [1.0, *corners],
        "moved": [moved.x, moved.y, moved.radius],
    }


@pytest.fixture(scope="module")
def run_steps(written: Callable[..., Any]) -> Any:
    return written(OUTLINE, steps)


@pytest.mark.usefixtures("exact_remap")
@settings(max_examples=12)
@given(number=SEEDS)
def test_every_step_gives_what_the_program_s_gives(
    run_steps: Any, any_frame: Callable[[int], NDArray[np.uint8]], number: int
) -> None:
    light = light_of(any_frame(number))
    for candidate in candidates(light):
        found, expected = run_steps(*arrays_of(light, candidate)), wanted(light, candidate)
        for name, value in expected.items():
            if name == "corners" and not candidate.whole:
                continue
            among = found[name][: np.size(value)] if np.ndim(value) == 1 else found[name]
            # OpenCV fills the border of a polygon by a rule of its own.
            close = {"filled": 0.02, "area": 0.5}.get(name, 1e-4)
            np.testing.assert_allclose(among, value, atol=close, err_msg=f"{name} of frame {number}")


@pytest.fixture(scope="module")
def run_part(written: Callable[..., Any]) -> Any:
    def look(light: Any, level: Any) -> dict[str, Any]:
        found, area = part.largest_part(light.astype("float64") > level)
        hull, round_area = part.hull_of(found)
        return {"area": area, "hull area": round_area, "x": hull.x, "y": hull.y, "valid": hull.valid}

    return written({"light": ("uint8", ("h", "w")), "level": ("float64", ())}, look)


@settings(max_examples=20)
@given(number=SEEDS, level=st.integers(0, 120))
def test_the_largest_part_and_its_hull(
    run_part: Any, any_frame: Callable[[int], NDArray[np.uint8]], number: int, level: int
) -> None:
    light = light_of(any_frame(number))
    rng = np.random.default_rng(number)
    if number % 2:  # parts of any shape, with holes
        grain = cv2.GaussianBlur(rng.integers(0, 256, light.shape).astype(np.float32), (0, 0), 4)
        light = np.asarray(np.clip(128 + 12 * (grain - 128), 0, 255), np.uint8)
    bright = cv2.morphologyEx(cv2.threshold(light, level, 255, cv2.THRESH_BINARY)[1], cv2.MORPH_OPEN, np.ones((5, 5)))
    contours = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    found = run_part(light, np.array(float(level)))
    contour = max(contours, key=cv2.contourArea, default=None)
    if contour is None:
        assert found["area"] == 0
        return
    hull = cv2.convexHull(contour)
    assert found["area"] == cv2.contourArea(contour)
    assert found["hull area"] == cv2.contourArea(hull)
    points = rules_of_circles.resample(hull[:, 0, :].astype(np.float64))
    assert found["valid"].sum() == len(points)
    np.testing.assert_allclose(np.column_stack([found["x"], found["y"]])[: len(points)], points, atol=1e-6)


@pytest.fixture(scope="module")
def run_outline(written: Callable[..., Any]) -> Any:
    def find(light: Any) -> dict[str, Any]:
        found = outline.best_outline(light.astype("float64"))
        numbers = [found.x, found.y, found.radius, *found.box, found.whole]
        return {"found": found.found, "numbers": _row(*numbers)}

    return written({"light": ("uint8", ("h", "w"))}, find)


@pytest.mark.usefixtures("exact_remap")
@settings(max_examples=20)
@given(number=SEEDS)
def test_the_best_outline(run_outline: Any, any_frame: Callable[[int], NDArray[np.uint8]], number: int) -> None:
    light = light_of(any_frame(number))
    found, expected = run_outline(light), rules_of_outlines.best_outline(light)
    assert found["found"] == (expected is not None)
    if expected is not None:
        numbers = [expected.x, expected.y, expected.radius, *expected.box, expected.whole]
        np.testing.assert_allclose(found["numbers"], numbers, atol=1e-3)
