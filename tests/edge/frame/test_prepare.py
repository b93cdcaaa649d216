"""The frame step of the compiled library against the OpenCV sequence of the same steps."""

from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.field.find import Crop
from edge.frame import prepare as frame_module
from edge.frame.prepare import cut, frame_step_name, normalise, prepare, prepare_opencv

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
native = pytest.mark.skipif(frame_step_name() != "native", reason="the library is not built: no compiler")


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def greys_apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Differences of two tensors, in grey levels of 0 to 255."""
    return np.asarray(np.abs(a - b) * np.float32(STD)[:, None, None] * 255, np.float32)


def assert_same(fused: NDArray[np.float32], steps: NDArray[np.float32]) -> None:
    """Whole grey levels both, and next to nowhere one apart: where a mean lies half way but for the last bit."""
    apart = greys_apart(fused, steps)
    assert apart.max() <= 1.01
    assert np.abs(apart - np.rint(apart)).max() < 0.01
    assert (apart > 0.5).sum() <= max(1, 0.002 * apart.size)


def test_the_library_is_built_where_a_compiler_is() -> None:
    if shutil.which("c++") or shutil.which("g++"):
        assert frame_step_name() == "native"


@native
@settings(max_examples=200, deadline=None)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(-120, 120), st.integers(-120, 120)),
    st.integers(1, 200),
    st.integers(1, 70),
    st.integers(0, 1000),
)
def test_agrees_with_opencv(shape: tuple[int, int], origin: tuple[int, int], side: int, size: int, seed: int) -> None:
    frame, crop = noise(*shape, seed), Crop(*origin, side)
    fused = prepare(frame, crop, size, MEAN, STD)
    assert fused.shape == (1, 3, size, size)
    assert fused.dtype == np.float32
    assert fused.flags.c_contiguous
    assert_same(fused, prepare_opencv(frame, crop, size, MEAN, STD))


@native
@pytest.mark.parametrize(
    ("shape", "crop"),
    [
        ((570, 760), Crop(95, 0, 570)),
        ((570, 760), Crop(0, -95, 760)),
        ((1080, 1920), Crop(420, 0, 1080)),
        ((512, 512), Crop(0, 0, 512)),
        ((256, 256), Crop(0, 0, 256)),
        ((150, 100), Crop(-20, 10, 140)),
    ],
)
def test_agrees_at_camera_sizes(shape: tuple[int, int], crop: Crop) -> None:
    frame = noise(*shape)
    fused = prepare(frame, crop, 256, MEAN, STD)
    assert_same(fused, prepare_opencv(frame, crop, 256, MEAN, STD))


@pytest.mark.parametrize("step", [prepare, prepare_opencv])
def test_exact_values(step: object) -> None:
    frame = np.zeros((4, 4, 3), np.uint8)
    frame[:2, :2] = (10, 20, 30)  # blue, green, red
    frame[2:, 2:] = (250, 100, 0)
    tensor = step(frame, Crop(0, 0, 4), 2, (0.0, 0.5, 0.0), (1.0, 2.0, 0.5))  # type: ignore[operator]
    red = np.array([[30, 0], [0, 0]]) / 255
    green = (np.array([[20, 0], [0, 100]]) / 255 - 0.5) / 2
    blue = np.array([[10, 0], [0, 250]]) / 255 / 0.5
    np.testing.assert_allclose(tensor[0], np.stack([red, green, blue]), atol=1e-6)


@native
@pytest.mark.parametrize(
    "view",
    [
        lambda f: f[5:50, 7:60],
        lambda f: f[::2],
        lambda f: f[:, ::2],
        lambda f: f[::-1, ::-1],
        lambda f: f[:, :, ::-1],
        lambda f: f.transpose(1, 0, 2),
        np.asfortranarray,
    ],
    ids=["slice", "every second row", "every second column", "turned", "rgb", "transposed", "column-major"],
)
def test_views_are_read_as_they_are(view: object) -> None:
    frame = view(noise(64, 80))  # type: ignore[operator]
    crop = Crop(-3, 4, 50)
    same = prepare(np.ascontiguousarray(frame), crop, 24, MEAN, STD)
    np.testing.assert_array_equal(prepare(frame, crop, 24, MEAN, STD), same)


@native
def test_read_only_frames_are_welcome() -> None:
    frame = noise(20, 20)
    frame.flags.writeable = False
    assert prepare(frame, Crop(0, 0, 20), 8, MEAN, STD).shape == (1, 3, 8, 8)


@native
def test_absurd_crops_are_black() -> None:
    frame = np.full((30, 40, 3), 255, np.uint8)
    black = normalise(np.zeros((16, 16, 3), np.uint8), MEAN, STD)
    for crop in (Crop(-(10**9), 0, 5), Crop(2**31 - 1, 2**31 - 1, 2**31 - 1), Crop(40, 0, 7), Crop(0, -7, 7)):
        np.testing.assert_allclose(prepare(frame, crop, 16, MEAN, STD), black, atol=1e-6)
    wide = prepare(frame, Crop(0, 0, 100_000), 256, MEAN, STD)
    lit = (wide - black[:, :, :1, :1]) * np.float32(STD)[None, :, None, None]
    # All light of the frame lands in the first output pixel, 30 x 40 of its 390.625 x 390.625: two grey levels.
    np.testing.assert_allclose(lit[0, :, 0, 0], round(255 * 30 * 40 / 390.625**2) / 255, rtol=1e-3)
    assert float(np.abs(lit[0, :, 1:, 1:]).max()) < 1e-6


@pytest.mark.parametrize(
    ("crop", "size"), [(Crop(0, 0, 0), 8), (Crop(0, 0, -5), 8), (Crop(0, 0, 5), 0), (Crop(0, 0, 5), -1)]
)
def test_crop_and_size_must_be_positive(crop: Crop, size: int) -> None:
    with pytest.raises(ValueError, match="at least 1 pixel"):
        prepare(noise(10, 10), crop, size, MEAN, STD)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
    ids=["grey", "four channels", "float", "empty"],
)
def test_frame_must_be_a_uint8_picture(frame: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        prepare(frame, Crop(0, 0, 10), 8, MEAN, STD)


@native
def test_threads_do_not_disturb_each_other() -> None:
    frames = [noise(120, 160, seed) for seed in range(4)]
    expected = [prepare(f, Crop(10, 0, 120), 64, MEAN, STD) for f in frames]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(50):
            if not np.array_equal(prepare(frames[i], Crop(10, 0, 120), 64, MEAN, STD), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_opencv_takes_over_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, crop = noise(50, 60), Crop(-5, 3, 48)
    monkeypatch.setattr(frame_module, "LIBRARY", None)
    assert frame_step_name() == "opencv"
    np.testing.assert_array_equal(prepare(frame, crop, 16, MEAN, STD), prepare_opencv(frame, crop, 16, MEAN, STD))


def test_cut_shows_the_crop() -> None:
    frame = noise(20, 30)
    picture = cut(frame, Crop(-4, 6, 16), 16)
    np.testing.assert_array_equal(picture[:14, 4:], frame[6:20, :12])
    assert not picture[:, :4].any()
    assert not picture[14:].any()
