"""The view of a square of a frame, wherever the square lies."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.field.find import Crop
from edge.field.magnified import view_of


@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    place=st.tuples(st.integers(-900, 200), st.integers(-900, 200)),
    side=st.integers(8, 800),
)
@settings(max_examples=200, deadline=None)
def test_a_view_is_every_nth_pixel_of_its_square_and_black_beyond_the_frame(
    shape: tuple[int, int], place: tuple[int, int], side: int
) -> None:
    frame = np.random.default_rng(0).integers(1, 256, (*shape, 3)).astype(np.uint8)
    (x, y), step = place, max(1, side // 320)
    rows, columns = (np.arange(start, start + side, step) for start in (y, x))
    inside = np.outer((rows >= 0) & (rows < shape[0]), (columns >= 0) & (columns < shape[1]))
    shown = frame[np.ix_(rows.clip(0, shape[0] - 1), columns.clip(0, shape[1] - 1))][..., 1]
    np.testing.assert_array_equal(view_of(frame, Crop(x, y, side)).green, np.where(inside, shown, 0))
