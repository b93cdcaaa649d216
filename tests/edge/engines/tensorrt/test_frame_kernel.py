"""The kernels of the frame step against the library, to the bit: each thread of a GPU is run on the CPU."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.abi.frames import Numbers, Planes, frame_step, packed
from edge.abi.library import LIBRARY
from edge.engines.tensorrt.frame_kernel import FORMATS, frame_bytes, job_of, put_frame, table_bytes

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="the library is not built: no compiler")


def frame_of(pixels: str, width: int, height: int, seed: int) -> Planes:
    """Noise in a format; of NV12 and YUYV in any matrix and range."""
    rng = np.random.default_rng(seed)

    def noise(*shape: int) -> Any:
        return rng.integers(0, 256, shape).astype(np.uint8)

    if pixels in ("bgr", "rgb"):
        return packed(noise(height, width, 3), pixels)  # type: ignore[arg-type]
    if pixels == "grey":
        return packed(noise(height, width + 5)[:, 2 : width + 2], "grey")  # rows with a gap
    full_range, bt709 = bool(seed % 2), bool(seed // 2 % 2)
    if pixels == "yuyv":
        return Planes("yuyv", width // 2 * 2, height, (noise(height, width // 2 * 4),), full_range, bt709)
    rows = noise(height, width), noise((height + 1) // 2, (width + 1) // 2 * 2)
    return Planes("nv12", width, height, rows, full_range, bt709)


def run(kernels: ctypes.CDLL, frame: Planes, crop: tuple[int, int, int], numbers: Numbers) -> tuple[Any, Any]:
    """Tensor and picture, as two launches on a GPU make them."""
    job, side = job_of(frame, crop, numbers), numbers.side
    reaches, shares = (np.full(size, 0xEE, np.uint8) for size in table_bytes(job))
    tensor, picture = np.full((1, 3, side, side), np.nan, np.float32), np.zeros((side, side, 3), np.uint8)
    shared = np.zeros(frame_bytes(frame, crop), np.uint8)
    put_frame(frame, crop, shared)
    at = [ctypes.c_void_p(each.ctypes.data) for each in (shared, reaches, shares, tensor, picture)]
    kernels.on_cpu_tabulate(-(-2 * side // 128), 128, ctypes.byref(job), *at[1:3])
    kernels.on_cpu_frame_pixels(-(-side // 16), 16, ctypes.byref(job), *at)
    return tensor, picture


@given(
    pixels=st.sampled_from(FORMATS),
    width=st.integers(2, 700),
    height=st.integers(2, 500),
    side=st.sampled_from((8, 31, 64)),
    crop=st.tuples(st.integers(-150, 250), st.integers(-150, 250), st.integers(1, 1200)),
    twice=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_thread_gives_the_bits_of_the_library(
    on_cpu: ctypes.CDLL,
    pixels: str,
    width: int,
    height: int,
    side: int,
    crop: tuple[int, int, int],
    twice: bool,
    seed: int,
) -> None:
    frame = frame_of(pixels, width, height, seed)
    square = (*crop[:2], 2 * side) if twice else crop  # of twice the side halves are rounded up
    numbers = Numbers(side, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
    try:
        wanted, _ = frame_step(LIBRARY, frame, square, numbers)  # type: ignore[arg-type]
    except ValueError:  # the square lies outside
        return
    tensor, picture = run(on_cpu, frame, square, numbers)
    np.testing.assert_array_equal(tensor, wanted)
    again, _ = frame_step(LIBRARY, packed(picture), (0, 0, side), numbers)  # type: ignore[arg-type]
    np.testing.assert_array_equal(again, wanted)


def test_more_rows_than_16_bits_hold_the_sum_of(on_cpu: ctypes.CDLL) -> None:
    frame = packed(np.full((2200, 9, 3), 255, np.uint8))
    numbers = Numbers(4, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    tensor, picture = run(on_cpu, frame, (0, 0, 2200), numbers)
    np.testing.assert_array_equal(tensor, frame_step(LIBRARY, frame, (0, 0, 2200), numbers)[0])  # type: ignore[arg-type]
    assert picture[:, 0].max() == 4  # nine columns of 550
