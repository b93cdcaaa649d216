"""Fields that a resize has squeezed: an ellipse along the axes of the frame, which is a circle once it is undone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.field.circle_fit import Outline
from edge.field.straight_edges import MARGIN, Points

_FITS, _CIRCLE_FITS = 0.85, 0.75  # share of the outline on the ellipse at least, and on the circle at most
_END, _FITS_AT_ENDS = 0.8, 0.6  # beyond this share of its longer half axis more than that must lie on it
_SEEN = 4  # points at an end that is in the frame
_ASTRAY = 0.07  # of the frame, along each side
_NEAR = 1.3  # reduced pixels
_ON = 1.5  # reduced pixels from a circle within which a point lies on it
_LEAST = 0.03  # smallest squeeze that is looked for
_MOST = 2.5  # and the largest
_QUADRANT = 0.1  # share of the outline in each quadrant at least


def squeeze_of(outline: Outline, height: int, width: int) -> float:
    """Height over width of the ellipse that an outline lies on; 1.0 where a circle explains it, or nothing does.

    Args:
        outline: on the reduced frame.
        height, width: of that frame.
    """
    if not outline.whole and _on_circle(outline.hull, outline) > _CIRCLE_FITS:
        return 1.0
    limit = np.array([width, height]) - 1 - MARGIN
    points = outline.hull[((outline.hull >= MARGIN) & (outline.hull <= limit)).all(axis=1)]
    for axis in (0, 1):
        inside = (points[:, axis] > outline.box[axis] + 2) & (points[:, axis] < outline.box[axis + 2] - 2)
        points = points[inside] if not outline.whole else points
    if len(points) < max(16, 0.2 * len(outline.hull)):
        return 1.0
    if not outline.whole and _on_circle(points, outline) > _CIRCLE_FITS:
        return 1.0
    ellipse = _fit(points)
    for _ in range(2):  # without what is clearly off it, twice
        near = points[_off(points, ellipse) < 2 * _NEAR] if ellipse is not None else points[:0]
        ellipse = _fit(near) if len(near) >= 16 else None
    if ellipse is None:
        return 1.0
    x, y, across, down = ellipse
    ratio = down / across
    quadrants = np.bincount(2 * (points[:, 0] > x) + (points[:, 1] > y), minlength=4) / len(points)
    on = _off(points, ellipse) < _NEAR
    fits = on.mean() >= _FITS and quadrants.min() >= _QUADRANT and not _has_tips(points, ellipse, on)
    sensible = abs(ratio - 1) > _LEAST and 1 / _MOST < ratio < _MOST
    # A lens between two arcs, which a shadow leaves of a round field in the middle of the frame, is not in the middle.
    central = max(abs(x / width - 0.5), abs(y / height - 0.5)) < _ASTRAY
    return float(ratio) if fits and sensible and central else 1.0


def _on_circle(points: Points, outline: Outline) -> float:
    """The share of some points of an outline that lies on its circle."""
    off = np.hypot(points[:, 0] - outline.x, points[:, 1] - outline.y) - outline.radius
    return float((np.abs(off) < _ON).mean())


def _fit(points: Points) -> tuple[float, float, float, float] | None:
    """Middle and half axes of an ellipse along the axes, by least squares; None where there is none."""
    middle = points.mean(axis=0)
    x, y = (points - middle).T
    terms = np.column_stack([-(x**2), x, y, np.ones(len(x))])
    try:
        a, b, c, d = np.linalg.lstsq(terms, y**2, rcond=None)[0]
    except np.linalg.LinAlgError:
        return None
    if a <= 1e-3:
        return None
    square = d + c * c / 4 + b * b / (4 * a)
    if square <= 0:
        return None
    return float(middle[0] + b / (2 * a)), float(middle[1] + c / 2), float(np.sqrt(square / a)), float(np.sqrt(square))


def _has_tips(points: Points, ellipse: tuple[float, float, float, float], on: NDArray[np.bool_]) -> bool:
    """Whether an outline leaves the ellipse at an end of its longer axis, as a lens of two arcs does."""
    x, y, across, down = ellipse
    along = (points[:, 0] - x) / across if across > down else (points[:, 1] - y) / down
    return any(end.sum() >= _SEEN and on[end].mean() < _FITS_AT_ENDS for end in (along > _END, along < -_END))


def _off(points: Points, ellipse: tuple[float, float, float, float]) -> Points:
    """How far each point is from an ellipse, about, in pixels."""
    x, y, across, down = ellipse
    reach = np.hypot((points[:, 0] - x) / across, (points[:, 1] - y) / down)
    return np.asarray(np.abs(reach - 1) * (across + down) / 2)
