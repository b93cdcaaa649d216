"""The round part of an outline: the circle that it lies on, and how sharply brightness falls there."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.field.straight_edges import Box, Channel, Points

_PICKS = np.random.default_rng(0).random((48, 3))  # the draws of the circle fit, as shares of the number of points
_COMPASS = np.column_stack([f(np.linspace(0, 2 * np.pi, 96, endpoint=False)) for f in (np.cos, np.sin)])
_STEPS = np.array([-7.0, -3.0, 3.0, 7.0])  # where sharpness looks, in pixels outwards of an outline
ACROSS = np.arange(-10.0, 8.1, 1.0)  # pixels outwards of an outline at which a fall of light is looked at
FAR_ACROSS = np.arange(-24.0, 8.1, 1.0)  # the same for a fall that may be long
_UNSEEN = 8.0  # sharpness of an outline whose rim is not in the frame: as a faint rim, and more than no rim


@dataclass(frozen=True, eq=False)
class Outline:
    """A candidate on the reduced frame: a circle and the straight lines where the sensor cuts it off.

    Attributes:
        x, y, radius: of the circle.
        box: left, top, right, bottom: where the field ends at the latest.
        quality: how sharp its rim is, and how much of the lit part's outline lies on it.
        hull: points along the outline of the lit part.
        whole: no rim is in sight: the circle goes around the box, and all of the box is field.
    """

    x: float
    y: float
    radius: float
    box: Box
    quality: float
    hull: Points
    whole: bool = False


def resample(polygon: Points, spacing: float = 3.0) -> Points:
    """Points every ``spacing`` pixels along a closed polygon."""
    closed = np.concatenate([polygon, polygon[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    stops = np.arange(0.0, along[-1], spacing)
    return np.column_stack([np.interp(stops, along, closed[:, 0]), np.interp(stops, along, closed[:, 1])])


def fit_circle(points: Points, weights: NDArray[np.float64]) -> tuple[float, float, float, float] | None:
    """The circle that most points lie on, by weight: x, y, radius, share on it (RANSAC, then least squares)."""
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
    best = int(np.argmin(weights[::2] @ np.minimum(off, 4.0)))
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
    return x, y, radius, float(weights[inliers].sum() / weights.sum())


def circle_points(x: float, y: float, radius: float, box: Box) -> Points:
    """96 points on the circle, without those that the cuts take away."""
    points: Points = np.array([x, y]) + radius * _COMPASS
    across, down = points.T
    inside = (across >= box[0]) & (down >= box[1]) & (across <= box[2]) & (down <= box[3])
    return np.asarray(points[inside])


def sharpness_along(brightness: Channel, outline: Points, centre: Points) -> NDArray[np.float64]:
    """How sharply brightness falls across an outline, at each point: -60 (it rises) to 60 grey values.

    A rim falls at once: as far within 3 pixels as within 7. A shadow goes on falling, and counts as nothing. Points
    at the border of the frame have nothing outside, and are NaN.
    """
    height, width = brightness.shape
    ray = outline - centre
    ray /= np.maximum(np.hypot(ray[:, 0], ray[:, 1]), 1e-6)[:, None]
    across = (outline[:, 0] + _STEPS[:, None] * ray[:, 0]).astype(np.float32)
    down = (outline[:, 1] + _STEPS[:, None] * ray[:, 1]).astype(np.float32)
    seen = (across[2] > -0.5) & (down[2] > -0.5) & (across[2] < width - 0.5) & (down[2] < height - 0.5)
    found = cv2.remap(brightness, across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    far_in, inside, outside, far_out = found.astype(np.int32)
    near, far = inside - outside, far_in - far_out
    return np.where(seen, np.maximum(2 * near - np.maximum(far, near), near // 3).clip(-60, 60), np.nan)


def mean_sharpness(brightness: Channel, outline: Points, centre: Points) -> float:
    """The mean over the points that have something outside; a fixed low value where hardly any has."""
    if len(outline) < 8:
        return 0.0
    sharpness = sharpness_along(brightness, outline, centre)
    seen = ~np.isnan(sharpness)
    return max(float(sharpness[seen].mean()), 0.0) + 1.0 if seen.sum() >= 4 else _UNSEEN


def steepness(
    brightness: Channel, points: Points, rays: Points, least: float = 8.0, across: Points = ACROSS
) -> float | None:
    """The median share of the fall across an outline that its steepest 3 pixels take; None where no fall is seen.

    Args:
        brightness: uint8 (h, w), smoothed.
        points: on the outline.
        rays: outwards at each point, of length 1.
        least: grey values of a fall that counts.
        across: pixels outwards of the outline at which the light is looked at, one apart.
    """
    seen = in_frame(points + 6 * rays, *brightness.shape)
    if np.count_nonzero(seen) < 6:
        return None
    points, rays = points[seen], rays[seen]
    right = (points[:, 0] + across[:, None] * rays[:, 0]).astype(np.float32)
    down = (points[:, 1] + across[:, None] * rays[:, 1]).astype(np.float32)
    found = cv2.remap(brightness, right, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.int16)
    fall = np.sort(found[:7], axis=0)[3] - np.sort(found[-5:], axis=0)[2]  # medians
    steepest = np.maximum((found[4:-3] - found[7:]).max(axis=0), 0)
    clear = fall > least
    shares = (steepest[clear] / fall[clear]).tolist()
    return statistics.median(shares) if len(shares) > 3 else None


def in_frame(points: Points, height: int, width: int) -> NDArray[np.bool_]:
    """Which points (x, y) lie in a frame."""
    x, y = points.T
    return np.asarray((x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1), dtype=np.bool_)


def raster(outline: Outline, height: int, width: int) -> NDArray[np.uint8]:
    """The circle of an outline within the frame, 1 inside; for one without a rim, the whole frame."""
    if outline.whole:
        return np.ones((height, width), np.uint8)
    field = np.zeros((height, width), np.uint8)
    cv2.circle(field, (round(outline.x), round(outline.y)), round(outline.radius), 1, -1)
    return field


def whole_of(outline: Outline, box: Box) -> Outline:
    """All of a rectangle as field, with the circle around it."""
    radius = float(np.hypot(box[2] - box[0], box[3] - box[1])) / 2 + 1
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return replace(outline, x=middle[0], y=middle[1], radius=radius, box=box, whole=True)
