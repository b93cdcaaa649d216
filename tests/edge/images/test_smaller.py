"""JPEGs that are decoded to a part of their sides."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from edge.errors import EdgeError
from edge.images import ImageReader
from edge.phantom.retina import phantom_frame


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph with grain."""
    eye = cv2.resize(phantom_frame(3), (2016, 1512), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grain = np.random.default_rng(0).normal(0, 3, (1512, 2016, 1)).astype(np.float32)
    path = tmp_path_factory.mktemp("large") / "eye.jpg"
    cv2.imwrite(str(path), np.clip(eye + grain * (eye.max(axis=2, keepdims=True) > 12), 0, 255).astype(np.uint8))
    return path


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_smaller_picture_is_upright_and_knows_its_size(large: Path, tmp_path: Path, orientation: int) -> None:
    image = Image.open(large)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.jpg", exif=exif, quality=90)
    with ImageReader() as reader:
        half = reader.picture(tmp_path / "turned.jpg", least=700)
        whole = reader.picture(tmp_path / "turned.jpg", least=800)
        eighth = reader.picture(tmp_path / "turned.jpg", least=100)
    size = (2016, 1512) if orientation == 1 else (1512, 2016)
    assert (half.size, half.scale, half.frame.shape[1::-1]) == (size, 2, (size[0] // 2, size[1] // 2))
    assert (whole.size, whole.scale, whole.full) == (size, 1, None)
    assert (eighth.size, eighth.scale) == (size, 8)
    small = cv2.resize(whole.frame, half.frame.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - half.frame).mean() < 3


def test_a_cut_photograph_is_refused_at_any_size(large: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(large.read_bytes()[:-20_000])
    with ImageReader() as reader, pytest.raises(EdgeError, match="cut off"):
        reader.picture(tmp_path / "cut.jpg", least=700)
