"""The degradation map as a picture: laid over the frame for the operator, or alone."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assessment import PICTURE_COLOURS, Assessment, check_frame, shown_score
from edge.errors import InputError
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
_FONT = cv2.FONT_HERSHEY_DUPLEX


def draw_overlay(frame: Picture, assessment: Assessment, note: str = "", caption: bool = True) -> Picture:
    """The frame with its degradation map, outlines of field, disc and macula, and a caption over its lower edge.

    Blue to light cyan: anatomy not visible, the lighter the worse.

    Args:
        frame: uint8 BGR, shape (H, W, 3); left as it is.
        assessment: of this frame.
        note: a few more words for the caption, such as a hint; left out where the frame is too narrow.
        caption: whether there is one.

    Returns:
        uint8 BGR, shape (H, W, 3).

    Raises:
        InputError: the frame is not uint8 (H, W, 3), or the assessment is none.
    """
    if not isinstance(assessment, Assessment):
        raise InputError(f"an overlay needs a frame and its assessment, not {type(assessment).__name__} as the latter.")
    check_frame(frame)
    picture = frame.copy()
    if assessment.crop is not None:
        _lay_map(picture, assessment, assessment.crop)
        _outline(picture, assessment, assessment.crop)
    if caption:
        _caption(picture, assessment, note)
    return picture


def reduced(frame: Picture, assessment: Assessment, widest: int) -> tuple[Picture, Assessment]:
    """A frame that is wider than ``widest`` made smaller by a whole-numbered factor, because that is cheap.

    Args:
        frame: uint8 BGR, shape (H, W, 3); left as it is.
        assessment: of this frame.
        widest: pixels.

    Returns:
        The smaller frame and the assessment with its crop on that; both as given where the frame is small enough.
    """
    factor = -(-frame.shape[1] // widest)
    if factor <= 1:
        return frame, assessment
    height, width = max(frame.shape[0] // factor, 2), frame.shape[1] // factor
    whole = frame[: height * factor, : width * factor]
    smaller = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if (crop := assessment.crop) is not None:
        on_smaller = Crop(round(crop.x / factor), round(crop.y / factor), max(1, round(crop.side / factor)))
        assessment = dataclasses.replace(assessment, crop=on_smaller)
    return smaller, assessment


def map_picture(assessment: Assessment, size: int = 512) -> Picture:
    """The degradation map alone, from dark blue (0) to yellow (1), grey outside the field.

    Args:
        assessment: of any frame.
        size: side of the picture in pixels.

    Returns:
        uint8 BGR, shape (size, size, 3).
    """
    degradation = _enlarge(_filled(assessment), size)
    picture = cv2.applyColorMap(np.rint(degradation * 255).astype(np.uint8), cv2.COLORMAP_CIVIDIS)
    picture[_field_share(assessment, size) < 0.5] = _OUTSIDE
    return np.asarray(picture, dtype=np.uint8)


def _filled(assessment: Assessment) -> NDArray[np.float32]:
    """The map with the values of the field carried on beyond its rim, so that enlarging mixes nothing foreign in."""
    field = assessment.field.astype(np.float32)
    known = cv2.GaussianBlur(field, (0, 0), 1.5)
    spread = cv2.GaussianBlur(assessment.map * field, (0, 0), 1.5) / np.maximum(known, 1e-6)
    return np.asarray(np.where(assessment.field, assessment.map, spread), dtype=np.float32)


def _enlarge(cells: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    return np.asarray(np.clip(cv2.resize(cells, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1), dtype=np.float32)


def _field_share(assessment: Assessment, size: int) -> NDArray[np.float32]:
    """The field without the steps of its grid: 0 outside to 1 inside, float32 (size, size), 0.5 at the rim."""
    field = np.pad(assessment.field.astype(np.float32), _MARGIN)
    smooth = np.asarray(cv2.GaussianBlur(field, (0, 0), 1.2), dtype=np.float32)
    grid = len(field)
    whole = round(size * grid / (grid - 2 * _MARGIN))
    cut = (whole - size) // 2
    return np.asarray(_enlarge(smooth, whole)[cut : cut + size, cut : cut + size])


def _lay_map(picture: Picture, assessment: Assessment, crop: Crop) -> None:
    """Blend the map into the part of the crop that lies on the picture: frame * (1 - opacity) + colour * opacity."""
    degradation = _enlarge(_filled(assessment), _SMOOTH)[:, :, None]
    field = _field_share(assessment, _SMOOTH)[:, :, None]
    strength = np.clip((degradation - _CLEAR) / (1 - _CLEAR), 0, 1)
    opacity = strength**0.7 * np.clip(field * 4 - 1.5, 0, 1) * np.array(_OPACITY, np.float32)
    colour = (1 - strength) * np.array(_LOW, np.float32) + strength * np.array(_HIGH, np.float32)
    added = np.rint(colour * opacity).astype(np.uint8)
    kept = np.rint((1 - opacity) * 255).astype(np.uint8)
    height, width = picture.shape[:2]
    left, top = max(crop.x, 0), max(crop.y, 0)
    right, bottom = min(crop.x + crop.side, width), min(crop.y + crop.side, height)
    if right <= left or bottom <= top:
        return
    # Cut first, then enlarge: a crop may be far larger than the frame.
    across, down = (right - left) / crop.side, (bottom - top) / crop.side
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
            (right - left, bottom - top),
            interpolation=cv2.INTER_LINEAR,
        )
        for small in (added, kept)
    )
    part = picture[top:bottom, left:right]
    cv2.add(cv2.multiply(part, kept_large, scale=1 / 255), added_large, dst=part)


def _outline(picture: Picture, assessment: Assessment, crop: Crop) -> None:
    """Thin light lines around the field, disc and macula, dark beside them so that they show on any ground."""
    side = 256
    for share in (_field_share(assessment, side), *(_enlarge(each, side) for each in assessment.regions.values())):
        _trace(picture, np.asarray(share >= 0.5, dtype=np.uint8), crop)


def _trace(picture: Picture, inside: NDArray[np.uint8], crop: Crop) -> None:
    """The line around what is 1 in ``inside``, uint8 (side, side) over the crop."""
    side = len(inside)
    # The border of nothing closes the outline where the field reaches the rim of the crop.
    contours, _ = cv2.findContours(np.pad(inside, 1), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    line = max(1, round(min(picture.shape[:2]) / 480))
    bits = 4  # of a pixel
    for contour in contours:
        hull = cv2.convexHull(contour)[:, 0, :].astype(np.float64)  # all of them are discs, cut off or not
        places = (hull - 0.5) * (crop.side / side) - 0.5 + (crop.x, crop.y)
        points = [np.rint(places * (1 << bits)).astype(np.int32)]
        cv2.polylines(picture, points, True, (40, 40, 40), 3 * line, cv2.LINE_AA, bits)
        cv2.polylines(picture, points, True, (235, 235, 235), line, cv2.LINE_AA, bits)


def _caption(picture: Picture, assessment: Assessment, note: str) -> None:
    """A dark bar along the bottom with a square in the colour of the verdict, the score and the verdict."""
    height, width = picture.shape[:2]
    score = shown_score(assessment.score)
    words = f"score {score} {assessment.verdict.replace('_', ' ')}"
    bar = max(12, round(min(height, width) * 0.055))
    scale = bar / 40
    line = max(1, round(scale * 1.1))
    room = width - 2 * bar
    for text in (f"{words} - {note}" if note else words, words, score):
        (length, tall), _ = cv2.getTextSize(text, _FONT, scale, line)
        if length <= room:
            break
    else:
        text = ""
    strip = picture[height - bar :]
    strip[:] = strip // 4
    mark = max(4, bar // 2)
    corner = (bar - mark) // 2
    strip[corner : corner + mark, corner : corner + mark] = PICTURE_COLOURS[assessment.verdict]
    base = height - (bar - tall) // 2 - 1
    cv2.putText(picture, text, (bar + corner // 2, base), _FONT, scale, (245, 245, 245), line, cv2.LINE_AA)
