"""The frame step: from a camera frame and a crop to the tensor that the network reads.

One definition for training and device. The compiled library does it in a single pass; without it, OpenCV does the same
steps one after the other.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.abi.frames import Light, Numbers, Three, frame_step
from edge.abi.library import LIBRARY  # None without a compiler at install time: slower, and but for roundings the same
from edge.field.find import Crop
from edge.images.raw import Image, RawImage, bgr_of, is_bgr, planes_for


def frame_step_name() -> str:
    """Which implementation ``prepare`` uses here: ``native`` (C++) or ``opencv``."""
    return "opencv" if LIBRARY is None else "native"


def prepare(frame: Image, crop: Crop, size: int, mean: Three, std: Three) -> NDArray[np.float32]:
    """Crop, resample and normalise a frame.

    Args:
        frame: uint8 BGR, shape (H, W, 3), or as a camera gave it.
        crop: square in frame pixels; what lies beyond the frame is black.
        size: side of the tensor in pixels. Shrinking averages areas, enlarging interpolates linearly.
        mean: per channel R, G, B, of values in [0, 1].
        std: per channel R, G, B.

    Returns:
        float32 RGB, shape (1, 3, size, size): (value / 255 - mean) / std.

    Raises:
        ValueError: the frame is not uint8 (H, W, 3), or the crop or the size is not positive.
    """
    return prepare_lit(frame, crop, size, mean, std, None)[0]


def prepare_lit(
    frame: Image, crop: Crop, size: int, mean: Three, std: Three, grid: int | None
) -> tuple[NDArray[np.float32], Light | None]:
    """``prepare``, and in the same pass the light of what the network reads.

    Args:
        frame, crop, size, mean, std: of ``prepare``.
        grid: cells along a side on which light is measured; None: it is not.

    Returns:
        The tensor; and its light, None where it has to be measured from the tensor: without the library, without a
        pixel of the frame in the crop, or with less than 4 pixels along a cell.

    Raises:
        ValueError: of ``prepare``.
    """
    if not isinstance(frame, RawImage) and not is_bgr(frame):
        raise ValueError(f"a frame is uint8 with shape (H, W, 3), not {frame.dtype} with shape {frame.shape}")
    if crop.side < 1 or size < 1:
        raise ValueError(f"the crop ({crop.side}) and the tensor ({size}) need a side of at least 1 pixel")
    if not meet(frame, crop):
        return normalise(np.zeros((size, size, 3), np.uint8), mean, std), None
    if LIBRARY is None:
        return prepare_opencv(bgr_of(frame), crop, size, mean, std), None
    grid = grid if grid is not None and 4 * grid <= size else None
    numbers = Numbers(size, mean, std)
    tensor, light = frame_step(LIBRARY, planes_for(frame), (crop.x, crop.y, crop.side), numbers, grid)
    return np.asarray(tensor, np.float32), light


def meet(frame: Image, crop: Crop) -> bool:
    """Whether any pixel of a frame lies in a crop."""
    height, width = frame.shape[:2]
    return bool(-crop.side < crop.x < width and -crop.side < crop.y < height)


def cut(frame: NDArray[np.uint8], crop: Crop, size: int) -> NDArray[np.uint8]:
    """The crop as a uint8 BGR picture of ``size`` x ``size`` pixels; black beyond the frame."""
    height, width = frame.shape[:2]
    left, top = max(crop.x, 0), max(crop.y, 0)
    right, bottom = min(crop.x + crop.side, width), min(crop.y + crop.side, height)
    square = np.zeros((crop.side, crop.side, 3), np.uint8)
    if right > left and bottom > top:
        square[top - crop.y : bottom - crop.y, left - crop.x : right - crop.x] = frame[top:bottom, left:right]
    if crop.side >= size:
        return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # In 8 bits OpenCV mixes with weights of 11 bits, a grey level away from what the library does.
    enlarged = cv2.resize(square.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    return np.rint(enlarged).astype(np.uint8)


def normalise(picture: NDArray[np.uint8], mean: Three, std: Three) -> NDArray[np.float32]:
    """uint8 BGR (S, S, 3) -> float32 RGB (1, 3, S, S)."""
    scaled = (picture[:, :, ::-1].astype(np.float32) / 255 - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], dtype=np.float32)


def prepare_opencv(frame: NDArray[np.uint8], crop: Crop, size: int, mean: Three, std: Three) -> NDArray[np.float32]:
    """``prepare`` as a sequence of OpenCV steps: the fallback, and what the library is tested against."""
    return normalise(cut(frame, crop, size), mean, std)
