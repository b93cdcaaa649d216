"""What of a JPEG is damage, and what is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.images.jpeg import strictly


def test_zeros_before_the_end_of_a_jpeg_are_padding_and_anything_else_is_damage() -> None:
    """Cameras pad what they send; a frame over the rest of another has bytes there too."""
    rng = np.random.default_rng(0)
    eye = cv2.GaussianBlur(rng.integers(0, 256, (96, 128, 3), np.uint8), (0, 0), 2)
    whole = cv2.imencode(".jpg", eye)[1].tobytes()
    expected = strictly(whole, "BGR")
    np.testing.assert_array_equal(strictly(whole[:-2] + bytes(500) + whole[-2:], "BGR"), expected)
    np.testing.assert_array_equal(strictly(whole + bytes(500), "BGR"), expected)
    for damaged in (whole[:-2] + b"\x12\x55" * 40 + whole[-2:], whole[:-2] + bytes(500), whole[: len(whole) // 2]):
        with pytest.raises(ValueError, match="JPEG"):
            strictly(damaged, "BGR")
