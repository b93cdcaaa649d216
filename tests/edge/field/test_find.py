"""The field finder on discs whose exact outline is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.field.find import MASK_SIZE, Crop, Field, find_field

Truth = NDArray[np.bool_]


def disc_truth(height: int, width: int, x: float, y: float, radius: float) -> Truth:
    rows, columns = np.mgrid[:height, :width]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= radius**2)


def photograph(truth: Truth, seed: int = 0, border: float = 2.0, noise: float = 3.0) -> NDArray[np.uint8]:
    """A retina-coloured, unevenly lit, noisy picture inside ``truth`` and a dark noisy border outside."""
    rng = np.random.default_rng(seed)
    height, width = truth.shape
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    light = 1 + 0.3 * np.sin(5 * columns + seed) * np.cos(4 * rows)
    colour = np.array([35.0, 80.0, 150.0]) * light[:, :, None]
    frame = np.where(truth[:, :, None], colour, border) + rng.normal(0, noise, (height, width, 3))
    return np.clip(frame, 0, 255).astype(np.uint8)


def in_frame(field: Field, shape: tuple[int, int]) -> Truth:
    """The mask of a field at every pixel of the frame."""
    cells = []
    for length, origin in ((shape[0], field.crop.y), (shape[1], field.crop.x)):
        cells.append(np.floor((np.arange(length) + 0.5 - origin) * MASK_SIZE / field.crop.side).astype(int))
    rows, columns = cells
    seen = np.outer((rows >= 0) & (rows < MASK_SIZE), (columns >= 0) & (columns < MASK_SIZE))
    clipped = np.ix_(rows.clip(0, MASK_SIZE - 1), columns.clip(0, MASK_SIZE - 1))
    return np.asarray(seen & (field.mask[clipped] > 0))


def overlap(field: Field | None, truth: Truth) -> float:
    """Intersection over union of a field with the exact one."""
    assert field is not None, "no field found"
    found = in_frame(field, truth.shape)
    return float((found & truth).sum() / (found | truth).sum())


DISCS = {
    "round": disc_truth(570, 760, 380, 285, 260),
    "small in a big frame": disc_truth(1080, 1920, 900, 560, 300),
    "off centre": disc_truth(480, 640, 230, 280, 170),
    "cut at top and bottom": disc_truth(480, 640, 320, 240, 290),
    "cut by the right border": disc_truth(480, 640, 500, 240, 210),
    "upright frame": disc_truth(900, 600, 300, 450, 280),
    "small frame": disc_truth(96, 96, 48, 48, 42),
    "rectangle, all field": np.ones((570, 760), np.bool_),
}


@pytest.mark.parametrize("name", DISCS)
def test_finds_the_exact_field(name: str) -> None:
    truth = DISCS[name]
    assert overlap(find_field(photograph(truth)), truth) >= 0.95


def test_letterboxed_disc_ends_at_the_bars() -> None:
    truth = disc_truth(570, 760, 380, 285, 300)
    truth[:60] = truth[-60:] = False
    assert overlap(find_field(photograph(truth)), truth) >= 0.95


def test_noisy_grey_border_is_not_field() -> None:
    truth = disc_truth(570, 760, 380, 285, 250)
    assert overlap(find_field(photograph(truth, border=12.0, noise=8.0)), truth) >= 0.95


def test_a_dark_side_is_still_field() -> None:
    truth = disc_truth(570, 760, 380, 285, 250)
    fall = np.clip(np.linspace(1.2, 0.15, 760), 0, 1)[None, :, None]
    frame = (photograph(truth, border=0.0, noise=1.0) * fall).astype(np.uint8)
    assert overlap(find_field(frame), truth) >= 0.95


def test_a_time_stamp_in_the_corner_is_not_field() -> None:
    truth = disc_truth(570, 760, 380, 285, 250)
    frame = photograph(truth)
    frame[10:25, 600:750] = (40, 255, 40)
    assert overlap(find_field(frame), truth) >= 0.95


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.integers(200, 700),
    st.integers(200, 700),
    st.floats(0.3, 0.7),
    st.floats(0.3, 0.7),
    st.floats(0.35, 0.5),
    st.integers(0, 99),
)
def test_finds_discs_anywhere(height: int, width: int, x: float, y: float, radius: float, seed: int) -> None:
    truth = disc_truth(height, width, x * width, y * height, radius * min(height, width))
    assert overlap(find_field(photograph(truth, seed)), truth) >= 0.95


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((570, 760, 3), np.uint8),
        np.full((570, 760, 3), 255, np.uint8),
        np.full((570, 760, 3), (0, 128, 255), np.uint8),
        photograph(DISCS["small frame"])[:15, :15],
        np.random.default_rng(0).integers(0, 6, (570, 760, 3)).astype(np.uint8),
    ],
    ids=["black", "white", "orange", "tiny", "lens cap with noise"],
)
def test_nothing_to_see(frame: NDArray[np.uint8]) -> None:
    assert find_field(frame) is None


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1), st.sampled_from([8, 60, 256]))
def test_any_small_frame_gives_a_field_or_none(height: int, width: int, seed: int, brightest: int) -> None:
    frame = np.random.default_rng(seed).integers(0, brightest, (height, width, 3)).astype(np.uint8)
    field = find_field(frame)
    if field is not None:
        assert field.mask.shape == (MASK_SIZE, MASK_SIZE)
        assert field.mask.dtype == np.uint8
        assert set(np.unique(field.mask)) <= {0, 255}
        assert 8 <= field.crop.side <= 4 * max(height, width)
        crop = field.crop
        assert -crop.side < crop.x < width
        assert -crop.side < crop.y < height


@pytest.mark.parametrize("shape", [(16, 4000), (4000, 16), (16, 16), (17, 333)])
def test_extreme_shapes(shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    field = find_field(frame)
    assert field is None or field.crop.side >= 8


def test_a_low_wide_frame_with_bands_is_no_arithmetic_on_nothing() -> None:
    """Lines at the border have no pixels beyond them; a warning would be an error here."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        height, width = int(rng.integers(18, 48)), int(rng.integers(120, 500))
        frame = np.full((height, width, 3), rng.integers(40, 200), np.uint8)
        frame[: rng.integers(1, 9)] = rng.integers(0, 20)
        frame[:, : rng.integers(1, 40)] = rng.integers(0, 20)
        find_field(np.clip(frame + rng.normal(0, 6, frame.shape), 0, 255).astype(np.uint8))


def test_frame_is_left_untouched_and_views_are_welcome() -> None:
    truth = DISCS["round"]
    frame = photograph(truth)
    before = frame.copy()
    direct = find_field(frame)
    mirrored = find_field(frame[:, ::-1][:, ::-1])
    np.testing.assert_array_equal(frame, before)
    assert direct is not None
    assert mirrored is not None
    assert direct.crop == mirrored.crop


def test_on_grid_takes_cells_that_are_half_field() -> None:
    mask = np.zeros((MASK_SIZE, MASK_SIZE), np.uint8)
    mask[:, : MASK_SIZE // 2 + 5] = 255  # 5 of the next 8 columns: more than half
    grid = Field(Crop(0, 0, 100), mask).on_grid(32)
    assert grid.shape == (32, 32)
    assert grid[:, :17].all()
    assert not grid[:, 17:].any()
