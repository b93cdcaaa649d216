"""What a shadow hides of a field: the field is the camera's, and does not end where the light does.

A rim falls at once, and a camera cuts its field off at the border of the frame, a little on one side, or on two
opposite sides alike. Whatever else ends the lit part is a shadow, and the field goes on behind it. Where two circles
explain the lit part, the one that it fills less counts: a good frame refused can be taken again.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.field.circle_fit import Outline, circle_points, fit_circle, in_frame, raster, steepness, whole_of
from edge.field.squeeze import squeeze_of
from edge.field.straight_edges import MARGIN, Channel, Points

_NEAR = 3.0  # reduced pixels within which an outline follows a circle
_ARC = 0.09  # share of the outline that another circle must explain to be thought of
_PLAIN = 35.0  # quality of a rim that falls at once, all round
_FAINTEST = 0.06  # quality of a rim, as a share of the bright end: less is a circle by chance
_CRISP, _HALF_ROUND = 0.8, 0.5  # a rim as steep as that needs to be round by half
_LARGER, _LARGER_THAN_ODD = 1.35, 1.15  # a dim field has so much more area than its lit part: less may be glow
_DIM = 3.0  # grey values: a border that is darker on a quarter of its pixels is black
_ROUND = 0.8  # share of the outline of a dim field that lies on its circle
_HELD = 0.96  # share of the lit outline that lies in the circle of a field
_SHARP, _SOFT, _SOFTEST = 0.6, 0.5, 0.32  # share of a fall that its steepest 3 pixels take: of a rim; of shadows
_ASTRAY = 0.15  # of the smaller side of the frame: a field whose middle is farther out is suspicious, ...
_IN_FRAME = 0.85  # ... if its edge is soft, or less than that of its circle is in the frame
_SMALL = 0.8  # of the largest circle in the frame: a field with a soft edge and less area is suspicious
_ASIDE, _SMALLISH, _HARDLY_SHARP = 0.05, 1.2, 0.65  # and an odd one, whose edge is no sharper than that
_FAR_ASIDE = 0.065  # in a straight line: an odd one farther out may be a spot of light, however sharp its edge
_NO_CIRCLE, _RIM = 0.6, 0.85  # with less of the outline on the circle, and less of the circle a rim: another shape
_BESIDE = 3.5  # reduced pixels on either side of a rim between which the light falls by half
_ROUND_PART = 0.3  # share of the outline that is on no straight side: less does not tell its shape


def behind_shadow(brightness: Channel, best: Outline, dimmest: Outline | None) -> Outline:
    """The field that an outline is part of.

    Args:
        brightness: uint8 (h, w), smoothed.
        best: the sharpest outline of the lit part.
        dimmest: the outline at the lowest level of brightness.
    """
    height, width = brightness.shape
    if best.whole or _is_plain(brightness, best, dimmest):
        return best
    # An ellipse is a circle that a resize has squeezed, unless it is a spot of light on a field that is round.
    squeezed = squeeze_of(best, height, width) != 1.0
    if dimmest is not None and dimmest is not best and _goes_on(brightness, best, dimmest):
        if squeezed and (dimmest.whole or _on_circle(dimmest, height, width) < _ROUND):
            return best
        return _frame_of(dimmest, height, width) if _hangs_out(dimmest, height, width) else dimmest
    if squeezed:
        return best
    other = _other_circle(brightness, best)
    if other is not None and _filled(other, height, width) < _filled(best, height, width):
        best = other
    if (
        _is_shadow(brightness, best)
        or _hangs_out(best, height, width)
        or _is_no_circle(brightness, best)
        or best.quality < _FAINTEST * _bright_end(brightness)
    ):
        return _frame_of(best, height, width)
    return best


def may_be_spot(outline: Outline, height: int, width: int) -> bool:
    """Whether a circle is so far aside, and so small, that it may be a spot of light, though its edge is like a rim."""
    if outline.whole:
        return False
    away = float(np.hypot(outline.x - width / 2, outline.y - height / 2)) / min(height, width)
    return away > _FAR_ASIDE and _size(outline, height, width) < _SMALLISH + away - _FAR_ASIDE


def _is_plain(brightness: Channel, best: Outline, dimmest: Outline | None) -> bool:
    """Whether an outline is a sharp circle in the middle of the frame with nothing beyond, as most are."""
    height, width = brightness.shape
    return (
        best.quality >= _PLAIN
        and _aside(best, height, width) <= _ASIDE
        and (dimmest is None or dimmest is best or _area(dimmest) < _LARGER_THAN_ODD * _area(best))
        and _on_circle(best, height, width) >= 1 - _ARC
        and not _is_shadow(brightness, best)
    )


def _bright_end(brightness: Channel) -> float:
    some = brightness[::4, ::4].reshape(-1)
    at = round(0.95 * (some.size - 1))
    return float(np.partition(some, at)[at])


def _frame_of(outline: Outline, height: int, width: int) -> Outline:
    """The whole frame as field: its end cannot be seen, so all that is dark counts as lost."""
    return whole_of(outline, (0.0, 0.0, width - 1.0, height - 1.0))


def _goes_on(brightness: Channel, best: Outline, dimmest: Outline) -> bool:
    """Whether the field goes on dimly beyond an outline, up to a rim of its own."""
    height, width = brightness.shape
    odd = _is_odd(best, height, width)
    if _area(dimmest) < (_LARGER_THAN_ODD if odd else _LARGER) * _area(best):
        return False
    if dimmest.whole or _inside(best.hull, dimmest, _NEAR).mean() < _HELD:
        return dimmest.whole and odd and _is_lit_beyond(brightness, best)
    points = circle_points(dimmest.x, dimmest.y, dimmest.radius, dimmest.box)
    steep = steepness(brightness, points, (points - (dimmest.x, dimmest.y)) / dimmest.radius, 2.0)
    return (
        steep is not None
        and steep >= _SOFT
        and _on_circle(dimmest, height, width) >= (_ROUND if steep < _CRISP else _HALF_ROUND)
    )


def _is_lit_beyond(brightness: Channel, outline: Outline) -> bool:
    """Whether it is nowhere black around a circle: dim retina, and not the noise of a border."""
    beyond = brightness[raster(replace(outline, radius=outline.radius + _NEAR), *brightness.shape) == 0]
    return bool(beyond.size) and float(np.percentile(beyond, 25)) >= _DIM


def _area(outline: Outline) -> float:
    return float(cv2.contourArea(outline.hull.astype(np.float32)))


def _on_circle(outline: Outline, height: int, width: int) -> float:
    """The share of the lit part's outline that lies on the circle, of what is on no straight side and no border."""
    hull = outline.hull
    x, y = hull.T
    left, top = (max(edge + _NEAR, MARGIN) for edge in outline.box[:2])
    right, bottom = (
        min(edge - _NEAR, side - 1 - MARGIN) for edge, side in zip(outline.box[2:], (width, height), strict=True)
    )
    free = (x >= left) & (y >= top) & (x <= right) & (y <= bottom)
    on = free & (np.abs(np.hypot(x - outline.x, y - outline.y) - outline.radius) <= _NEAR)
    number = np.count_nonzero(free)
    return np.count_nonzero(on) / number if number >= _ROUND_PART * len(hull) else 1.0


def _inside(points: Points, outline: Outline, slack: float) -> NDArray[np.bool_]:
    away = np.hypot(points[:, 0] - outline.x, points[:, 1] - outline.y)
    return np.asarray(away <= outline.radius + slack, dtype=np.bool_)


def _other_circle(brightness: Channel, best: Outline) -> Outline | None:
    """A second circle that the lit part lies in, along a sharp outline that the first one does not explain."""
    height, width = brightness.shape
    hull = best.hull
    limit = np.array([width, height]) - 1 - MARGIN
    rest = ~((hull < MARGIN).any(axis=1) | (hull > limit).any(axis=1))
    for axis in (0, 1):
        rest &= (hull[:, axis] > best.box[axis] + 2) & (hull[:, axis] < best.box[axis + 2] - 2)
    rest &= np.abs(np.hypot(hull[:, 0] - best.x, hull[:, 1] - best.y) - best.radius) > _NEAR
    if rest.sum() < max(12, _ARC * len(hull)):
        return None
    found = fit_circle(hull[rest], np.ones(int(rest.sum())))
    if found is None or found[2] > 0.8 * max(height, width) or found[3] * rest.sum() < _ARC * len(hull):
        return None
    other = replace(best, x=found[0], y=found[1], radius=found[2])
    points = hull[rest & (np.abs(np.hypot(hull[:, 0] - other.x, hull[:, 1] - other.y) - other.radius) <= _NEAR)]
    steep = steepness(brightness, points, (points - (other.x, other.y)) / other.radius)
    return other if steep is not None and steep >= _SHARP and _inside(hull, other, _NEAR).mean() >= _HELD else None


def _filled(outline: Outline, height: int, width: int) -> float:
    """The share of an outline's circle, within the frame, that the lit part fills."""
    field, lit = raster(outline, height, width), np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(lit, np.rint(outline.hull).astype(np.int32), 1)
    return float((field & lit).sum()) / max(float(field.sum()), 1.0)


def _is_shadow(brightness: Channel, outline: Outline) -> bool:
    """Whether the light fades at a circle more slowly than at any rim."""
    height, width = brightness.shape
    points = circle_points(outline.x, outline.y, outline.radius, outline.box)[::2]
    steep = steepness(brightness, points, (points - (outline.x, outline.y)) / outline.radius)
    if steep is None or steep >= _HARDLY_SHARP:
        return False
    if steep < _SOFTEST or _is_odd(outline, height, width):
        return True
    return steep < _SOFT and (_aside(outline, height, width) > _ASTRAY or _size(outline, height, width) < _SMALL)


def _aside(outline: Outline, height: int, width: int) -> float:
    """How far from the middle of the frame a circle is, in shorter sides."""
    return max(abs(outline.x - width / 2), abs(outline.y - height / 2)) / min(height, width)


def _size(outline: Outline, height: int, width: int) -> float:
    """The area of a circle within the frame, as a share of the largest circle's there."""
    return float(raster(outline, height, width).sum()) / (np.pi / 4 * min(height, width) ** 2)


def _is_odd(outline: Outline, height: int, width: int) -> bool:
    """Whether a circle is where few cameras have theirs: aside, though the frame has room for a larger one."""
    return _aside(outline, height, width) > _ASIDE and _size(outline, height, width) < _SMALLISH


def _hangs_out(outline: Outline, height: int, width: int) -> bool:
    """Whether much of a circle lies beyond the frame, on one side.

    The field of a camera is in the middle of its frame; a circle that is the edge of a shadow may be anywhere.
    """
    if _aside(outline, height, width) <= _ASTRAY:
        return False
    return float(raster(outline, height, width).sum()) < _IN_FRAME * np.pi * outline.radius**2


def _is_no_circle(brightness: Channel, outline: Outline) -> bool:
    """Whether the lit part has another shape: its outline leaves the circle, and the light does not end there.

    An outline alone does not tell: a name tag beside the field makes its hull larger, but leaves the rim.
    """
    height, width = brightness.shape
    if _on_circle(outline, height, width) >= _NO_CIRCLE:
        return False
    points = circle_points(outline.x, outline.y, outline.radius, outline.box)
    rays = (points - (outline.x, outline.y)) / outline.radius
    outside = points + _BESIDE * rays
    seen = in_frame(outside, height, width)
    if seen.sum() < 6:
        return True
    spots = np.stack([points[seen] - _BESIDE * rays[seen], outside[seen]]).astype(np.float32)
    inner, outer = cv2.remap(brightness, spots[:, :, 0], spots[:, :, 1], cv2.INTER_LINEAR).astype(np.float64)
    return float((2 * outer < inner).mean()) < _RIM
