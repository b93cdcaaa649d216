"""Real photographs come out exactly as Pillow shows them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from edge.images import find_images, read_image

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[3] / "shared" / "data"))

if not DATA.is_dir():
    pytest.skip(f"no photographs in {DATA}: NO REAL PHOTOGRAPH WAS READ", allow_module_level=True)


def differing(paths: list[Path]) -> list[Path]:
    return [
        path
        for path in paths
        if not np.array_equal(
            read_image(path), np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))[:, :, ::-1]
        )
    ]


def test_some_photographs_are_pillows_pictures() -> None:
    paths = find_images([DATA])[::40]
    assert paths
    assert differing(paths) == []


@pytest.mark.slow
def test_all_photographs_are_pillows_pictures() -> None:
    assert differing(find_images([DATA])) == []
