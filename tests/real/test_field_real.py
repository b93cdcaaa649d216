"""The field finder against the field-of-view masks of DRIVE and HRF."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.field.find import MASK_SIZE, find_field

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[3] / "shared" / "data"))


def overlap(photograph: Path) -> float:
    """Intersection over union of the field found in a photograph with its hand-made mask."""
    frame = cv2.imread(str(photograph))
    mask = next((photograph.parents[1] / "fov").glob(f"{photograph.stem}.*"))
    truth = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE) > 127
    field = find_field(frame)
    assert field is not None, photograph.name
    to_crop = MASK_SIZE / field.crop.side
    matrix = np.array([[1 / to_crop, 0, field.crop.x], [0, 1 / to_crop, field.crop.y]])
    size = (truth.shape[1], truth.shape[0])
    found = cv2.warpAffine(field.mask, matrix, size, flags=cv2.INTER_NEAREST) > 0
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("folder", ["drive/train", "drive/test", "hrf"])
def test_field_matches_the_masks(folder: str) -> None:
    photographs = sorted((DATA / folder / "images").glob("*.*"))
    if not photographs:
        pytest.skip(f"NO REAL IMAGES: {DATA / folder} is missing; set EFIQA_DATA to the data folder")
    overlaps = {p.name: overlap(p) for p in photographs}
    assert np.mean(list(overlaps.values())) >= 0.97
    assert min(overlaps.values()) >= 0.90, min(overlaps, key=lambda name: overlaps[name])
