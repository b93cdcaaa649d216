"""Convert a camera's pixel formats to BGR in one step, without an extra copy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FORMATS = ("NV12", "BGR", "I420", "YUY2", "BGRx", "GRAY8")  # what a camera is asked for, in order of preference

# Conversions of planes that are not BT.601 with values from 16 to 235, the usual in video.
_LUMA = np.clip(np.rint(16 + np.arange(256) * 219 / 255), 0, 255).astype(np.uint8)
_CHROMA = np.clip(np.rint(128 + (np.arange(256) - 128.0) * 224 / 255), 0, 255).astype(np.uint8)
_Y601 = np.array([[1, 1.772, 0], [1, -0.344136, -0.714136], [1, 0, 1.402]])  # rows B, G, R; columns Y, Cb, Cr
_Y709 = np.array([[1, 1.8556, 0], [1, -0.187324, -0.468124], [1, 0, 1.5748]])
_AS_601 = np.linalg.inv(_Y601) @ _Y709  # converts BT.709 so that BT.601 decodes it to the right colours
_CHROMA_AS_601 = np.column_stack([_AS_601[1:, 1:], 128 * (1 - _AS_601[1:, 1:].sum(axis=1))])
_LUMA_SHARE = _AS_601[:1, 1:] * 219 / 224
_LUMA_AS_601 = np.column_stack([_LUMA_SHARE, 128 * (1 - _LUMA_SHARE.sum(axis=1))])


@dataclass(frozen=True)
class PixelLayout:
    """The memory layout of a frame.

    Attributes:
        pixels: one of ``FORMATS``, or RGB.
        width, height: in pixels; both even where colour is at half resolution.
        offsets: start of each plane, in bytes.
        strides: bytes from one row of a plane to the next.
        full_range: luma from 0 to 255, as in JPEG, instead of 16 to 235, as in video.
        bt709: colours of HD video instead of BT.601.
    """

    pixels: str
    width: int
    height: int
    offsets: tuple[int, ...]
    strides: tuple[int, ...]
    full_range: bool = False
    bt709: bool = False


def to_bgr(data: memoryview | bytes, layout: PixelLayout) -> NDArray[np.uint8]:
    """Copy a frame from borrowed memory to a picture, uint8 BGR (H, W, 3).

    Raises:
        ValueError: the format is none of these, or the memory is shorter than the layout requires.
    """
    make = _MAKERS.get(layout.pixels)
    if make is None:
        raise ValueError(f"frames come as {layout.pixels}, not as one of {', '.join(FORMATS)}")
    picture: NDArray[np.uint8] = make(np.frombuffer(data, np.uint8), layout)
    return picture


def _plane(data: NDArray[np.uint8], layout: PixelLayout, number: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A view of one plane, rows padded or not."""
    begin, stride = layout.offsets[number], layout.strides[number]
    row = int(np.prod(shape[1:]))
    if stride < row or len(data) < begin + (shape[0] - 1) * stride + row:
        raise ValueError(f"a frame of {layout.width}x{layout.height} {layout.pixels} was truncated")
    steps = (stride, *np.cumprod((1, *shape[:1:-1]))[::-1].tolist()) if len(shape) > 2 else (stride, 1)
    return np.lib.stride_tricks.as_strided(data[begin:], shape, steps, writeable=False)


def _half(layout: PixelLayout) -> tuple[int, int]:
    return (layout.height + 1) // 2, (layout.width + 1) // 2


def planes_of(data: NDArray[np.uint8], layout: PixelLayout) -> tuple[NDArray[np.uint8], ...]:
    """Views of the planes of YUV: of YUY2 one (H, W, 2), of NV12 luma (H, W) and chroma (H / 2, W / 2, 2).

    Those of I420 are luma and two of chroma, (H / 2, W / 2) each.

    Raises:
        ValueError: the memory is shorter than the layout requires.
    """
    if layout.pixels == "YUY2":
        return (_plane(data, layout, 0, (layout.height, layout.width // 2 * 2, 2)),)
    luma = _plane(data, layout, 0, (layout.height, layout.width))
    if layout.pixels == "NV12":
        return luma, _plane(data, layout, 1, (*_half(layout), 2))
    return luma, *(_plane(data, layout, number, _half(layout)) for number in (1, 2))


def _nv12(data: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    luma, chroma = planes_of(data, layout)
    return _from_planes(luma, chroma, layout)


def _i420(data: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    luma, blue, red = planes_of(data, layout)
    return _from_planes(luma, np.asarray(cv2.merge([blue, red])), layout)


def _from_planes(luma: NDArray[np.uint8], chroma: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    height, width = luma.shape
    if height % 2 or width % 2:  # OpenCV requires even sizes; the last row or column is doubled and cut off again
        luma = np.pad(luma, ((0, height % 2), (0, width % 2)), "edge")
    if layout.full_range:
        luma, chroma = np.asarray(cv2.LUT(luma, _LUMA)), np.asarray(cv2.LUT(chroma, _CHROMA))
    if layout.bt709:
        share = cv2.resize(cv2.transform(chroma, _LUMA_AS_601), luma.shape[::-1], interpolation=cv2.INTER_NEAREST)
        luma = np.asarray(cv2.addWeighted(luma, 1, share, 1, -128))
        chroma = np.asarray(cv2.transform(chroma, _CHROMA_AS_601))
    picture = np.asarray(cv2.cvtColorTwoPlane(luma, chroma, cv2.COLOR_YUV2BGR_NV12), dtype=np.uint8)
    return np.ascontiguousarray(picture[:height, :width])


def _yuy2(data: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    (packed,) = planes_of(data, layout)
    if layout.bt709 or layout.full_range:  # rare, so the slower way: as planes, each row twice for its own chroma
        chroma = np.ascontiguousarray(packed.reshape(layout.height, -1, 4)[:, :, 1::2])
        return np.ascontiguousarray(_from_planes(np.repeat(packed[:, :, 0], 2, axis=0), chroma, layout)[::2])
    return np.asarray(cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_YUY2), dtype=np.uint8)


def _bgr(data: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    return _plane(data, layout, 0, (layout.height, layout.width, 3)).copy()


def _rgb(data: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    pixels = _plane(data, layout, 0, (layout.height, layout.width, 3))
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), dtype=np.uint8)


def _bgrx(data: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    pixels = _plane(data, layout, 0, (layout.height, layout.width, 4))
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR), dtype=np.uint8)


def _gray(data: NDArray[np.uint8], layout: PixelLayout) -> NDArray[np.uint8]:
    pixels = _plane(data, layout, 0, (layout.height, layout.width))
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


_MAKERS = {"NV12": _nv12, "I420": _i420, "YUY2": _yuy2, "BGR": _bgr, "RGB": _rgb, "BGRx": _bgrx, "GRAY8": _gray}
