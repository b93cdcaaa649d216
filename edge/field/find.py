"""Where the retina is in a frame: the field of view of the camera.

A fundus camera shows a bright disc on a dark border. The disc may be cut off by the sensor, off-centre, or
larger than the frame, and the border may be noisy or not quite black. The finder works on a frame reduced to
about 170 pixels: it cuts the frame at several brightness levels, fits a circle to the outline at each level, keeps
the circle with the sharpest rim, and sets its radius where the rim is steepest. The compiled library does this; the
Python here is what it is tested against, and takes its place where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.abi import field as native
from edge.abi.library import LIBRARY
from edge.field.circle_fit import Outline
from edge.field.outline import best_outline
from edge.field.shade import may_be_spot
from edge.field.squeeze import squeeze_of
from edge.images.raw import Image, bgr_of, planes_for

Mask = NDArray[np.uint8]

WORK_SIZE = 170  # about the long side of the reduced frame
MASK_SIZE = 256  # side of the mask that a Field carries
_SMALLEST = 16  # pixels along the shorter side of a frame
_DARKEST = 7  # a frame whose bright end is below this shows nothing
_DIM, _SEEN = 14, 2.5  # a frame whose bright end is below this shows a field only if its rim is as sharp as that
_FLATTEST = 6  # a frame whose channels all vary less than this is one colour


@dataclass(frozen=True)
class Crop:
    """A square in frame pixels; it may reach beyond the frame, where it is filled with black."""

    x: int
    y: int
    side: int


@dataclass(frozen=True, eq=False)
class Field:
    """The field of view of one frame.

    Attributes:
        crop: the square around the field, in frame pixels.
        mask: uint8 (256, 256) over the crop, 255 where it shows the field, 0 elsewhere.
        aside: it is small and far from the middle of the frame: it may be what a shadow leaves of a larger field.
        spot: a field that is ``aside``, where this one was taken in its place.
    """

    crop: Crop
    mask: NDArray[np.uint8]
    aside: bool = False
    spot: Field | None = None

    def on_grid(self, grid: int) -> NDArray[np.bool_]:
        """The mask on a grid of ``grid`` x ``grid`` cells: True where at least half of the cell is field."""
        return _cells(self.mask, grid)

    def spot_on_grid(self, grid: int) -> NDArray[np.bool_]:
        """The same of the spot, on the cells of this field; nothing where there is none."""
        if self.spot is None:
            return np.zeros((grid, grid), np.bool_)
        inner, cell = self.spot.crop, self.spot.crop.side / MASK_SIZE
        scale = self.crop.side / inner.side
        onto = np.array([[scale, 0, (self.crop.x - inner.x) / cell], [0, scale, (self.crop.y - inner.y) / cell]])
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return _cells(np.asarray(cv2.warpAffine(self.spot.mask, onto, (MASK_SIZE, MASK_SIZE), flags=how)), grid)


def _cells(mask: NDArray[np.uint8], grid: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.resize(mask, (grid, grid), interpolation=cv2.INTER_AREA) >= 128, dtype=np.bool_)


def find_field(frame: Image) -> Field | None:
    """Find the field of view.

    Args:
        frame: uint8 BGR, shape (H, W, 3), or as a camera gave it.

    Returns:
        The field, or None where the frame is black, of one colour, or too small to show one.
    """
    if LIBRARY is None or min(frame.shape[:2]) < _SMALLEST:
        return find_field_python(bgr_of(frame))
    found = native.find_field(LIBRARY, planes_for(frame))
    return None if found.crop is None else Field(Crop(*found.crop), found.mask, found.aside)


def find_field_python(frame: NDArray[np.uint8]) -> Field | None:
    """``find_field`` without the library; arguments and result are the same."""
    height, width = frame.shape[:2]
    factor = _factor(max(height, width))
    if _is_too_small(height, width, factor):
        return None
    reduced = _reduce(frame, factor)
    channels = cv2.split(reduced)
    brightest = _brightest(channels)
    if brightest is None:
        return None
    blue, green, red = channels
    light = np.asarray(cv2.blur(cv2.max(cv2.max(blue, green), red), (3, 3)), dtype=np.uint8)
    outline = best_outline(light)
    if outline is None or (brightest < _DIM and (outline.whole or outline.quality < _SEEN)):
        return None
    if (squeeze := squeeze_of(outline, *light.shape)) != 1.0:
        wide = max(16, round(light.shape[1] * squeeze))
        undone = best_outline(np.asarray(cv2.resize(light, (wide, light.shape[0]), interpolation=cv2.INTER_AREA)))
        if undone is not None:
            return _to_frame(undone, (factor * light.shape[1] / wide, factor), (height, width))
    field = _to_frame(outline, (factor, factor), (height, width))
    return replace(field, aside=may_be_spot(outline, *light.shape))


def find_sure_field(frame: Image) -> Field | None:
    """The same, for one frame that is all there is to judge by.

    Where the field may be a spot of light, it is the circle around the middle of the frame that holds the spot:
    cameras have their field there.
    """
    field = find_field(frame)
    if field is None or not field.aside:
        return field
    height, width = frame.shape[:2]
    crop, half = field.crop, field.crop.side / 2
    away = float(np.hypot(crop.x + half - width / 2, crop.y + half - height / 2))
    return replace(field_of_circle(width / 2, height / 2, half + away, (height, width)), spot=field)


def is_blank(frame: Image) -> bool:
    """Whether a frame is black or of one colour: a lens cap, a wall, no light."""
    height, width = frame.shape[:2]
    if LIBRARY is not None and min(height, width) >= _SMALLEST:
        return native.find_field(LIBRARY, planes_for(frame)).blank
    factor = _factor(max(height, width))
    return _is_too_small(height, width, factor) or _brightest(cv2.split(_reduce(bgr_of(frame), factor))) is None


def field_of_circle(x: float, y: float, radius: float, shape: tuple[int, int]) -> Field:
    """The field of a circle in pixels, in a frame of this height and width."""
    height, width = shape
    return _within((x, y, radius, radius), (0.0, 0.0, width - 1.0, height - 1.0))


def _brightest(channels: Sequence[cv2.typing.MatLike]) -> int | None:
    """The bright end of a reduced frame; None where it shows nothing."""
    brightest, spread = _range(channels)
    return None if brightest < _DARKEST or spread < _FLATTEST else brightest


def _is_too_small(height: int, width: int, factor: int) -> bool:
    return min(height, width) < max(_SMALLEST, 8 * factor)


def _factor(longest: int) -> int:
    """By how much to reduce a frame of this long side: a whole number, and even where it is large (see ``_reduce``)."""
    ratio = longest / WORK_SIZE
    return 2 * round(ratio / 2) if ratio > 3 else max(1, round(ratio))


def _reduce(frame: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """The frame reduced by a whole factor, by averages of whole blocks.

    OpenCV averages whole blocks about ten times faster than broken ones, and 2 x 2 blocks fastest.
    """
    step = 2 if factor % 2 == 0 else factor
    while factor > 1:
        height, width = frame.shape[0] // step, frame.shape[1] // step
        whole = frame[: height * step, : width * step]
        frame = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
        factor //= step
        step = 2 if factor % 2 == 0 else factor
    return frame


def _range(channels: Sequence[cv2.typing.MatLike]) -> tuple[int, int]:
    """The bright end of the brightest channel, and the most that a channel varies: little for a lens cap or a wall."""
    ordered = np.sort(np.stack([channel.reshape(-1)[::7] for channel in channels]), axis=1, kind="stable")
    few = ordered.shape[1] // 50
    low, high = ordered[:, few].astype(int), ordered[:, -1 - few].astype(int)
    return int(high.max()), int((high - low).max())


def _to_frame(outline: Outline, scales: tuple[float, float], shape: tuple[int, int]) -> Field:
    """The outline in frame pixels, as a crop and the mask over it.

    Args:
        outline: on the reduced frame.
        scales: frame pixels for each of its pixels, across and down; they differ where a squeeze was undone.
        shape: height and width of the frame.
    """
    (across, down), (height, width) = scales, shape
    x, y = (outline.x + 0.5) * across - 0.5, (outline.y + 0.5) * down - 0.5
    left, top, right, bottom = outline.box
    # A cut lies within half a reduced pixel of the outline; one at the border of the reduced frame is the frame's own.
    left, top = (0.0 if v <= 1.5 else v * scale for v, scale in ((left, across), (top, down)))
    right = width - 1.0 if right >= width // across - 2.5 else (right + 1) * across - 1
    bottom = height - 1.0 if bottom >= height // down - 2.5 else (bottom + 1) * down - 1
    return _within((x, y, outline.radius * across, outline.radius * down), (left, top, right, bottom))


def _within(ellipse: tuple[float, float, float, float], box: tuple[float, float, float, float]) -> Field:
    """The part of an ellipse (middle and half axes) inside of a box, both in frame pixels."""
    (x, y, wide, high), (left, top, right, bottom) = ellipse, box
    seen_left, seen_top = max(left, x - wide), max(top, y - high)
    seen_right, seen_bottom = min(right, x + wide), min(bottom, y + high)
    side = max(8, round(max(seen_right - seen_left, seen_bottom - seen_top) + 1))
    crop = Crop(round((seen_left + seen_right + 1 - side) / 2), round((seen_top + seen_bottom + 1 - side) / 2), side)
    return Field(crop, _mask(crop, ellipse, box))


def _mask(crop: Crop, ellipse: tuple[float, float, float, float], box: tuple[float, float, float, float]) -> Mask:
    """uint8 (256, 256) over the crop: 255 inside both the ellipse and the box, given in frame pixels."""
    x, y, wide, high = ellipse
    left, top, right, bottom = box
    cells = (np.arange(MASK_SIZE) + 0.5) * (crop.side / MASK_SIZE) - 0.5
    xs, ys = cells + crop.x, cells + crop.y
    # Half the width of the ellipse at each row against the distance of each column: one comparison per cell.
    reach = wide * np.sqrt(np.maximum(1 - ((ys - y) / high) ** 2, 0))
    reach[(np.abs(ys - y) > high) | (ys < top) | (ys > bottom)] = -1
    away = np.where((xs < left) | (xs > right), np.inf, np.abs(xs - x))
    inside = away.astype(np.float32)[None, :] <= reach.astype(np.float32)[:, None]
    return np.asarray(inside, dtype=np.uint8) * np.uint8(255)
