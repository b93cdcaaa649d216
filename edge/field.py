"""Where the retina is in a frame: the field of view of the camera.

A fundus camera shows a bright disc on a dark border. The disc may be cut off by the sensor, off-centre, or
larger than the frame, and the border may be noisy or not quite black. The finder works on a frame reduced to
about 192 pixels: it cuts the frame at several brightness levels, fits a circle to the outline at each level, and keeps
the circle with the sharpest rim.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

WORK_SIZE = 192  # about the long side of the reduced frame
MASK_SIZE = 256  # side of the mask that a Field carries
_LEVELS = (6, 10, 16, 24, 36, 54)  # brightness levels tried, in grey values
_DARKEST = 14  # a frame whose bright end is below this shows nothing
_FLATTEST = 6  # a frame whose channels all vary less than this is one colour
_MARGIN = 3.0  # outline points nearer than this to the border of the reduced frame are the frame's, not the rim's


@dataclass(frozen=True)
class Crop:
    """A square in frame pixels; it may reach beyond the frame, where it is filled with black."""

    x: int
    y: int
    side: int


@dataclass(frozen=True)
class Field:
    """The field of view of one frame.

    Attributes:
        crop: the square around the field, in frame pixels.
        mask: uint8 (256, 256) over the crop, 255 where it shows the field, 0 elsewhere.
    """

    crop: Crop
    mask: NDArray[np.uint8]

    def on_grid(self, grid: int) -> NDArray[np.bool_]:
        """The mask on a grid of ``grid`` x ``grid`` cells: True where at least half of the cell is field."""
        shares = cv2.resize(self.mask, (grid, grid), interpolation=cv2.INTER_AREA)
        return np.asarray(shares >= 128, dtype=np.bool_)


@dataclass(frozen=True)
class _Outline:
    """A candidate on the reduced frame: a circle and the straight lines where the sensor cuts it off."""

    x: float
    y: float
    radius: float
    box: tuple[float, float, float, float]  # left, top, right, bottom: where the field ends at the latest
    quality: float


def find_field(frame: NDArray[np.uint8]) -> Field | None:
    """Find the field of view.

    Args:
        frame: uint8 BGR, shape (H, W, 3).

    Returns:
        The field, or None where the frame is black, of one colour, or too small to show one.
    """
    height, width = frame.shape[:2]
    if min(height, width) < 16:
        return None
    # A whole-numbered factor: OpenCV averages whole blocks about ten times faster than broken ones.
    factor = max(1, round(max(height, width) / WORK_SIZE))
    size = (width // factor, height // factor)
    whole = frame[: size[1] * factor, : size[0] * factor]
    small = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if _shows_nothing(small):
        return None
    brightness = cv2.blur(small.max(axis=2), (3, 3)).astype(np.float32)
    outlines = [o for level in _LEVELS if (o := _outline(brightness, level)) is not None]
    if not outlines:
        return None
    return _to_frame(max(outlines, key=lambda o: o.quality), factor, (height, width))


def _shows_nothing(small: NDArray[np.uint8]) -> bool:
    """A lens cap, a wall, a saturated sensor: dark everywhere or one colour everywhere."""
    ordered = np.sort(small.reshape(-1, 3)[::7], axis=0)
    low, high = ordered[len(ordered) // 50].astype(int), ordered[-1 - len(ordered) // 50].astype(int)
    return bool(high.max() < _DARKEST or (high - low).max() < _FLATTEST)


def _outline(brightness: NDArray[np.float32], level: int) -> _Outline | None:
    """Cut the frame at one level, take the largest bright part, and describe its hull."""
    height, width = brightness.shape
    bright = np.asarray(brightness > level, dtype=np.uint8)
    bright = np.asarray(cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), dtype=np.uint8)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    contour = max(contours, key=cv2.contourArea)
    if cv2.contourArea(contour) < 0.05 * height * width:
        return None
    hull = _resample(cv2.convexHull(contour)[:, 0, :].astype(np.float64))
    box, on_cut = _cuts(hull, height, width)
    rim = hull[~on_cut]
    circle = _fit_circle(rim) if len(rim) > 0.15 * len(hull) else None
    if circle is None or circle[2] > 1.5 * max(height, width):
        # No rim in sight: the disc is larger than the frame, and all that is bright is field.
        left, top = hull.min(axis=0)
        right, bottom = hull.max(axis=0)
        radius = float(np.hypot(right - left, bottom - top)) / 2 + 1
        return _Outline(
            (left + right) / 2, (top + bottom) / 2, radius, (left, top, right, bottom), 0.3 * _contrast(brightness, hull)
        )
    x, y, radius, inliers = circle
    return _Outline(x, y, radius, box, _contrast(brightness, _circle_points(x, y, radius, box)) * inliers)


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
    on_cut = (hull < _MARGIN).any(axis=1) | (hull > np.array([width, height]) - 1 - _MARGIN).any(axis=1)
    for axis in (0, 1):
        for side, edge in ((0, low[axis]), (2, high[axis])):
            near = np.abs(hull[:, axis] - edge) < 1.1
            along = hull[near, 1 - axis]
            # A circle of this size stays within 1.1 pixels of its tangent for about 0.3 of its diameter.
            if len(along) and np.ptp(along) > 0.38 * size:
                box[side + axis] = float(edge)
                on_cut |= np.abs(hull[:, axis] - edge) < 2.0
    return (box[0], box[1], box[2], box[3]), on_cut


def _fit_circle(points: Points, draws: int = 48) -> tuple[float, float, float, float] | None:
    """The circle that most points lie on: x, y, radius, share of points within tolerance (RANSAC, then least squares)."""
    if len(points) < 12:
        return None
    picks = np.random.default_rng(0).integers(0, len(points), (draws, 3))
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
    off = np.abs(np.hypot(points[:, 0, None] - (a[:, 0] + dx), points[:, 1, None] - (a[:, 1] + dy)) - radii)
    best = int(np.argmin(np.minimum(off, 4.0).sum(axis=0)))
    inliers = off[:, best] < 2.0
    for _ in range(2):
        if inliers.sum() < 8:
            return None
        near = points[inliers]
        solution = np.linalg.lstsq(np.column_stack([2 * near, np.ones(len(near))]), (near**2).sum(axis=1), rcond=None)[0]
        x, y = float(solution[0]), float(solution[1])
        radius = float(np.sqrt(max(solution[2] + x * x + y * y, 0.0)))
        inliers = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius) < 1.5
    return x, y, radius, float(inliers.mean())


def _circle_points(x: float, y: float, radius: float, box: tuple[float, float, float, float]) -> Points:
    """96 points on the circle, without those that the cuts take away."""
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    points = np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])
    kept = (points >= box[:2]).all(axis=1) & (points <= box[2:]).all(axis=1)
    return points[kept]


def _contrast(brightness: NDArray[np.float32], outline: Points) -> float:
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
    fall = brightness[inner[seen, 1], inner[seen, 0]] - brightness[outer[seen, 1], outer[seen, 0]]
    return float(np.clip(fall, 0, 60).mean()) + 1.0


def _to_frame(outline: _Outline, scale: int, shape: tuple[int, int]) -> Field:
    """The candidate in frame pixels, as a crop and the mask over it."""
    height, width = shape
    x, y, radius = (outline.x + 0.5) * scale - 0.5, (outline.y + 0.5) * scale - 0.5, outline.radius * scale
    left, top, right, bottom = ((v + 0.5) * scale - 0.5 for v in outline.box)
    # Half a reduced pixel belongs to the field on each side of a cut.
    left, top = max(left - scale / 2, 0.0), max(top - scale / 2, 0.0)
    right, bottom = min(right + scale / 2, width - 1.0), min(bottom + scale / 2, height - 1.0)
    seen_left, seen_top = max(left, x - radius), max(top, y - radius)
    seen_right, seen_bottom = min(right, x + radius), min(bottom, y + radius)
    side = max(8, round(max(seen_right - seen_left, seen_bottom - seen_top) + 1))
    crop = Crop(
        round((seen_left + seen_right + 1 - side) / 2), round((seen_top + seen_bottom + 1 - side) / 2), side
    )
    cells = (np.arange(MASK_SIZE) + 0.5) * (side / MASK_SIZE) - 0.5
    xs, ys = cells + crop.x, cells + crop.y
    inside = (xs[None, :] - x) ** 2 + (ys[:, None] - y) ** 2 <= radius**2
    inside &= ((xs >= left) & (xs <= right))[None, :] & ((ys >= top) & (ys <= bottom))[:, None]
    return Field(crop, np.asarray(inside, dtype=np.uint8) * np.uint8(255))
