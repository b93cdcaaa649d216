"""Lines on a frame: around field, disc and macula, and what points at the main cause."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.field.find import Crop
from edge.findings.cause import Cause
from edge.overlay.degradation import Picture, enlarge, field_share
from edge.overlay.words import Colour, length_of, write

_LIGHT: Colour = (235, 235, 235)
_DARK: Colour = (40, 40, 40)  # beside the light, so that it shows on any ground
_BITS = 4  # of a pixel


def outline(picture: Picture, assessment: Assessment, crop: Crop) -> None:
    """Thin lines around the field, disc and macula."""
    side = 256
    # Blurred, they lose the steps of the grid.
    regions = [cv2.GaussianBlur(r, (0, 0), 1.0, borderType=cv2.BORDER_CONSTANT) for r in assessment.regions.values()]
    for share in (field_share(assessment, side), *(enlarge(np.asarray(each), side) for each in regions)):
        _trace(picture, np.asarray(share >= 0.5, dtype=np.uint8), crop)


def _trace(picture: Picture, inside: NDArray[np.uint8], crop: Crop) -> None:
    """The line around what is 1 in ``inside``, uint8 (side, side) over the crop."""
    side = len(inside)
    # The border of nothing closes the outline where the field reaches the rim of the crop.
    contours, _ = cv2.findContours(np.pad(inside, 1), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        hull = cv2.convexHull(contour)[:, 0, :].astype(np.float64)  # all of them are discs, cut off or not
        _line(picture, (hull - 0.5) * (crop.side / side) - 0.5 + (crop.x, crop.y), closed=True)


def _line(picture: Picture, places: NDArray[np.float64], closed: bool) -> None:
    width = max(1, round(min(picture.shape[:2]) / 480))
    points = [np.rint(places * (1 << _BITS)).astype(np.int32)]
    cv2.polylines(picture, points, closed, _DARK, 3 * width, cv2.LINE_AA, _BITS)
    cv2.polylines(picture, points, closed, _LIGHT, width, cv2.LINE_AA, _BITS)


def mark_cause(picture: Picture, assessment: Assessment, crop: Crop, cause: Cause, size: int) -> None:
    """A tick outside the field where the main cause is, and its name where there is room; a cross in the middle.

    Args:
        picture: uint8 BGR, shape (H, W, 3); drawn into.
        assessment: of this frame.
        crop: of this frame.
        cause: the main one.
        size: of the letters, in pixels.
    """
    middle = np.array([crop.x, crop.y]) + crop.side / 2
    if cause.clock is None:
        for way in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            _line(picture, middle + np.array(way) * size * np.array([[0.4], [1.2]]), closed=False)
        return
    hour = math.radians(30 * cause.clock)
    out = np.array([math.sin(hour), -math.cos(hour)])
    along = np.array([-out[1], out[0]])
    # Outside the field where the frame goes on there, else as far out as the frame goes.
    most = _within(middle, out, picture.shape[:2], size * 0.55)
    tip = min(_rim(assessment.field, out) * crop.side / 2 + size * 0.4, most - size)
    corners = (0, 0), (1.0, 0.42), (1.0, -0.42)
    tick = np.array([middle + out * (tip + deep * size) + along * wide * size for deep, wide in corners])
    _line(picture, tick, closed=True)
    cv2.fillPoly(picture, [np.rint(tick * (1 << _BITS)).astype(np.int32)], _LIGHT, cv2.LINE_AA, _BITS)
    _name(picture, cause.code.replace("_", " "), middle + out * (tip + size / 2), out, (middle, crop.side / 2), size)


def _rim(field: NDArray[np.bool_], out: NDArray[np.float64]) -> float:
    """How far the field reaches in a direction from its middle, in halves of the side of its grid."""
    grid = len(field)
    radii = np.linspace(0, 1, 4 * grid)
    across, down = np.clip((radii * out[:, None] + 1) / 2 * grid, 0, grid - 1).astype(int)
    inside = np.flatnonzero(field[down, across])
    return float(radii[inside[-1]]) if len(inside) else 1.0


def _within(start: NDArray[np.float64], out: NDArray[np.float64], shape: tuple[int, ...], margin: float) -> float:
    """How far one can go from a place before a frame ends."""
    height, width = shape[:2]
    far = [
        ((size - margin if step > 0 else margin) - at) / step
        for at, step, size in zip(start, out, (width, height), strict=True)
        if abs(step) > 1e-6
    ]
    return float(max(0.0, min(far)))


def _name(
    picture: Picture,
    text: str,
    tick: NDArray[np.float64],
    out: NDArray[np.float64],
    circle: tuple[NDArray[np.float64], float],
    size: int,
) -> None:
    """A name beyond its tick or beside it, wherever it covers nothing of the field; none where it would."""
    half = np.array([length_of(text, size) / 2, 0.6 * size])
    aside, above = (np.copysign(axis, out) for axis in np.eye(2))
    for way in (out, aside, above):
        place = tick + way * (0.9 * size + float(np.abs(way) @ half))
        low, high = place - half, place + half
        nearest = np.clip(circle[0], low, high)
        inside_frame = (low >= 0).all() and (high <= picture.shape[1::-1]).all()
        if inside_frame and math.dist(nearest, circle[0]) > circle[1]:
            write(picture, text, round(low[0]), round(place[1]), size, _LIGHT, rim=max(1, size // 12))
            return
