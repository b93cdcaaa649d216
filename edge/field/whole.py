"""The field of a scan: all of the frame, as an en-face projection has no rim. And who finds the field of a modality."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle.manifest import ModalityName
from edge.field.find import MASK_SIZE, Crop, Field, find_field, is_blank
from edge.images.raw import Image

FIELDS: dict[ModalityName, str] = {"fundus": "frame", "octa": "whole"}  # how a new bundle finds the field
Finder = Callable[[NDArray[np.uint8]], Field | None]


def whole_field(frame: Image) -> Field | None:
    """All of a frame in the middle of a square; None where it is blank, see ``is_blank``."""
    if is_blank(frame):
        return None
    height, width = frame.shape[:2]
    side = max(height, width)
    crop = Crop((width - side) // 2, (height - side) // 2, side)
    rows, columns = _covered(-crop.y, height, side), _covered(-crop.x, width, side)
    return Field(crop, np.outer(rows, columns).astype(np.uint8) * np.uint8(255))


def _covered(start: int, length: int, side: int) -> NDArray[np.bool_]:
    """Which of the mask's rows or columns lie, half or more, on a stretch of the square's side."""
    line = np.zeros((side, 1), np.uint8)
    line[start : start + length] = 255
    return np.asarray(cv2.resize(line, (1, MASK_SIZE), interpolation=cv2.INTER_AREA)[:, 0] >= 128)


def finder_of(modality: ModalityName) -> Finder:
    """What finds the field of view in a single frame of this modality."""
    return whole_field if FIELDS[modality] == "whole" else find_field
