"""The field in a graph against ``edge.field.find``: reduction, crop, mask and spot, on frames of any kind and size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.export.field import find
from edge.field import find as rules
from edge.phantom.retina import phantom_frame

FRAME = {"frame": ("uint8", ("height", "width", 3))}
Frame = NDArray[np.uint8]


def rgb(frame: Frame) -> Frame:
    return np.ascontiguousarray(frame[:, :, ::-1])


@pytest.fixture(scope="module")
def run_find(written: Callable[..., Any]) -> Any:
    def steps(frame: Any) -> dict[str, Any]:
        found = find.find_sure_field(frame)
        field = found.field
        named = {"x": field.x, "y": field.y, "side": field.side, "mask": field.mask}
        return {**named, "found": found.found, "doubtful": found.doubtful, "spot": found.spot}

    return written(FRAME, steps)


@pytest.fixture(scope="module")
def run_reduce(written: Callable[..., Any]) -> Any:
    return written(FRAME, lambda frame: dict(zip(("reduced", "factor", "large"), find.reduce(frame), strict=True)))


def check(run_find: Any, frame: Frame) -> bool:
    """Compare, and say whether the field may be a spot."""
    found, expected = run_find(rgb(frame)), rules.find_sure_field(frame)
    assert found["found"] == (expected is not None)
    if expected is None:
        assert not found["mask"].any()
        return False
    crop = expected.crop
    assert (found["x"], found["y"], found["side"]) == (crop.x, crop.y, crop.side)
    assert np.count_nonzero(found["mask"] != (expected.mask > 0)) <= 20  # of 65,536: roundings
    assert found["doubtful"] == (expected.spot is not None)
    if expected.spot is not None:
        cells = found["spot"].reshape(32, 8, 32, 8).mean(axis=(1, 3)) >= 127.5
        assert np.count_nonzero(cells != expected.spot_on_grid(32)) <= 2
    return expected.spot is not None


@pytest.mark.usefixtures("exact_remap")
@settings(max_examples=20)
@given(number=st.integers(0, 100_000))
def test_the_field_of_any_frame(run_find: Any, any_frame: Callable[[int], Frame], number: int) -> None:
    check(run_find, any_frame(number))


def test_a_spot_aside_is_doubtful(run_find: Any) -> None:
    rows, columns = np.mgrid[:600, :800]
    frame = np.zeros((600, 800, 3), np.uint8)
    frame[np.hypot(columns - 250, rows - 330) < 170] = (40, 90, 160)
    assert check(run_find, frame)


def test_a_squeezed_field(run_find: Any) -> None:
    rows, columns = np.mgrid[:480, :640]
    for wide, high in ((290, 200), (180, 225)):
        frame = np.zeros((480, 640, 3), np.uint8)
        frame[np.hypot((columns - 320) / wide, (rows - 240) / high) < 1] = (40, 90, 160)
        check(run_find, frame)


@settings(max_examples=20)
@given(height=st.integers(1, 900), width=st.integers(1, 900), grey=st.sampled_from([0, 5, 120, 255, -1]))
def test_frames_of_any_size_and_none_of_a_retina(run_find: Any, height: int, width: int, grey: int) -> None:
    rng = np.random.default_rng(height * width)
    noise = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    check(run_find, noise if grey < 0 else np.full((height, width, 3), grey, np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 3), (15, 15), (16, 16), (17, 1000), (255, 255)])
def test_frames_too_small_or_too_narrow(run_find: Any, shape: tuple[int, int]) -> None:
    check(run_find, np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8))


@settings(max_examples=15)
@given(longest=st.integers(170, 3000), share=st.floats(0.3, 1))
def test_it_is_reduced_as_the_program_reduces(run_reduce: Any, longest: int, share: float) -> None:
    frame = np.random.default_rng(longest).integers(0, 256, (int(longest * share), longest, 3)).astype(np.uint8)
    found, factor = run_reduce(frame), rules._factor(longest)
    assert found["factor"] == factor
    np.testing.assert_array_equal(found["reduced"], rules._reduce(frame, factor))


@pytest.mark.parametrize("circle", [(320.0, 240.0, 200.0), (300.5, 250.0, 310.0), (50.0, 60.0, 90.0)])
def test_a_circle_that_the_bundle_gives(written: Callable[..., Any], circle: tuple[float, float, float]) -> None:
    def steps(frame: Any) -> dict[str, Any]:
        found = find.find_given_circle(frame, *circle)
        return {"crop": found.field.x + 0 * found.field.y, "mask": found.field.mask, "found": found.found}

    frame = phantom_frame(0)
    found, expected = written(FRAME, steps)(rgb(frame)), rules.field_of_circle(*circle, frame.shape[:2])
    assert found["crop"] == expected.crop.x
    np.testing.assert_array_equal(found["mask"], expected.mask > 0)
    assert found["found"]
    assert not written(FRAME, steps)(np.zeros((480, 640, 3), np.uint8))["found"]
