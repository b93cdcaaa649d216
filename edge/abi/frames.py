"""The frame step of the library: a frame of any pixel format into the network's tensor, and its light."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edge.abi import structures as c
from edge.abi.library import check

Pixels = Literal["bgr", "rgb", "grey", "yuyv", "nv12"]
Number = Literal["float32", "float16", "int8"]
Three = tuple[float, float, float]
_FORMATS: dict[str, int] = {name: code for code, name in enumerate(get_args(Pixels))}
_TYPES: dict[str, int] = {name: code for code, name in enumerate(get_args(Number))}


@dataclass(frozen=True, eq=False)
class Planes:
    """A frame in memory.

    Attributes:
        pixels: its format.
        width, height: in pixels.
        rows: uint8 (rows, bytes of a row) for each plane, of any stride between rows.
        full_range: luma from 0 to 255 instead of 16 to 235; of YUYV and NV12.
        bt709: colours of HD video instead of BT.601; of YUYV and NV12.
    """

    pixels: Pixels
    width: int
    height: int
    rows: tuple[NDArray[np.uint8], ...]
    full_range: bool = False
    bt709: bool = False


@dataclass(frozen=True)
class Numbers:
    """What the tensor is made of.

    Attributes:
        side: of the tensor, in pixels.
        mean, std: per channel R, G, B, of values in [0, 1].
        type: of each number.
        scale, zero_point: of int8: value = scale * (number - zero_point).
    """

    side: int
    mean: Three
    std: Three
    type: Number = "float32"
    scale: float = 1.0
    zero_point: int = 0


@dataclass(frozen=True, eq=False)
class Light:
    """Light and colour of what the network reads; see ``edge.findings.photometry``.

    Attributes:
        rgb: mean of each channel over each cell, float32 (3, grid, grid), grey values.
        clipped, detail, grain: float32 (grid, grid).
    """

    rgb: NDArray[np.float32]
    clipped: NDArray[np.float32]
    detail: NDArray[np.float32]
    grain: NDArray[np.float32]


def packed(frame: NDArray[np.uint8], pixels: Pixels = "bgr") -> Planes:
    """A frame of one plane, uint8 (H, W, 3), (H, W, 2) of YUYV, or (H, W) of grey; a copy only where rows have gaps."""
    height, width = frame.shape[:2]
    # ctypes wants rows in place: a view that is turned, thinned out or in another order is copied.
    row = int(np.prod(frame.shape[1:]))
    inner = frame.strides[1:] == np.empty(frame.shape[1:], np.uint8).strides
    if height > 0 and not (inner and (height == 1 or frame.strides[0] >= row)):
        frame = np.ascontiguousarray(frame)
    stride = max(frame.strides[0], row)  # that of a single row may be anything
    rows = np.lib.stride_tricks.as_strided(frame, (height, row), (stride, 1), writeable=False)
    return Planes(pixels, width, height, (rows,))


def frame_step(
    library: ctypes.CDLL, frame: Planes, crop: tuple[int, int, int], numbers: Numbers, grid: int | None = None
) -> tuple[NDArray[np.generic], Light | None]:
    """Crop, resample and normalise.

    Args:
        library: the loaded one.
        frame: where its pixels lie.
        crop: x, y and side of the square, in pixels; it may reach beyond the frame, where it is black.
        numbers: what the tensor is made of.
        grid: cells along a side on which light is measured; None: it is not.

    Returns:
        RGB (1, 3, side, side), and the light.

    Raises:
        ValueError: an argument was refused.
    """
    side = numbers.side
    if numbers.type not in _TYPES or frame.pixels not in _FORMATS:
        raise ValueError(f"there is no format {frame.pixels} of pixels, or {numbers.type} of numbers")
    if not 1 <= side <= 8192 or max(map(abs, crop)) > 2**62:
        raise ValueError(f"the tensor needs a side of 1 to 8192 pixels, not {side}, and the crop one within reach")
    tensor = np.empty((1, 3, side, side), numbers.type)
    into = c.Tensor(tensor.ctypes.data, tensor.nbytes, _TYPES[numbers.type], side)
    into.mean, into.std, into.scale, into.zero_point = numbers.mean, numbers.std, numbers.scale, numbers.zero_point
    light, measured = (None, None) if grid is None else _light(grid, side)
    status = library.efiqa_frame_step(c_frame(frame), c.Crop(*crop), into, measured)
    check(library, status)
    return tensor, light


def to_bgr(library: ctypes.CDLL, frame: Planes) -> NDArray[np.uint8]:
    """A frame as uint8 BGR (H, W, 3), of memory of its own.

    Raises:
        ValueError: an argument was refused.
    """
    if min(frame.width, frame.height) < 1:
        raise ValueError("a frame has at least one pixel")
    out = np.empty((frame.height, frame.width, 3), np.uint8)
    check(library, library.efiqa_bgr(c_frame(frame), out.ctypes.data, out.nbytes, out.strides[0]))
    return out


def c_frame(frame: Planes) -> c.Frame:
    """A frame as the library takes it; its pixels stay where they are, and must outlive it."""
    found = c.Frame(_FORMATS[frame.pixels], frame.bt709, frame.full_range, frame.width, frame.height)
    for number, rows in enumerate(frame.rows[:2]):
        found.plane[number], found.stride[number] = rows.ctypes.data, rows.strides[0]
        found.size[number] = _readable(rows)
    return found


def _readable(rows: NDArray[np.uint8]) -> int:
    """Bytes from the first on that belong to the rows."""
    number, row = rows.shape
    return max((number - 1) * rows.strides[0] + row, 0) if number and row else 0


def _light(grid: int, side: int) -> tuple[Light, c.Light]:
    if not 1 <= grid <= side // 4:
        raise ValueError(f"light is measured on 1 to {side // 4} cells along a side, not on {grid}")
    cells = np.empty((6, grid, grid), np.float32)
    light = Light(cells[:3], cells[3], cells[4], cells[5])
    start, step = cells.ctypes.data, cells.strides[0]
    red, green, blue, *rest = (start + step * each for each in range(6))
    return light, c.Light(grid, grid * grid, blue, green, red, *rest)
