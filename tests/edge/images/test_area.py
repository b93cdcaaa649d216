from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.images import area, decoder_process, read_image
from edge.images.reader import ImageReader

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no memory without a file")


def test_what_one_process_writes_the_other_reads_and_cannot_change() -> None:
    made = area.new_area()
    assert made is not None
    with pytest.raises(PermissionError):  # a decoder that a file took over would end us with it
        os.ftruncate(made, 0)
    ours, theirs = area.mapped(os.dup(made), write=False), area.mapped(made, write=True)
    assert ours is not None
    assert theirs is not None
    theirs[:3] = b"eye"
    assert ours[:3] == b"eye"
    with pytest.raises(TypeError):
        ours[:3] = b"lid"


@pytest.mark.parametrize("shape", [(300, 400), (3300, 3400)], ids=["within it", "larger than it"])
def test_pixels_are_the_same_with_it_and_without(
    shape: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "eye.png"
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_NEAREST))
    with_it = read_image(path)
    monkeypatch.setattr(decoder_process, "new_area", lambda: None)
    with ImageReader() as reader:
        np.testing.assert_array_equal(reader.read(path), with_it)
    np.testing.assert_array_equal(cv2.imread(str(path)), with_it)


def test_a_picture_is_not_that_of_the_next_file(tmp_path: Path) -> None:
    """Its pixels are a copy: the memory is written to again."""
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 64, 3), number, np.uint8))
    with ImageReader() as reader:
        first, second = (reader.read(tmp_path / f"{number}.png") for number in (1, 2))
    assert (first == 1).all()
    assert (second == 2).all()


def test_pixels_come_through_it(tmp_path: Path) -> None:
    path = tmp_path / "eye.png"
    cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 256, (64, 48, 3), np.uint8))
    with ImageReader() as reader:
        frame = reader.read(path)
        (decoder,) = reader._idle
        assert decoder._area is not None
        assert decoder._area[: frame.size] == frame.tobytes()
