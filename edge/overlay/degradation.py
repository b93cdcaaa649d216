"""The colours of the degradation map: over a frame, or alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.abi.library import LIBRARY
from edge.abi.maps import blend
from edge.assessment import Assessment
from edge.field.find import Crop

Picture = NDArray[np.uint8]

_SMOOTH = 128  # side to which the map is enlarged smoothly before it goes to the size of the frame
_CLEAR = 0.25  # a map value up to which the frame shows through untouched
# From blue to a light cyan: on the red and orange of a retina both stand out, also for the colour-blind, and the
# lightness rises with the map, so the order survives a grey print. B, G, R.
_LOW, _HIGH = (255, 110, 0), (255, 225, 60)
# Opacity where the map is 1, B, G, R. Red is covered most: blue over orange would be grey, and the vessels that can
# still be seen are in the green.
_OPACITY = (0.62, 0.55, 0.9)
_MARGIN = 4  # cells of nothing around the field while its shape is smoothed
_OUTSIDE = 96  # grey around the field


def map_picture(assessment: Assessment, size: int = 512) -> Picture:
    """The degradation map alone, from dark blue (0) to yellow (1), grey outside the field.

    Args:
        assessment: of any frame.
        size: side of the picture in pixels.

    Returns:
        uint8 BGR, shape (size, size, 3).
    """
    degradation = enlarge(_filled(assessment), size)
    picture = cv2.applyColorMap(np.rint(degradation * 255).astype(np.uint8), cv2.COLORMAP_CIVIDIS)
    picture[field_share(assessment, size) < 0.5] = _OUTSIDE
    return np.asarray(picture, dtype=np.uint8)


def _filled(assessment: Assessment) -> NDArray[np.float32]:
    """The map with the values of the field carried on beyond its rim, so that enlarging mixes nothing foreign in."""
    field = assessment.field.astype(np.float32)
    known = cv2.GaussianBlur(field, (0, 0), 1.5)
    spread = cv2.GaussianBlur(assessment.map * field, (0, 0), 1.5) / np.maximum(known, 1e-6)
    return np.asarray(np.where(assessment.field, assessment.map, spread), dtype=np.float32)


def enlarge(cells: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Values of a grid, smoothly on ``size`` x ``size`` pixels, in [0, 1]."""
    return np.asarray(np.clip(cv2.resize(cells, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1), dtype=np.float32)


def field_share(assessment: Assessment, size: int) -> NDArray[np.float32]:
    """The field without the steps of its grid: 0 outside to 1 inside, float32 (size, size), 0.5 at the rim."""
    field = np.pad(assessment.field.astype(np.float32), _MARGIN)
    smooth = np.asarray(cv2.GaussianBlur(field, (0, 0), 1.2), dtype=np.float32)
    grid = len(field)
    whole = round(size * grid / (grid - 2 * _MARGIN))
    cut = (whole - size) // 2
    return np.asarray(enlarge(smooth, whole)[cut : cut + size, cut : cut + size])


def tint(degradation: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colour and opacity of map values over a frame.

    Args:
        degradation: float32 (..., 1) in [0, 1].

    Returns:
        B, G, R and the opacity of each, float32 (..., 3).
    """
    strength = np.clip((degradation - _CLEAR) / (1 - _CLEAR), 0, 1)
    colour = (1 - strength) * np.array(_LOW, np.float32) + strength * np.array(_HIGH, np.float32)
    opacity = strength**0.7 * np.array(_OPACITY, np.float32)
    return np.asarray(colour, np.float32), np.asarray(opacity, np.float32)


def lay_map(picture: Picture, assessment: Assessment, crop: Crop) -> None:
    """Blend the map into the part of the crop that lies on the picture: frame * (1 - opacity) + colour * opacity."""
    left, top, right, bottom = _on(picture, crop)
    if right <= left or bottom <= top:
        return
    if LIBRARY is not None and picture.strides[1:] == (3, 1):
        blend(LIBRARY, picture, assessment.map, assessment.field, (crop.x, crop.y, crop.side))
    else:
        lay_map_opencv(picture, assessment, crop)


def lay_map_opencv(picture: Picture, assessment: Assessment, crop: Crop) -> None:
    """``lay_map`` without the library, and but for roundings alike; a part of the crop must lie on the picture."""
    left, top, right, bottom = _on(picture, crop)
    part = picture[top:bottom, left:right]
    high, wide = part.shape[:2]
    degradation = enlarge(_filled(assessment), _SMOOTH)[:, :, None]
    field = field_share(assessment, _SMOOTH)[:, :, None]
    colour, opacity = tint(degradation)
    opacity = opacity * np.clip(field * 4 - 1.5, 0, 1)
    added = np.rint(colour * opacity).astype(np.uint8)
    kept = np.rint((1 - opacity) * 255).astype(np.uint8)
    # Cut first, then enlarge: a crop may be far larger than the frame.
    across, down = wide / crop.side, high / crop.side
    cut = np.array(
        [
            [across, 0, (left - crop.x) / crop.side * _SMOOTH + (across - 1) / 2],
            [0, down, (top - crop.y) / crop.side * _SMOOTH + (down - 1) / 2],
        ]
    )
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    added_large, kept_large = (
        cv2.resize(
            cv2.warpAffine(small, cut, (_SMOOTH, _SMOOTH), flags=way, borderMode=cv2.BORDER_REPLICATE),
            (wide, high),
            interpolation=cv2.INTER_LINEAR,
        )
        for small in (added, kept)
    )
    cv2.add(cv2.multiply(part, kept_large, scale=1 / 255), added_large, dst=part)


def _on(picture: Picture, crop: Crop) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of a crop that lies on a picture."""
    height, width = picture.shape[:2]
    return max(crop.x, 0), max(crop.y, 0), min(crop.x + crop.side, width), min(crop.y + crop.side, height)
