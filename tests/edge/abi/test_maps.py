"""Score and picture of the library: against Python's score, and byte for byte against what a blend is defined as."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.abi.library import LIBRARY
from edge.abi.maps import blend, score
from edge.assessment import Assessment, Timings
from edge.field.find import Crop
from edge.overlay import degradation as overlay
from edge.score import score_of_numpy

if LIBRARY is None:
    pytest.skip("the library is not built: no compiler", allow_module_level=True)
library: ctypes.CDLL = LIBRARY

Grid = NDArray[np.float32]
POINTS = 128
LOW, HIGH, OPACITY = np.array([255, 110, 0]), np.array([255, 225, 60]), np.array([0.62, 0.55, 0.9])
FAST = settings(max_examples=100, deadline=None)


@FAST
@given(
    st.sampled_from([1, 3]).flatmap(lambda k: hnp.arrays(np.float32, (k, 9, 9), elements=st.floats(0, 1, width=32))),
    hnp.arrays(np.bool_, (9, 9)),
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-6, 1e6)),
)
def test_score_is_that_of_python(maps: Grid, field: NDArray[np.bool_], pooling: tuple[float, float, float]) -> None:
    expected = score_of_numpy(maps, field, dict(zip(("disc", "macula", "periphery"), pooling, strict=True)))
    assert score(library, maps, field, pooling) == pytest.approx(expected, abs=1e-6)


def gaussian(sigma: float, reach: int) -> Grid:
    exact = np.exp(-(np.arange(-reach, reach + 1) ** 2.0) / (2 * sigma**2))
    return np.asarray(exact / exact.sum(), np.float32)


def smoothed(grid: Grid, sigma: float, reach: int) -> Grid:
    """Columns, then rows, weighed and added in this order, mirrored beyond the rim."""
    for axis in (0, 1):
        size = grid.shape[axis]
        padded = np.pad(
            grid, [(reach, reach) if each == axis else (0, 0) for each in (0, 1)], "reflect" if size > 1 else "edge"
        )
        total = np.zeros_like(grid)
        for at, weight in enumerate(gaussian(sigma, reach)):
            total = total + weight * np.take(padded, np.arange(at, at + size), axis)
        grid = total
    return grid


def enlarged(grid: Grid, whole: int, begin: int) -> Grid:
    """128 of ``whole`` points over the cells, rows first, cubic with a = -0.75."""
    cells, a = len(grid), -0.75
    place = (np.arange(begin, begin + POINTS) + 0.5) * cells / whole - 0.5
    before = np.floor(place)
    x = place - before
    outer = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    following = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1
    weights = [each.astype(np.float32) for each in (outer, inner, following, 1 - outer - inner - following)]
    for axis, shape in ((1, (1, -1)), (0, (-1, 1))):
        total = np.float32(0)
        for k, weight in enumerate(weights):
            at = np.clip(before.astype(int) - 1 + k, 0, cells - 1)
            total = total + weight.reshape(shape) * np.take(grid, at, axis)
        grid = np.asarray(total)
    return np.clip(grid, 0, 1)


def tints(degradation: Grid, field: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What is added to a frame and what is kept of it, in 255ths, on 128 x 128 points."""
    inside, grid = field.astype(np.float32), len(field)
    spread = smoothed(degradation * inside, 1.5, 6) / np.maximum(smoothed(inside, 1.5, 6), np.float32(1e-6))
    values = enlarged(np.where(field, degradation, spread), POINTS, 0)
    whole = round(POINTS * (grid + 8) / grid)
    share = enlarged(smoothed(np.pad(inside, 4), 1.2, 5), whole, (whole - POINTS) // 2)
    strength = np.clip((np.rint(values * np.float32(1024)).astype(np.float64) / 1024 - 0.25) / 0.75, 0, 1)[:, :, None]
    colour = np.asarray((1 - strength) * LOW + strength * HIGH, np.float32)
    veil = np.clip(share * np.float32(4) - np.float32(1.5), 0, 1)[:, :, None]
    opacity = np.asarray(strength**0.7 * OPACITY, np.float32) * veil
    return np.rint(colour * opacity).astype(np.uint8), np.rint((1 - opacity) * np.float32(255)).astype(np.uint8)


def widened(small: NDArray[np.uint8], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Between the points, at places in 128ths of their distance: of a row first, then of rows, rounded."""
    last = POINTS - 1
    across = columns[None, :, None] % 128
    left, right = columns // 128, np.minimum(columns // 128 + 1, last)
    wide = small[:, left].astype(np.int64) * (128 - across) + small[:, right].astype(np.int64) * across
    down, above, below = rows[:, None, None] % 128, rows // 128, np.minimum(rows // 128 + 1, last)
    return (wide[above] + ((wide[below] - wide[above]) * down + 64 >> 7) + 64) >> 7


def defined(picture: NDArray[np.uint8], degradation: Grid, field: NDArray[np.bool_], crop: Crop) -> NDArray[np.uint8]:
    """What a blend is: pixel * kept + added."""
    height, width = picture.shape[:2]

    def places(origin: int, size: int) -> tuple[slice, NDArray[np.int64]]:
        seen = np.arange(max(origin, 0), min(origin + crop.side, size), dtype=np.int64)
        twice = (2 * (seen - origin) + 1) * POINTS - crop.side
        return slice(seen[0], seen[-1] + 1), np.clip(twice * 64 // crop.side, 0, (POINTS - 1) * 128)

    (down, rows), (across, columns) = places(crop.y, height), places(crop.x, width)
    added, kept = (widened(each, rows, columns) for each in tints(degradation, field))
    result = picture.copy()
    product = picture[down, across].astype(np.int64) * kept + 128
    result[down, across] = np.minimum(((product + (product >> 8)) >> 8) + added, 255)
    return result


def example(grid: int, seed: int) -> tuple[Grid, NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    return rng.random((grid, grid), np.float32), rng.random((grid, grid)) > 0.2


@FAST
@given(
    st.integers(1, 40),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.integers(1, 400),
    st.integers(0, 10**6),
    st.data(),
)
def test_blend_is_its_definition_byte_for_byte(
    grid: int, shape: tuple[int, int], side: int, seed: int, data: st.DataObject
) -> None:
    degradation, field = example(grid, seed)
    y, x = (data.draw(st.integers(1 - side, size - 1)) for size in shape)
    picture = np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)
    expected = defined(picture, degradation, field, Crop(x, y, side))
    blend(library, picture, degradation, field, (x, y, side))
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize("crop", [Crop(96, 0, 540), Crop(200, -40, 600), Crop(-100, 30, 500)])
def test_opencv_blends_the_same_but_for_roundings(crop: Crop, monkeypatch: pytest.MonkeyPatch) -> None:
    down, across = np.mgrid[-15.5:16, -15.5:16] / 16
    field = np.hypot(down, across) < 1
    degradation = np.asarray((np.sin(4 * across) + np.cos(3 * down + 1)) / 4 + 0.5, np.float32)
    seen = Assessment(0.5, "usable", degradation, field, crop, Timings(1, 1, 1))
    pictures = [np.random.default_rng(1).integers(0, 256, (540, 760, 3)).astype(np.uint8) for _ in range(2)]
    overlay.lay_map(pictures[0], seen, crop)
    monkeypatch.setattr(overlay, "LIBRARY", None)
    overlay.lay_map(pictures[1], seen, crop)
    apart = np.abs(pictures[0].astype(int) - pictures[1])
    assert apart.mean() < 0.2
    assert np.quantile(apart, 0.999) <= 4  # at the rim of a crop that is cut, which OpenCV smooths twice


def test_rows_may_be_apart() -> None:
    degradation, field = example(16, 3)
    wide = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    before = wide.copy()
    blend(library, wide[:, 10:70], degradation, field, (5, 5, 50))
    np.testing.assert_array_equal(wide[:, 10:70], defined(before[:, 10:70], degradation, field, Crop(5, 5, 50)))
    np.testing.assert_array_equal(wide[:, :10], before[:, :10])
    np.testing.assert_array_equal(wide[:, 70:], before[:, 70:])


PICTURE = np.zeros((20, 30, 3), np.uint8)
MAP, FIELD = example(8, 0)
NAN = np.full((8, 8), np.nan, np.float32)


@pytest.mark.parametrize(
    ("degradation", "field", "pooling", "words"),
    [
        (MAP[None] - 2, FIELD, (1, 1, 1), "maps"),
        (NAN[None], FIELD, (1, 1, 1), "maps"),
        (MAP[None], FIELD, (-1, 1, 1), "range"),
        (MAP[None], FIELD, (1, float("nan"), 1), "range"),
        (MAP[None], FIELD, (1, 1, 0), "range"),
        (np.stack([MAP, MAP]), FIELD, (1, 1, 1), "limits"),
        (MAP[None, :0, :0], FIELD[:0, :0], (1, 1, 1), "limits"),
        (MAP[None], FIELD[:7], (1, 1, 1), "grid"),
        (MAP[None, :, :7], FIELD[:, :7], (1, 1, 1), "grid"),
    ],
)
def test_bad_maps_have_no_score(
    degradation: Grid, field: NDArray[np.bool_], pooling: tuple[float, float, float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        score(library, degradation, field, pooling)


@pytest.mark.parametrize(
    ("picture", "degradation", "crop", "words"),
    [
        (PICTURE, MAP + 1, (0, 0, 9), "maps"),
        (PICTURE, NAN, (0, 0, 9), "maps"),
        (PICTURE, MAP, (30, 0, 9), "crop"),
        (PICTURE, MAP, (0, 0, 0), "crop"),
        (PICTURE, MAP, (0, 0, -3), "crop"),
        (PICTURE[::-1], MAP, (0, 0, 9), "stride"),
        (PICTURE[:, ::2], MAP, (0, 0, 9), "one piece"),
        (PICTURE[:0], MAP, (0, 0, 9), "limits"),
        (PICTURE.astype(np.float32), MAP, (0, 0, 9), "uint8"),
        (PICTURE, MAP[:7], (0, 0, 9), "grid"),
    ],
)
def test_bad_pictures_are_refused(
    picture: NDArray[np.uint8], degradation: Grid, crop: tuple[int, int, int], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        blend(library, picture, degradation, FIELD, crop)


def test_null_is_refused() -> None:
    assert library.efiqa_score(None, 0, 1, 8, None, 0, None, None) == 1
    assert library.efiqa_blend(None, 0, None, 0, 8, None, None, 0, 1, 1, 3) == 1


def test_a_picture_of_one_row_may_have_any_stride() -> None:
    lit = np.full((40, 1, 3), 90, np.uint8)
    row, whole = lit.swapaxes(0, 1), lit.reshape(1, 40, 3).copy()
    for picture in (row, whole):
        blend(library, picture, np.ones((4, 4), np.float32), np.ones((4, 4), np.bool_), (0, -20, 40))
    np.testing.assert_array_equal(row, whole)
    assert (row != 90).any()
