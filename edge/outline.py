"""Candidates for the field of view on a reduced frame: circles, cut off by straight lines.

The frame is cut at several brightness levels. The hull of the largest bright part at each is the rim of the disc,
straight pieces where the sensor or a letterbox cuts it, and whatever noise adds to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Channel = NDArray[np.uint8]

_LEVELS = (6, 10, 16, 24, 36, 54)  # brightness levels tried, in grey values
_SAME = 0.01  # a part whose area differs by less than this share from the last one is the same part
_OPENING = np.ones((5, 5), np.uint8)
_PICKS = np.random.default_rng(0).random((48, 3))  # the draws of the circle fit, as shares of the number of points
_MARGIN = 3.0  # outline points nearer than this to the border of the reduced frame are the frame's, not the rim's


@dataclass(frozen=True)
class Outline:
    """A candidate on the reduced frame: a circle and the straight lines where the sensor cuts it off."""

    x: float
    y: float
    radius: float
    box: tuple[float, float, float, float]  # left, top, right, bottom: where the field ends at the latest
    quality: float


def best_outline(brightness: Channel) -> Outline | None:
    """The candidate with the sharpest rim, its radius set where the rim is steepest.

    Args:
        brightness: uint8 (h, w), smoothed, about 200 pixels wide.

    Returns:
        The outline in pixels of ``brightness``; None where no part is bright and large enough.
    """
    outlines = [_outline(brightness, part) for part in _bright_parts(brightness)]
    best = max(outlines, key=lambda o: o.quality, default=None)
    return None if best is None else replace(best, radius=_true_radius(brightness, best))


def _bright_parts(brightness: Channel) -> list[Points]:
    """Cut the frame at each level; the hulls of the largest bright parts, without those that hardly differ."""
    hulls: list[Points] = []
    last = 0.0
    for level in _LEVELS:
        bright = cv2.threshold(brightness, level, 255, cv2.THRESH_BINARY)[1]
        bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, _OPENING)
        contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        contour = max(contours, key=cv2.contourArea, default=None)
        if contour is None or cv2.contourArea(contour) < 0.05 * brightness.size:
            break  # higher levels leave less
        hull = cv2.convexHull(contour)
        area = cv2.contourArea(hull)
        if abs(area - last) > _SAME * last:
            hulls.append(hull[:, 0, :].astype(np.float64))
            last = area
    return hulls


def _outline(brightness: Channel, polygon: Points) -> Outline:
    """Describe one bright part, given as a convex polygon: its circle and its cuts."""
    height, width = brightness.shape
    hull = _resample(polygon)
    box, on_cut = _cuts(hull, height, width)
    rim = hull[~on_cut]
    circle = _fit_circle(rim) if len(rim) > 0.15 * len(hull) else None
    if circle is None or circle[2] > 1.5 * max(height, width):
        # No rim in sight: the disc is larger than the frame, and all that is bright is field.
        left, top = hull.min(axis=0)
        right, bottom = hull.max(axis=0)
        radius = float(np.hypot(right - left, bottom - top)) / 2 + 1
        whole = (left, top, right, bottom)
        return Outline((left + right) / 2, (top + bottom) / 2, radius, whole, 0.3 * _contrast(brightness, hull))
    x, y, radius, inliers = circle
    return Outline(x, y, radius, box, _contrast(brightness, _circle_points(x, y, radius, box)) * inliers)


def _resample(polygon: Points, spacing: float = 3.0) -> Points:
    """Points every ``spacing`` pixels along a closed polygon."""
    closed = np.concatenate([polygon, polygon[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    stops = np.arange(0.0, along[-1], spacing)
    return np.column_stack([np.interp(stops, along, closed[:, 0]), np.interp(stops, along, closed[:, 1])])


def _cuts(hull: Points, height: int, width: int) -> tuple[tuple[float, float, float, float], NDArray[np.bool_]]:
    """Straight level or upright sides of the hull, where the sensor or a letterbox cuts the disc.

    Returns:
        The box (left, top, right, bottom) that the cuts leave, and for each point whether it lies on a cut or
        on the border of the frame.
    """
    low, high = hull.min(axis=0), hull.max(axis=0)
    size = float((high - low).max())
    box = [-np.inf, -np.inf, np.inf, np.inf]
    limit = np.array([width, height]) - 1 - _MARGIN
    on_cut = np.asarray((hull < _MARGIN).any(axis=1) | (hull > limit).any(axis=1), dtype=np.bool_)
    for axis in (0, 1):
        for side, edge in ((0, low[axis]), (2, high[axis])):
            near = np.abs(hull[:, axis] - edge) < 1.1
            along = hull[near, 1 - axis]
            # A circle of this size stays within 1.1 pixels of its tangent for about 0.3 of its diameter.
            if len(along) and np.ptp(along) > 0.38 * size:
                box[side + axis] = float(edge)
                on_cut |= np.abs(hull[:, axis] - edge) < 2.0
    return (box[0], box[1], box[2], box[3]), on_cut


def _fit_circle(points: Points) -> tuple[float, float, float, float] | None:
    """The circle that most points lie on: x, y, radius, share of points on it (RANSAC, then least squares)."""
    if len(points) < 12:
        return None
    picks = (_PICKS * len(points)).astype(int)
    a, b, c = points[picks[:, 0]], points[picks[:, 1]], points[picks[:, 2]]
    ab, ac = b - a, c - a
    twice_area = 2 * (ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])
    spread = np.abs(twice_area) > 40
    if not spread.any():
        return None
    a, ab, ac, twice_area = a[spread], ab[spread], ac[spread], twice_area[spread]
    ab2, ac2 = (ab**2).sum(axis=1), (ac**2).sum(axis=1)
    dx = (ac[:, 1] * ab2 - ab[:, 1] * ac2) / twice_area
    dy = (ab[:, 0] * ac2 - ac[:, 0] * ab2) / twice_area
    radii = np.hypot(dx, dy)
    jury = points[::2]  # enough to judge by
    right, down = jury[:, 0, None] - (a[:, 0] + dx), jury[:, 1, None] - (a[:, 1] + dy)
    off = np.abs(np.sqrt(right * right + down * down) - radii)
    best = int(np.argmin(np.minimum(off, 4.0).sum(axis=0)))
    x, y, radius = float(a[best, 0] + dx[best]), float(a[best, 1] + dy[best]), float(radii[best])
    inliers = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius) < 2.0
    for _ in range(2):
        if inliers.sum() < 8:
            return None
        middle = points[inliers].mean(axis=0)
        near = points[inliers] - middle
        terms = np.column_stack([2 * near, np.ones(len(near))])
        try:
            dx, dy, rest = np.linalg.solve(terms.T @ terms, terms.T @ (near**2).sum(axis=1))
        except np.linalg.LinAlgError:  # all on one line
            return None
        x, y = float(middle[0] + dx), float(middle[1] + dy)
        radius = float(np.sqrt(max(rest + dx * dx + dy * dy, 0.0)))
        inliers = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius) < 1.5
    return x, y, radius, float(inliers.mean())


def _circle_points(x: float, y: float, radius: float, box: tuple[float, float, float, float]) -> Points:
    """96 points on the circle, without those that the cuts take away."""
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    points = np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])
    kept = (points >= box[:2]).all(axis=1) & (points <= box[2:]).all(axis=1)
    return points[kept]


def _contrast(brightness: Channel, outline: Points) -> float:
    """How sharply brightness falls from just inside to just outside an outline, mean over the points in the frame."""
    height, width = brightness.shape
    if len(outline) < 8:
        return 0.0
    centre = outline.mean(axis=0)
    ray = outline - centre
    ray /= np.maximum(np.hypot(ray[:, 0], ray[:, 1]), 1e-6)[:, None]
    inner, outer = np.rint(outline - 3 * ray).astype(int), np.rint(outline + 3 * ray).astype(int)
    seen = ((outer >= 0) & (outer < (width, height)) & (inner >= 0) & (inner < (width, height))).all(axis=1)
    if not seen.any():
        return 1.0
    inside = brightness[inner[seen, 1], inner[seen, 0]].astype(np.int32)
    fall = inside - brightness[outer[seen, 1], outer[seen, 0]]
    return float(np.clip(fall, 0, 60).mean()) + 1.0


def _true_radius(brightness: Channel, outline: Outline) -> float:
    """The radius at which brightness, averaged along the rim, is half way between field and border.

    The outline itself lies too far out: smoothing and a low level push it there. A rim that is hardly in the
    frame, or cut away, leaves it as it is.
    """
    points = _circle_points(outline.x, outline.y, outline.radius, outline.box)
    rays = (points - (outline.x, outline.y)) / outline.radius
    steps = np.arange(-3.0, 2.51, 0.5)
    height, width = brightness.shape
    ends = points + 3 * rays
    seen = ((ends >= 0) & (ends <= (width - 1, height - 1))).all(axis=1)
    if seen.sum() < 12:
        return outline.radius
    where = np.rint(points[seen] + steps[:, None, None] * rays[seen]).astype(int).clip(0, (width - 1, height - 1))
    fall = np.minimum.accumulate(brightness[where[:, :, 1], where[:, :, 0]].mean(axis=1))
    middle = (fall[0] + fall[-1]) / 2
    return outline.radius + float(np.interp(-middle, -fall, steps))
