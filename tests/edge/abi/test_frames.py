"""The frame step of the library against the same steps in NumPy and OpenCV, for every pixel format."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import subprocess
import sys
import threading
from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.abi import frames, structures
from edge.abi.frames import Numbers, Pixels, Planes, c_frame, frame_step, packed
from edge.abi.library import LIBRARY
from edge.field.find import Crop
from edge.findings.photometry import light_of
from edge.frame.exposure import green_of
from edge.frame.prepare import prepare_opencv
from edge.images.pixels import PixelLayout
from edge.images.pixels import to_bgr as opencv_to_bgr

if LIBRARY is None:
    pytest.skip("the library is not built: no compiler", allow_module_level=True)
library: ctypes.CDLL = LIBRARY

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FORMATS: tuple[Pixels, ...] = get_args(Pixels)
KR_KB = {False: (0.299, 0.114), True: (0.2126, 0.0722)}


def rows_of(rng: np.random.Generator, rows: int, length: int, gap: int) -> NDArray[np.uint8]:
    """Random bytes; 255 in the gap between rows, so that reading it shows."""
    whole = np.full((rows, length + gap), 255, np.uint8)
    whole[:, :length] = rng.integers(0, 256, (rows, length))
    return whole[:, :length]


def frame_of(pixels: Pixels, height: int, width: int, gap: int = 0, seed: int = 0, **colours: bool) -> Planes:
    rng, pairs = np.random.default_rng(seed), (width + 1) // 2
    length = {"bgr": 3 * width, "rgb": 3 * width, "grey": width, "yuyv": 4 * pairs, "nv12": width}[pixels]
    planes = [rows_of(rng, height, length, gap)]
    if pixels == "nv12":
        planes.append(rows_of(rng, (height + 1) // 2, 2 * pairs, gap))
    return Planes(pixels, width, height, tuple(planes), **colours)


def yuv_of(frame: Planes) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Y, U and V of each pixel."""
    if frame.pixels == "yuyv":
        luma, pairs = frame.rows[0][:, ::2], frame.rows[0].reshape(frame.height, -1, 4)[:, :, 1::2]
    else:
        luma, pairs = frame.rows[0], np.repeat(frame.rows[1].reshape(len(frame.rows[1]), -1, 2), 2, axis=0)
    chroma = np.repeat(pairs, 2, axis=1)[: frame.height, : frame.width]
    return luma[:, : frame.width], chroma[:, :, 0], chroma[:, :, 1]


def bgr_of(frame: Planes) -> NDArray[np.uint8]:
    """The frame as the standards have it, in double precision."""
    if frame.pixels in ("bgr", "rgb"):
        picture = frame.rows[0].reshape(frame.height, frame.width, 3)
        return np.ascontiguousarray(picture if frame.pixels == "bgr" else picture[:, :, ::-1])
    if frame.pixels == "grey":
        return np.repeat(frame.rows[0][:, :, None], 3, axis=2)
    y, u, v = (plane.astype(np.float64) for plane in yuv_of(frame))
    if not frame.full_range:
        y, u, v = np.maximum(y - 16, 0) * 255 / 219, (u - 128) * 255 / 224, (v - 128) * 255 / 224
    else:
        u, v = u - 128, v - 128
    kr, kb = KR_KB[frame.bt709]
    blue, red = y + 2 * (1 - kb) * u, y + 2 * (1 - kr) * v
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.floor(np.stack([blue, green, red], axis=2) + 0.5), 0, 255).astype(np.uint8)


def greys_apart(one: NDArray[np.generic], other: NDArray[np.generic]) -> NDArray[np.float32]:
    """Differences of two tensors, in grey levels of 0 to 255."""
    return np.asarray(np.abs(one - other) * np.float32(STD)[:, None, None] * 255, np.float32)  # type: ignore[operator]


def step(frame: Planes, crop: Crop, numbers: Numbers) -> NDArray[np.generic]:
    return frame_step(library, frame, (crop.x, crop.y, crop.side), numbers)[0]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_format_gives_what_opencv_gives(data: st.DataObject) -> None:
    pixels = data.draw(st.sampled_from(FORMATS))
    height, width, gap = data.draw(st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(0, 9)))
    colours = {name: data.draw(st.booleans()) for name in ("full_range", "bt709")}
    side, size, seed = data.draw(st.tuples(st.integers(1, 90), st.integers(1, 40), st.integers(0, 999)))
    crop = Crop(data.draw(st.integers(1 - side, width - 1)), data.draw(st.integers(1 - side, height - 1)), side)
    frame = frame_of(pixels, height, width, gap, seed, **colours)
    apart = greys_apart(
        step(frame, crop, Numbers(size, MEAN, STD)), prepare_opencv(bgr_of(frame), crop, size, MEAN, STD)
    )
    assert apart.max() <= 2.01
    assert apart.mean() <= 1


@pytest.mark.parametrize("pixels", FORMATS)
@pytest.mark.parametrize("colours", [{}, {"bt709": True}, {"full_range": True}, {"bt709": True, "full_range": True}])
def test_camera_sizes(pixels: Pixels, colours: dict[str, bool]) -> None:
    """Averaged, as cameras' frames are, next to nothing is left of the roundings."""
    frame = frame_of(pixels, 540, 959, 5, **colours)
    crop = Crop(200, -10, 560)
    apart = greys_apart(step(frame, crop, Numbers(256, MEAN, STD)), prepare_opencv(bgr_of(frame), crop, 256, MEAN, STD))
    assert apart.max() <= 2.01
    assert apart.mean() < 0.1


@pytest.mark.parametrize(("pixels", "name"), [("nv12", "NV12"), ("yuyv", "YUY2")])
def test_usual_video_has_the_colours_that_cameras_are_read_with(pixels: Pixels, name: str) -> None:
    frame = frame_of(pixels, 64, 80)
    data = np.concatenate([plane.reshape(-1) for plane in frame.rows])
    layout = PixelLayout(name, 80, 64, (0, 64 * 80), (frame.rows[0].shape[1], 80))
    apart = np.abs(frames.to_bgr(library, frame).astype(int) - opencv_to_bgr(data.data, layout))
    assert apart.max() <= 1  # each rounds in its own way
    assert apart.mean() < 0.05


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_picture_holds_what_the_tensor_is_made_of(data: st.DataObject) -> None:
    pixels = data.draw(st.sampled_from(FORMATS))
    height, width, gap = data.draw(st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(0, 9)))
    colours = {name: data.draw(st.booleans()) for name in ("full_range", "bt709")}
    frame = frame_of(pixels, height, width, gap, data.draw(st.integers(0, 999)), **colours)
    picture = frames.to_bgr(library, frame)
    assert np.abs(picture.astype(int) - bgr_of(frame)).max() <= 1
    crop = Crop(data.draw(st.integers(-9, width - 1)), data.draw(st.integers(-9, height - 1)), 70)
    numbers = Numbers(data.draw(st.integers(1, 90)), MEAN, STD)
    np.testing.assert_array_equal(step(frame, crop, numbers), step(packed(picture), crop, numbers))


def test_rows_that_share_memory_and_a_single_row_of_any_stride_are_taken() -> None:
    column = np.random.default_rng(0).integers(0, 256, (40, 1, 3)).astype(np.uint8)
    row = column.swapaxes(0, 1)  # (1, 40, 3), whose rows would be 3 bytes apart
    windows = np.lib.stride_tricks.sliding_window_view(column[:, 0], 30, axis=0).swapaxes(1, 2)
    for picture in (row, windows, windows.reshape(-1, 3)[None, ::2]):
        np.testing.assert_array_equal(frames.to_bgr(library, packed(picture)), picture)


def test_every_colour_of_every_matrix_is_right_to_a_level() -> None:
    """All combinations of 32 values of Y, U and V; the picture is as large as the tensor."""
    values = np.rint(np.linspace(0, 255, 32)).astype(np.uint8)
    y, u, v = (each.reshape(32, 1024) for each in np.meshgrid(values, values, values, indexing="ij"))
    rows = np.repeat(np.stack([y, u, y, v], axis=2).reshape(32, -1), 32, axis=0)  # square: the tensor must be
    for full_range in (False, True):
        for bt709 in (False, True):
            frame = Planes("yuyv", 2048, 1024, (rows,), full_range, bt709)
            tensor = step(frame, Crop(0, 0, 2048), Numbers(2048, (0, 0, 0), (1, 1, 1)))
            found = np.rint(np.asarray(tensor, np.float32)[0, ::-1, :1024].transpose(1, 2, 0) * 255)
            apart = np.abs(found[::32] - bgr_of(dataclasses.replace(frame, height=1024))[::32])
            assert apart.max() <= 1
            assert apart.mean() < 0.05


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 99))
def test_half_and_int8_are_the_rounded_tensor(height: int, width: int, seed: int) -> None:
    frame, crop = frame_of("bgr", height, width, seed=seed), Crop(-3, 0, 40)
    whole = np.asarray(step(frame, crop, Numbers(24, MEAN, STD)), np.float32)
    half = step(frame, crop, Numbers(24, MEAN, STD, "float16"))
    np.testing.assert_array_equal(half, whole.astype(np.float16))
    scale, zero = np.float32(0.018), -7
    int8 = step(frame, crop, Numbers(24, MEAN, STD, "int8", float(scale), zero))
    np.testing.assert_array_equal(int8, np.clip(np.rint(whole / scale) + zero, -128, 127).astype(np.int8))


@pytest.mark.parametrize("std", [1e6, 3e4, 100.0, 1.0, 1e-4, 1e-6])
def test_half_precision_at_its_ends(std: float) -> None:
    """From numbers too small for a half to infinity."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None], 256, axis=0)
    numbers = Numbers(256, (0.3, 0.5, 0.7), (std, std, std))
    whole = np.asarray(step(packed(ramp, "grey"), Crop(0, 0, 256), numbers), np.float32)
    half = step(packed(ramp, "grey"), Crop(0, 0, 256), dataclasses.replace(numbers, type="float16"))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(half, whole.astype(np.float16))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([(64, 8), (64, 16), (60, 15), (61, 13), (128, 32), (37, 9)]), st.integers(0, 99))
def test_light_is_that_of_the_tensor(sizes: tuple[int, int], seed: int) -> None:
    size, grid = sizes
    noise = np.random.default_rng(seed).integers(0, 256, (90, 110, 3)).astype(np.uint8)
    frame = np.asarray(cv2.GaussianBlur(noise, (0, 0), 1 + seed % 3) * 1.2 + 20, np.uint8)
    tensor, light = frame_step(library, packed(frame), (4, -6, 100), Numbers(size, MEAN, STD), grid)
    assert light is not None
    expected, seen = light_of(np.asarray(tensor, np.float32), None, grid, MEAN, STD)
    np.testing.assert_allclose(light.rgb, expected, atol=1e-4)  # what is left of normalising, in grey values
    for name in ("clipped", "detail", "grain"):
        np.testing.assert_allclose(getattr(light, name), getattr(seen, name), rtol=1e-5, atol=1e-5)


def test_green_of_the_tensor_is_handed_out_where_it_is_asked_for() -> None:
    frame, crop = frame_of("bgr", 50, 60), (3, -4, 48)
    picture, tensor = np.zeros((2, 32, 32), np.float32), np.empty((1, 3, 32, 32), np.float32)
    into = structures.Tensor(tensor.ctypes.data, tensor.nbytes, 0, 32, MEAN, STD)
    light = structures.Light(8, picture=picture.ctypes.data, picture_size=picture[0].size)
    assert library.efiqa_frame_step(c_frame(frame), structures.Crop(*crop), into, light) == 0
    np.testing.assert_array_equal(picture[0], green_of(tensor, MEAN, STD))
    assert not picture[1].any()


GOOD = frame_of("nv12", 21, 30)


def with_rows(*rows: NDArray[np.uint8]) -> Planes:
    return dataclasses.replace(GOOD, rows=rows)


def broken(**changes: object) -> Planes:
    return dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]


def strided(length: int, stride: int) -> NDArray[np.uint8]:
    whole = np.zeros(4000, np.uint8)
    return np.lib.stride_tricks.as_strided(whole[2000:], (21, length), (stride, 1))


@pytest.mark.parametrize(
    ("frame", "crop", "numbers", "words"),
    [
        (broken(width=31), (0, 0, 9), {}, "stride|shorter"),
        (broken(height=23), (0, 0, 9), {}, "shorter"),
        (broken(width=0), (0, 0, 9), {}, "limits"),
        (broken(height=-4), (0, 0, 9), {}, "limits"),
        (broken(width=2**31 - 1), (0, 0, 9), {}, "limits"),
        (broken(pixels="i420"), (0, 0, 9), {}, "no format"),
        (with_rows(GOOD.rows[0]), (0, 0, 9), {}, "null"),
        (with_rows(GOOD.rows[0], GOOD.rows[1][:-1]), (0, 0, 9), {}, "shorter"),
        (with_rows(GOOD.rows[0][:0], GOOD.rows[1]), (0, 0, 9), {}, "shorter"),
        (with_rows(strided(30, -30), GOOD.rows[1]), (0, 0, 9), {}, "stride"),
        (with_rows(strided(30, 29), GOOD.rows[1]), (0, 0, 9), {}, "stride"),
        (with_rows(strided(30, 0), GOOD.rows[1]), (0, 0, 9), {}, "stride"),
        (GOOD, (30, 0, 9), {}, "crop"),
        (GOOD, (0, -9, 9), {}, "crop"),
        (GOOD, (0, 0, 0), {}, "crop"),
        (GOOD, (0, 0, -9), {}, "crop"),
        (GOOD, (0, 0, 2**40), {}, "crop"),
        (GOOD, (-(2**61), 0, 2**61), {}, "crop"),
        (GOOD, (-(2**63), 0, 8), {}, "crop"),
        (GOOD, (0, 0, 9), {"side": 0}, "tensor"),
        (GOOD, (0, 0, 9), {"side": -1}, "tensor"),
        (GOOD, (0, 0, 9), {"side": 100_000}, "tensor"),
        (GOOD, (0, 0, 9), {"std": (0.0, 1.0, 1.0)}, "std"),
        (GOOD, (0, 0, 9), {"std": (1.0, -1.0, 1.0)}, "std"),
        (GOOD, (0, 0, 9), {"mean": (float("nan"), 1.0, 1.0)}, "number"),
        (GOOD, (0, 0, 9), {"type": "float64"}, "no format"),
        (GOOD, (0, 0, 9), {"type": "int8", "scale": 0.0}, "number"),
        (GOOD, (0, 0, 9), {"type": "int8", "zero_point": 128}, "number"),
    ],
)
def test_bad_input_is_refused(
    frame: Planes, crop: tuple[int, int, int], numbers: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        frame_step(library, frame, crop, dataclasses.replace(Numbers(8, MEAN, STD), **numbers))  # type: ignore[arg-type]


@pytest.mark.parametrize("grid", [0, -1, 3, 2**31])
def test_light_needs_pixels_enough(grid: int) -> None:
    with pytest.raises(ValueError, match="cells"):
        frame_step(library, GOOD, (0, 0, 9), Numbers(8, MEAN, STD), grid)


def test_nothing_but_null_is_refused_too() -> None:
    assert library.efiqa_frame_step(None, None, None, None) == 1


@pytest.mark.parametrize("pixels", FORMATS)
def test_threads_do_not_disturb_each_other(pixels: Pixels) -> None:
    frames = [frame_of(pixels, 120, 160, seed=seed) for seed in range(4)]
    crop, numbers = Crop(10, 0, 120), Numbers(64, MEAN, STD)
    expected = [step(frame, crop, numbers) for frame in frames]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(30):
            if not np.array_equal(step(frames[i], crop, numbers), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


PRINT_SUMS = """
import hashlib, numpy as np
from edge.abi.frames import Numbers, Planes, frame_step, packed
from edge.abi.library import LIBRARY
from edge.abi.maps import blend
rng = np.random.default_rng(1)
frame, sums = rng.integers(0, 256, (131, 157, 3)).astype(np.uint8), []
chroma = rng.integers(0, 256, (66, 158)).astype(np.uint8)
luma = frame[:, :, 0].copy()
for planes in (packed(frame), packed(luma, "grey"), Planes("nv12", 157, 131, (luma, chroma))):
    for kind in ("float32", "float16", "int8"):
        numbers = Numbers(64, (0.4, 0.5, 0.6), (0.2, 0.2, 0.3), kind, 0.02)
        tensor, light = frame_step(LIBRARY, planes, (3, -9, 150), numbers, 16)
        sums += [tensor, light.rgb, light.detail, light.grain, light.clipped]
blend(LIBRARY, frame, rng.random((16, 16)).astype(np.float32), rng.random((16, 16)) > 0.3, (3, -9, 150))
print(hashlib.sha256(b"".join(each.tobytes() for each in [*sums, frame])).hexdigest())
"""


def test_vectors_of_every_width_give_the_same_bits() -> None:
    found = set()
    for bits in ("128", "256", "512"):
        env = {**os.environ, "EFIQA_VECTORS": bits}
        command = [sys.executable, "-c", PRINT_SUMS]
        found.add(subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=300).stdout)
    assert len(found) == 1
