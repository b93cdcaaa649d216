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
_ALIKE = 0.15  # difference in depth, in radii, of two cuts that face each other
_NEAR = 3.0  # reduced pixels within which an outline follows a circle
_ARC = 0.2  # share of the outline that another circle must explain to be thought of
_HELD = 0.96  # share of the lit outline that lies in the circle of a field
_SOFT, _SOFTEST = 0.5, 0.36  # share of a fall that the steepest 3 reduced pixels take: less is the edge of a shadow
_SMALL = 0.8  # of the largest circle in the frame: a field with a soft edge and less area is suspicious
_SEEN = 8.0  # grey values by which brightness must fall at a rim to be judged
_ACROSS = np.arange(-10.0, 8.1, 1.0)  # pixels outwards of a circle at which its rim is looked at


def behind_shadow(brightness: Channel, best: Outline) -> Outline:
    """The field that an outline is part of.

    Args:
        brightness: uint8 (h, w), smoothed.
        best: the sharpest outline of the lit part.
    """
    height, width = brightness.shape
    if not best.whole:
        other = _other_circle(best, height, width)
        if other is not None and _filled(other, height, width) < _filled(best, height, width):
            best = other
        if _is_shadow(brightness, best):
            best = _frame_of(best, height, width)
    return best


def cameras_own(brightness: Channel, outline: Outline) -> Outline:
    """The outline without the cuts that no camera makes.

    Args:
        brightness: uint8 (h, w), smoothed.
        outline: with the cuts that the picture shows.
    """
    height, width = brightness.shape
    ends, middle = (width - 1.0, height - 1.0), (outline.x, outline.y)
    kept = list(outline.box)
    for axis in (0, 1):
        low, high = outline.box[axis], outline.box[axis + 2]
        if outline.whole:
            size = ends[axis]
            depths, shares = (low / size, 1 - high / size), (low / size, 1 - high / size)
        else:
            first, last = middle[axis] - outline.radius, middle[axis] + outline.radius
            depths = (low - first) / outline.radius, (last - high) / outline.radius
            shares = _segment(depths[0]), _segment(depths[1])
        alike = min(depths) > 0 and abs(depths[0] - depths[1]) <= _ALIKE
        at_border = low <= MARGIN, high >= ends[axis] - MARGIN
        for side in (0, 1):
            soft = outline.whole and not at_border[side] and _soft_side(brightness, outline.box, axis, side)
            if not at_border[side] and not (alike and not soft) and (shares[side] >= _MOST_CUT or soft):
                kept[axis + 2 * side] = (0.0, ends[axis])[side] if outline.whole else (-np.inf, np.inf)[side]
    box = kept[0], kept[1], kept[2], kept[3]
    if not outline.whole or box == outline.box:
        return replace(outline, box=box)
    return replace(outline, box=box, **_around(box))


def _around(box: Box) -> dict[str, float]:
    """The circle around a rectangle."""
    radius = float(np.hypot(box[2] - box[0], box[3] - box[1])) / 2 + 1
    return {"x": (box[0] + box[2]) / 2, "y": (box[1] + box[3]) / 2, "radius": radius}


def _frame_of(outline: Outline, height: int, width: int) -> Outline:
    """The whole frame as field: nothing tells where it ends, so all that is dark counts as lost."""
    box = 0.0, 0.0, width - 1.0, height - 1.0
    return replace(outline, box=box, whole=True, **_around(box))


def _segment(depth: float) -> float:
    """The share of a circle beyond a line so many radii inside of its border."""
    height = float(np.clip(1 - depth, -1, 1))
    return float((np.arccos(height) - height * np.sqrt(1 - height * height)) / np.pi)


def _inside(points: Points, outline: Outline, slack: float) -> NDArray[np.bool_]:
    away = np.hypot(points[:, 0] - outline.x, points[:, 1] - outline.y)
    return np.asarray(away <= outline.radius + slack, dtype=np.bool_)


def _other_circle(best: Outline, height: int, width: int) -> Outline | None:
    """A second circle that the lit part lies in, along the outline that the first one does not explain."""
    hull = best.hull
    limit = np.array([width, height]) - 1 - MARGIN
    rest = ~((hull < MARGIN).any(axis=1) | (hull > limit).any(axis=1))
    for axis in (0, 1):
        rest &= (hull[:, axis] > best.box[axis] + 2) & (hull[:, axis] < best.box[axis + 2] - 2)
    rest &= np.abs(np.hypot(hull[:, 0] - best.x, hull[:, 1] - best.y) - best.radius) > _NEAR
    if rest.sum() < max(12, _ARC * len(hull)):
        return None
    found = fit_circle(hull[rest], np.ones(int(rest.sum())))
    if found is None or found[2] > 1.5 * max(height, width) or found[3] * rest.sum() < _ARC * len(hull):
        return None
    other = replace(best, x=found[0], y=found[1], radius=found[2])
    return other if _inside(hull, other, _NEAR).mean() >= _HELD else None


def _filled(outline: Outline, height: int, width: int) -> float:
    """The share of an outline's circle, within the frame, that the lit part fills."""
    field, lit = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    cv2.circle(field, (round(outline.x), round(outline.y)), round(outline.radius), 1, -1)
    cv2.fillConvexPoly(lit, np.rint(outline.hull).astype(np.int32), 1)
    return float((field & lit).sum()) / max(float(field.sum()), 1.0)


def _is_shadow(brightness: Channel, outline: Outline) -> bool:
    """Whether the light fades at a circle more slowly than at any rim."""
    height, width = brightness.shape
    points = circle_points(outline.x, outline.y, outline.radius, outline.box)
    steep = _steepness(brightness, points, (points - (outline.x, outline.y)) / outline.radius)
    if steep is None or steep >= _SOFT:
        return False
    seen = np.zeros((height, width), np.uint8)
    cv2.circle(seen, (round(outline.x), round(outline.y)), round(outline.radius), 1, -1)
    return steep < _SOFTEST or float(seen.sum()) < _SMALL * np.pi / 4 * min(height, width) ** 2


def _soft_side(brightness: Channel, box: Box, axis: int, side: int) -> bool:
    """Whether the light fades slowly across a side of a rectangle."""
    along = np.linspace(box[1 - axis], box[3 - axis], 34)[1:-1]
    points = np.empty((len(along), 2))
    points[:, axis], points[:, 1 - axis] = box[axis + 2 * side], along
    ray = np.zeros_like(points)
    ray[:, axis] = (-1, 1)[side]
    steep = _steepness(brightness, points, ray)
    return steep is not None and steep < _SOFT


def _steepness(brightness: Channel, points: Points, rays: Points) -> float | None:
    """The median share of the fall across an outline that its steepest 3 pixels take; None where no fall is seen."""
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
    clear = fall > _SEEN
    return float(np.median(steepest[clear] / fall[clear])) if clear.sum() > 3 else None
