"""A frame of YUV that is looked at as it is: its pixels, its planes, and what the model makes of both."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edge.images.raw
from edge import QualityModel
from edge.camera.given import PixelFormat, picture_of
from edge.images.pixels import PixelLayout, to_bgr
from edge.images.raw import Image, RawImage, bgr_of, image_of, sample_of, structure_of
from edge.phantom.degradation import KINDS, degrade
from edge.phantom.retina import phantom_frame

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def raw_images(draw: st.DrawFn) -> RawImage:
    """Of any size, stride, range and matrix."""
    width, height = 2 * draw(st.integers(1, 40)), draw(st.integers(1, 80))
    nv12, gap = draw(st.booleans()), draw(st.integers(0, 9))
    row = (width if nv12 else 2 * width) + gap
    data = np.random.default_rng(draw(SEEDS)).integers(0, 256, 7 + row * (height + height // 2 + 1), np.uint8)
    offsets, strides = ((7, 7 + row * height), (row, row)) if nv12 else ((7,), (row,))
    kind = "NV12" if nv12 else "YUY2"
    return RawImage(data, PixelLayout(kind, width, height, offsets, strides, draw(st.booleans()), draw(st.booleans())))


def slices(size: int) -> st.SearchStrategy[slice]:
    return st.builds(slice, st.integers(0, size), st.integers(0, size), st.integers(1, 9))


@settings(max_examples=300)
@given(st.data())
def test_a_sample_holds_the_pixels_of_the_whole(data: st.DataObject) -> None:
    image = data.draw(raw_images())
    rows, columns = (data.draw(slices(side)) for side in image.shape[:2])
    luma = structure_of(image, rows, columns)
    sample = sample_of(image, rows, columns)
    assert "bgr" not in vars(image)  # the whole was not converted for it
    np.testing.assert_array_equal(sample, bgr_of(image)[rows, columns])
    assert luma.shape == sample.shape[:2]
    assert image.bgr is image.bgr
    assert image.bgr.shape == image.shape


def test_it_is_a_copy_and_what_is_cut_off_refused() -> None:
    memory = np.arange(6 * 4 * 3 // 2, dtype=np.uint8)
    layout = PixelLayout("NV12", 6, 4, (0, 24), (6, 6))
    image, before = image_of(memory.data, layout), to_bgr(memory.data, layout)
    memory[:] = 0
    assert isinstance(image, RawImage)
    assert np.abs(bgr_of(image).astype(int) - before).max() <= 1
    with pytest.raises(ValueError, match="truncated"):
        image_of(memory[:-1].data, layout)


@pytest.mark.parametrize("layout", [PixelLayout("GRAY8", 6, 4, (0,), (6,)), PixelLayout("YUY2", 5, 3, (0,), (12,))])
def test_what_the_library_reads_otherwise_is_converted_at_once(layout: PixelLayout) -> None:
    assert isinstance(image_of(bytes(40), layout), np.ndarray)


@pytest.mark.parametrize("colours", [(False, True), (True, False), (True, True)])
def test_yuyv_of_every_matrix_and_range_is_converted_row_by_row(colours: tuple[bool, bool]) -> None:
    data = np.random.default_rng(0).integers(16, 236, (41, 30, 4)).astype(np.uint8)
    data[..., 1::2] = 96 + data[..., 1::2] // 4  # colours that are none of the brightest
    layout = PixelLayout("YUY2", 60, 41, (0,), (120,), *colours)
    found = to_bgr(data.tobytes(), layout)
    apart = np.abs(found.astype(int) - bgr_of(image_of(memoryview(data.tobytes()), layout)))
    assert found.shape == (41, 60, 3)
    assert apart.max() <= 12
    assert apart.mean() < 1


def test_without_the_library_all_is_converted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.images.raw, "LIBRARY", None)
    assert isinstance(picture_of(np.zeros((6, 4), np.uint8), "nv12"), np.ndarray)


drawn = functools.cache(phantom_frame)  # drawing one takes longer than grading it ten times


@pytest.fixture(scope="module")
def model() -> QualityModel:
    return QualityModel.load(threads=1)


def given_as(pixels: PixelFormat, frame: np.ndarray) -> Image:
    """A frame as a camera gives it."""
    if pixels == "yuyv":
        return picture_of(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_YUY2), "yuyv")
    height, width = frame.shape[:2]
    planes = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420))
    colours = planes[height:].reshape(2, -1).T.reshape(height // 2, width)
    return picture_of(np.concatenate([planes[:height], colours]), "nv12")


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 5),
    st.sampled_from(["none", *KINDS]),
    st.floats(0.1, 1),
    st.sampled_from([(640, 480), (752, 538), (402, 400)]),
    st.sampled_from(["nv12", "yuyv"]),
)
def test_verdict_and_score_are_those_of_the_frame_as_bgr(
    model: QualityModel, seed: int, kind: str, severity: float, size: tuple[int, int], pixels: PixelFormat
) -> None:
    eye = drawn(seed) if kind == "none" else degrade(drawn(seed), kind, severity)[0]
    raw = given_as(pixels, np.asarray(cv2.resize(eye, size, interpolation=cv2.INTER_AREA), np.uint8))
    assert isinstance(raw, RawImage)
    found = model.assess(raw)
    assert "bgr" not in vars(raw)
    wanted = model.assess(raw.bgr)
    assert abs(found.score - wanted.score) <= 0.002
    limits = (model.manifest.thresholds.usable, model.manifest.thresholds.good)
    assert found.verdict == wanted.verdict or any(abs(wanted.score - each) <= 0.002 for each in limits)
