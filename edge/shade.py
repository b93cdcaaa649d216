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

from edge.cuts import MARGIN, Box, Channel, Points
from edge.rim import Outline, circle_points, fit_circle

_MOST_CUT = 0.2  # share of the field that a camera cuts off on one side at most
_NEAR = 3.0  # reduced pixels within which an outline follows a circle
_ARC = 0.09  # share of the outline that another circle must explain to be thought of
_FAINTEST = 0.06  # quality of a rim, as a share of the bright end: less is a circle by chance
_CRISP, _HALF_ROUND = 0.8, 0.5  # a rim as steep as that needs to be round by half
_LARGER, _ROUND = 1.35, 0.8  # a dim field has so much more area than its lit part (less may be glow), and is round
_HELD = 0.96  # share of the lit outline that lies in the circle of a field
_SHARP, _SOFT, _SOFTEST = 0.6, 0.5, 0.32  # share of a fall that its steepest 3 pixels take: of a rim; of shadows
_ASTRAY = 0.2  # of the smaller side of the frame: a field whose middle is farther out is suspicious, ...
_IN_FRAME = 0.75  # ... if its edge is soft, or less than that of its circle is in the frame
_SMALL = 0.8  # of the largest circle in the frame: a field with a soft edge and less area is suspicious
_SEEN = 8.0  # grey values by which brightness must fall at a rim to be judged
_ACROSS = np.arange(-10.0, 8.1, 1.0)  # pixels outwards of a circle at which its rim is looked at


def behind_shadow(brightness: Channel, best: Outline, dimmest: Outline | None) -> Outline:
    """The field that an outline is part of.

    Args:
        brightness: uint8 (h, w), smoothed.
        best: the sharpest outline of the lit part.
        dimmest: the outline at the lowest level of brightness.
    """
    height, width = brightness.shape
    if best.whole:
        return best
    if dimmest is not None and dimmest is not best and _goes_on(brightness, best, dimmest):
        return dimmest
    other = _other_circle(brightness, best)
    if other is not None and _filled(other, height, width) < _filled(best, height, width):
        return other
    if (
        _is_shadow(brightness, best)
        or _hangs_out(best, height, width)
        or best.quality < _FAINTEST * float(np.percentile(brightness[::4, ::4], 95))
    ):
        return _frame_of(best, height, width)
    return best


def _hangs_out(outline: Outline, height: int, width: int) -> bool:
    """Whether much of a circle lies beyond the frame, on one side.

    The field of a camera is in the middle of its frame; a circle that is the edge of a shadow may be anywhere.
    """
    inside = float(_raster(outline, height, width).sum()) / (np.pi * outline.radius**2)
    aside = max(abs(outline.x - width / 2), abs(outline.y - height / 2))
    return inside < _IN_FRAME and aside > _ASTRAY * min(height, width)


def _goes_on(brightness: Channel, best: Outline, dimmest: Outline) -> bool:
    """Whether the field goes on dimly beyond an outline, up to a rim of its own."""
    height, width = brightness.shape
    if dimmest.whole or _area(dimmest) < _LARGER * _area(best) or _inside(best.hull, dimmest, _NEAR).mean() < _HELD:
        return False
    points = circle_points(dimmest.x, dimmest.y, dimmest.radius, dimmest.box)
    steep = _steepness(brightness, points, (points - (dimmest.x, dimmest.y)) / dimmest.radius, 2.0)
    return (
        steep is not None
        and steep >= _SOFT
        and _on_circle(dimmest, height, width) >= (_ROUND if steep < _CRISP else _HALF_ROUND)
    )


def _area(outline: Outline) -> float:
    return float(cv2.contourArea(outline.hull.astype(np.float32)))


def _on_circle(outline: Outline, height: int, width: int) -> float:
    """The share of the lit part's outline that lies on the circle, of what is not on the border of the frame."""
    hull = outline.hull
    limit = np.array([width, height]) - 1 - MARGIN
    free = (hull >= MARGIN).all(axis=1) & (hull <= limit).all(axis=1)
    on = np.abs(np.hypot(hull[:, 0] - outline.x, hull[:, 1] - outline.y) - outline.radius) <= _NEAR
    return float(on[free].mean()) if free.any() else 1.0


def cameras_own(brightness: Channel, outline: Outline) -> Outline:
    """The outline without the cuts that no camera makes.

    Args:
        brightness: uint8 (h, w), smoothed.
        outline: with the cuts that the picture shows.
    """
    height, width = brightness.shape
    ends, box = (width - 1.0, height - 1.0), outline.box
    field = _raster(outline, height, width)
    kept = list(box)
    for axis in (0, 1):
        taken = box[axis], ends[axis] - box[axis + 2]  # from each border of the frame on
        cut = tuple(depth > MARGIN for depth in taken)
        beyond = [_beyond(field, box[axis + 2 * side], axis, side) if cut[side] else 0.0 for side in (0, 1)]
        both = min(beyond)  # what is cut on either side alike is the camera's; what one side has more, may be
        for side in (0, 1):
            soft = outline.whole and cut[side] and _soft_side(brightness, box, axis, side)
            if cut[side] and (soft or beyond[side] - both >= _MOST_CUT * (1 - 2 * both)):
                kept[axis + 2 * side] = (0.0, ends[axis])[side]
    chosen = kept[0], kept[1], kept[2], kept[3]
    if not outline.whole or chosen == box:
        return replace(outline, box=chosen)
    return _whole(outline, chosen)


def _raster(outline: Outline, height: int, width: int) -> NDArray[np.uint8]:
    """The circle of an outline within the frame, 1 inside; for one without a rim, the whole frame."""
    if outline.whole:
        return np.ones((height, width), np.uint8)
    field = np.zeros((height, width), np.uint8)
    cv2.circle(field, (round(outline.x), round(outline.y)), round(outline.radius), 1, -1)
    return field


def _beyond(field: NDArray[np.uint8], edge: float, axis: int, side: int) -> float:
    """The share of a field beyond a level (axis 1) or upright (axis 0) line: on its low (side 0) or its high side."""
    lines = field if axis == 1 else field.T
    part = lines[: round(edge)] if side == 0 else lines[round(edge) + 1 :]
    return float(part.sum()) / max(float(field.sum()), 1.0)


def _whole(outline: Outline, box: Box) -> Outline:
    """All of a rectangle as field, with the circle around it."""
    radius = float(np.hypot(box[2] - box[0], box[3] - box[1])) / 2 + 1
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return replace(outline, x=middle[0], y=middle[1], radius=radius, box=box, whole=True)


def _frame_of(outline: Outline, height: int, width: int) -> Outline:
    """The whole frame as field: nothing tells where it ends, so all that is dark counts as lost."""
    return _whole(outline, (0.0, 0.0, width - 1.0, height - 1.0))


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
    steep = _steepness(brightness, points, (points - (other.x, other.y)) / other.radius)
    return other if steep is not None and steep >= _SHARP and _inside(hull, other, _NEAR).mean() >= _HELD else None


def _filled(outline: Outline, height: int, width: int) -> float:
    """The share of an outline's circle, within the frame, that the lit part fills."""
    field, lit = _raster(outline, height, width), np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(lit, np.rint(outline.hull).astype(np.int32), 1)
    return float((field & lit).sum()) / max(float(field.sum()), 1.0)


def _is_shadow(brightness: Channel, outline: Outline) -> bool:
    """Whether the light fades at a circle more slowly than at any rim."""
    height, width = brightness.shape
    points = circle_points(outline.x, outline.y, outline.radius, outline.box)[::2]
    steep = _steepness(brightness, points, (points - (outline.x, outline.y)) / outline.radius)
    if steep is None or steep >= _SOFT:
        return False
    astray = max(abs(outline.x - width / 2), abs(outline.y - height / 2)) > _ASTRAY * min(height, width)
    small = float(_raster(outline, height, width).sum()) < _SMALL * np.pi / 4 * min(height, width) ** 2
    return steep < _SOFTEST or astray or small


def _soft_side(brightness: Channel, box: Box, axis: int, side: int) -> bool:
    """Whether the light fades slowly across a side of a rectangle."""
    along = np.linspace(box[1 - axis], box[3 - axis], 34)[1:-1]
    points = np.empty((len(along), 2))
    points[:, axis], points[:, 1 - axis] = box[axis + 2 * side], along
    ray = np.zeros_like(points)
    ray[:, axis] = (-1, 1)[side]
    steep = _steepness(brightness, points, ray)
    return steep is not None and steep < _SOFT


def _steepness(brightness: Channel, points: Points, rays: Points, least: float = _SEEN) -> float | None:
    """The median share of the fall across an outline that its steepest 3 pixels take; None where no fall is seen.

    Args:
        brightness: uint8 (h, w), smoothed.
        points: on the outline.
        rays: outwards at each point, of length 1.
        least: grey values of a fall that counts.
    """
    height, width = brightness.shape
    outer = points + 6 * rays
    seen = ((outer >= 0) & (outer <= (width - 1, height - 1))).all(axis=1)
    if seen.sum() < 6:
        return None
    points, rays = points[seen], rays[seen]
    across = (points[:, 0] + _ACROSS[:, None] * rays[:, 0]).astype(np.float32)
    down = (points[:, 1] + _ACROSS[:, None] * rays[:, 1]).astype(np.float32)
    found = cv2.remap(brightness, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float64)
    fall = np.median(found[:7], axis=0) - np.median(found[-5:], axis=0)
    steepest = np.maximum(found[4:-3] - found[7:], 0).max(axis=0)
    clear = fall > least
    return float(np.median(steepest[clear] / fall[clear])) if clear.sum() > 3 else None
