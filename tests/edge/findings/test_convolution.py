"""Products and convolutions of small networks, against OpenCV's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge.findings.convolution import convolve, product


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 3), (40, 300, 256), (600, 600, 2)])
def test_a_product_in_parts_is_the_product(shape: tuple[int, int, int]) -> None:
    rows, inner, columns = shape
    rng = np.random.default_rng(0)
    left, right = rng.random((rows, inner), np.float32), rng.random((inner, columns), np.float32)
    np.testing.assert_allclose(product(left, right), left.astype(float) @ right, rtol=1e-4)


@pytest.mark.parametrize("side", [1, 2, 7, 16])
def test_a_convolution_is_every_second_pixel_of_opencvs(side: int) -> None:
    rng = np.random.default_rng(1)
    seen, weights = rng.random((3, side, side), np.float32), rng.normal(size=(2, 3, 3, 3)).astype(np.float32)
    biases = np.array([0.1, -0.2], np.float32)
    whole = np.zeros((2, side, side))
    for kernels, plane_sum in zip(weights, whole, strict=True):
        for plane, kernel in zip(seen, kernels, strict=True):
            plane_sum += cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    expected = np.maximum(whole[:, ::2, ::2] + biases[:, None, None], 0)
    np.testing.assert_allclose(convolve(seen, weights, biases), expected, atol=1e-5)
