"""Which straight cuts of a field are the camera's: one across which the light fades is a shadow's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.field.camera_cuts import cameras_own
from edge.field.circle_fit import Outline

SIZE, RADIUS = 170, 75


def cut_at(column: float, width: float) -> float:
    """Where the field ends on the right whose light fades over so many reduced pixels, up to a column."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    light = 140 * np.clip((column - x) / width, 0, 1)
    light[np.hypot(x - SIZE / 2, y - SIZE / 2) > RADIUS] = 0
    brightness = np.asarray(cv2.blur(light, (3, 3)), np.uint8)
    box = (-np.inf, -np.inf, column - 1, np.inf)
    return cameras_own(brightness, Outline(SIZE / 2, SIZE / 2, RADIUS, box, 30.0, np.zeros((4, 2)))).box[2]


@pytest.mark.parametrize("column", [130, 140])
def test_a_sharp_cut_of_a_little_is_the_cameras(column: int) -> None:
    assert cut_at(column, 1) == column - 1


@pytest.mark.parametrize("column", [130, 140])
@pytest.mark.parametrize("width", [16, 24, 36])  # of 150 across: up to a quarter of the diameter
def test_a_long_soft_edge_is_a_shadow(column: int, width: float) -> None:
    assert cut_at(column, width) == SIZE - 1
