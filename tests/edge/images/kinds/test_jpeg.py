"""What of a JPEG is damage, and what is not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.images import find_images, read_image
from edge.images.kinds.jpeg import strictly


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


@pytest.mark.parametrize(
    ("frame", "bits", "said"),
    [
        (0xC3, 8, "lossless"),
        (0xC3, 16, "lossless"),
        (0xF7, 8, "JPEG-LS"),
        (0xC6, 8, "in layers"),
        (0xC0, 12, "12 bits a sample"),
        (0xC1, 12, "12 bits a sample"),
    ],
)
@pytest.mark.parametrize("filled", [b"", b"\xff\xff"], ids=["", "filled"])
def test_a_kind_that_no_decoder_knows_is_not_called_damaged(
    tmp_path: Path, frame: int, bits: int, said: str, filled: bytes
) -> None:
    data = bytearray(cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = frame, bits
    path = tmp_path / "eye.jpg"
    path.write_bytes(data[:at] + b"\xff\xfe\x20\x00" + bytes(0x1FFE) + filled + data[at:])  # behind a long comment
    with pytest.raises(
        EdgeError, match=rf"eye\.jpg is a JPEG of a kind that is not read \({said}\): convert it to PNG"
    ):
        read_image(path)


@pytest.mark.parametrize(
    "data", [b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\0\0" * 9, b"\xff\xd8" + b"\xff" * 99]
)
def test_what_only_begins_as_a_jpeg_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "eye.jpg").write_bytes(data)
    with pytest.raises(EdgeError, match=r"eye\.jpg is not an image that is read, or is damaged at its beginning"):
        read_image(tmp_path / "eye.jpg")


def test_a_photograph_of_two_views_is_found_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "eye.MPO").write_bytes(cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    assert find_images([tmp_path]) == [tmp_path / "eye.MPO"]
