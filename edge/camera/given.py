"""A picture that a program hands over: held against the pixel format that was stated, and copied."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edge.camera.shape import check_size
from edge.errors import InputError
from edge.images.pixels import PixelLayout
from edge.images.raw import Image, image_of

PixelFormat = Literal["bgr", "rgb", "grey", "yuyv", "nv12"]
PIXEL_FORMATS: tuple[PixelFormat, ...] = get_args(PixelFormat)
_NAMES: dict[PixelFormat, str] = {"bgr": "BGR", "rgb": "RGB", "grey": "GRAY8", "yuyv": "YUY2", "nv12": "NV12"}
_SHAPES: dict[PixelFormat, str] = {
    "bgr": "(H, W, 3)",
    "rgb": "(H, W, 3)",
    "grey": "(H, W)",
    "yuyv": "(H, W, 2)",
    "nv12": "(H * 3 / 2, W)",
}
_LAST = {"bgr": 3, "rgb": 3, "yuyv": 2}  # length of the last axis; the others have two axes alone


def check_format(pixels: object) -> PixelFormat:
    """A pixel format by its name.

    Raises:
        InputError: there is none of that name.
    """
    for known in PIXEL_FORMATS:
        if pixels == known:
            return known
    raise InputError(f"there is no pixel format {pixels!r}: it is one of {', '.join(PIXEL_FORMATS)}.")


def picture_of(image: object, pixels: PixelFormat) -> Image:
    """A copy of a picture: of ``yuyv`` and ``nv12`` as it is, where the library is there to read it, else as BGR.

    Args:
        image: uint8 in the shape of its format: (H, W, 3) of ``bgr`` and ``rgb``, (H, W) of ``grey``, (H, W, 2) of
            ``yuyv`` (Y, then U and V in turns), (H * 3 / 2, W) of ``nv12`` (Y, and below it U and V in turns).
        pixels: the format. YUV is BT.601 with luma from 16 to 235.

    Returns:
        uint8 BGR (H, W, 3), or what can be turned into that, of memory of its own.

    Raises:
        InputError: it is not uint8, has another shape, or no pixel.
        TooLargeError: it has too many pixels.
    """
    if not isinstance(image, np.ndarray):
        raise InputError(f"a frame is uint8 with shape {_SHAPES[pixels]}, not {type(image).__name__}.")
    height, width = _size_of(image, pixels)
    check_size("the camera", width, height)
    row = width * _LAST.get(pixels, 1)
    planes = 2 if pixels == "nv12" else 1
    layout = PixelLayout(_NAMES[pixels], width, height, (0, height * row)[:planes], (row,) * planes)
    return image_of(np.ascontiguousarray(image).reshape(-1).data, layout)


def _size_of(image: NDArray[np.uint8], pixels: PixelFormat) -> tuple[int, int]:
    """Height and width of the picture."""
    shape = image.shape
    if image.dtype != np.uint8 or len(shape) != (3 if pixels in _LAST else 2) or not image.size:
        raise _misshapen(image, pixels)
    if pixels in _LAST and shape[2] != _LAST[pixels]:
        raise _misshapen(image, pixels)
    if pixels in ("yuyv", "nv12") and shape[1] % 2:
        raise InputError(f"a {pixels} frame has an even width, not {shape[1]}: two pixels share their colour.")
    if pixels != "nv12":
        return shape[0], shape[1]
    if shape[0] % 3:
        raise InputError(f"an nv12 frame of H lines has H * 3 / 2 rows, a multiple of three, not {shape[0]}.")
    return shape[0] // 3 * 2, shape[1]


def _misshapen(image: NDArray[np.uint8], pixels: PixelFormat) -> InputError:
    return InputError(
        f"a frame is uint8 with shape {_SHAPES[pixels]}, as {pixels} was stated, not {image.dtype} with shape "
        f"{image.shape}: convert it, or state another format."
    )
