"""The finder of the field in the library against the one in Python, and against itself over pixel formats."""

from __future__ import annotations

import ctypes

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.studies.field import iou
from edge.abi import structures as c
from edge.abi.field import circle_field
from edge.abi.field import find_field as find_planes
from edge.abi.frames import Planes, c_frame, packed, to_bgr
from edge.abi.library import LIBRARY
from edge.field import find
from edge.field.find import MASK_SIZE, Crop, Field, field_of_circle, find_field, find_field_python

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="the library is not built: no compiler")
# OpenCV 4 reads between pixels in steps of a 32nd, and a field may come out a little otherwise.
LEAST = 0.999 if int(cv2.__version__.split(".")[0]) >= 5 else 0.97
Frame = NDArray[np.uint8]


def eye(draw: st.DataObject) -> Frame:
    """Light in an ellipse, cut or not, under shadows and noise, on a border that is black or not."""
    width, height = draw.draw(st.integers(20, 700)), draw.draw(st.integers(20, 700))
    longest, share = max(width, height), st.floats(0, 1)
    rng = np.random.default_rng(draw.draw(st.integers(0, 2**32 - 1)))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    across, down = (longest * (0.1 + 0.5 * draw.draw(share)) for _ in range(2))
    down = across if draw.draw(st.booleans()) else down
    away = np.hypot((x - width * draw.draw(share)) / across, (y - height * draw.draw(share)) / down)
    inside = away < 1
    if draw.draw(st.booleans()):  # a cut
        inside &= (x > width * 0.3 * draw.draw(share)) & (y < height * (1 - 0.3 * draw.draw(share)))
    light = np.where(inside, draw.draw(st.integers(5, 250)), draw.draw(st.integers(0, 40))).astype(np.float32)
    if draw.draw(st.booleans()):  # a shadow
        light *= np.clip((x - width * draw.draw(share)) / (1 + 0.4 * width * draw.draw(share)), 0, 1)
    colour = np.array([0.3, 0.6, 1.0], np.float32) * light[:, :, None]
    noisy = colour + rng.normal(0, draw.draw(st.integers(0, 12)), colour.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_it_finds_what_python_finds(data: st.DataObject) -> None:
    frame = eye(data)
    expected, found = find_field_python(frame), find_field(frame)
    assert (found is None) == (expected is None)
    assert iou(expected, found) >= LEAST


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_rows_with_gaps_and_other_orders_of_channels_are_the_same(data: st.DataObject) -> None:
    frame = eye(data)
    wide = np.zeros((frame.shape[0], frame.shape[1] + data.draw(st.integers(1, 9)), 3), np.uint8)
    view = wide[:, : frame.shape[1]]
    view[:] = frame
    assert_same(find_field(view), find_field(frame))
    turned = np.ascontiguousarray(frame[:, :, ::-1])
    assert_same(of_planes(packed(turned, "rgb")), find_field(frame))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_video_formats_give_the_field_of_their_colours(data: st.DataObject) -> None:
    assert LIBRARY is not None
    frame = eye(data)
    height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
    planes = np.asarray(cv2.cvtColor(frame[:height, :width], cv2.COLOR_BGR2YUV_I420), np.uint8)
    luma, chroma = planes[:height], planes[height:].reshape(2, -1).T.reshape(height // 2, width)
    pairs = np.repeat(chroma.reshape(height // 2, -1, 2), 2, axis=0)
    yuyv = np.empty((height, width // 2, 4), np.uint8)
    yuyv[:, :, ::2], yuyv[:, :, 1::2] = luma.reshape(height, -1, 2), pairs
    less = data.draw(st.integers(0, 1))  # of an odd width the last pair has one pixel
    for found in (
        Planes("nv12", width - less, height - less, (luma, np.ascontiguousarray(chroma)), less == 1),
        Planes("yuyv", width - less, height, (yuyv.reshape(height, -1),), bt709=less == 1),
    ):
        assert_same(of_planes(found), find_field(to_bgr(LIBRARY, found)))


def test_grey_is_a_picture_of_one_channel() -> None:
    y, x = np.mgrid[:480, :640]
    grey = np.where(np.hypot(x - 320, y - 240) < 210, 140, 3).astype(np.uint8)
    assert_same(of_planes(packed(grey, "grey")), find_field(np.repeat(grey[:, :, None], 3, axis=2)))


@settings(max_examples=50, deadline=None)
@given(
    st.floats(-50, 400),
    st.floats(-50, 300),
    st.floats(1, 300),
    st.integers(50, 400),
    st.integers(50, 300),
)
def test_a_known_circle_has_the_field_of_python(x: float, y: float, radius: float, width: int, height: int) -> None:
    assert LIBRARY is not None
    found = circle_field(LIBRARY, (x, y, radius), (width, height))
    expected = field_of_circle(x, y, radius, (height, width))
    assert found.crop == (expected.crop.x, expected.crop.y, expected.crop.side)
    np.testing.assert_array_equal(found.mask, expected.mask)


def test_frames_that_show_nothing_are_blank() -> None:
    assert LIBRARY is not None
    for frame in (
        np.zeros((480, 640, 3), np.uint8),
        np.full((480, 640, 3), 90, np.uint8),
        np.zeros((9, 9, 3), np.uint8),
    ):
        found = find_planes(LIBRARY, packed(frame))
        assert found.blank
        assert found.crop is None
        assert not found.mask.any()
    assert find_field(np.zeros((0, 0, 3), np.uint8)) is None


@pytest.mark.parametrize("light", [0, 6, 7, 30, 120])
@pytest.mark.parametrize("contrast", [0, 5, 6, 60])
def test_blank_is_blank_with_and_without_it(light: int, contrast: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.full((480, 640, 3), light, np.uint8)
    frame[:, 320:, 1] += contrast
    with_it = find.is_blank(frame)
    monkeypatch.setattr(find, "LIBRARY", None)
    assert find.is_blank(frame) == with_it


def test_without_the_library_python_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = np.mgrid[:480, :640]
    frame = np.where(np.hypot(x - 320, y - 240) < 210, 140, 3).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    with_it = find_field(frame)
    monkeypatch.setattr(find, "LIBRARY", None)
    assert iou(find_field(frame), with_it) >= LEAST


def test_bad_input_is_refused() -> None:
    assert LIBRARY is not None
    frame, into, mask = packed(np.zeros((40, 40, 3), np.uint8)), c.Field(), np.zeros(MASK_SIZE**2, np.uint8)
    find = LIBRARY.efiqa_find_field
    assert find(c_frame(frame), into, mask.ctypes.data, mask.size) == 0
    assert find(c_frame(frame), into, mask.ctypes.data, mask.size - 1) == 5
    assert find(c_frame(frame), into, None, mask.size) == 1
    assert find(ctypes.POINTER(c.Frame)(), into, mask.ctypes.data, mask.size) == 1
    for circle in ((float("nan"), 0.0, 9.0), (0.0, float("inf"), 9.0), (0.0, 0.0, 0.0), (0.0, 0.0, 1e18)):
        with pytest.raises(ValueError, match="number"):
            circle_field(LIBRARY, circle, (100, 100))
    with pytest.raises(ValueError, match="width"):
        circle_field(LIBRARY, (9.0, 9.0, 9.0), (0, 100))


def of_planes(frame: Planes) -> Field | None:
    assert LIBRARY is not None
    found = find_planes(LIBRARY, frame)
    return None if found.crop is None else Field(Crop(*found.crop), found.mask, found.aside)


def assert_same(one: Field | None, other: Field | None) -> None:
    assert (one is not None and other is not None) or one is other
    if one is not None and other is not None:
        assert (one.crop, one.aside) == (other.crop, other.aside)
        np.testing.assert_array_equal(one.mask, other.mask)
