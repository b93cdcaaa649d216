"""Straight sides of a field of view: where the sensor, a letterbox or a printer's frame cuts the disc off."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Channel = NDArray[np.uint8]
Box = tuple[float, float, float, float]  # left, top, right, bottom; infinite where nothing cuts

MARGIN = 3.0  # outline points nearer than this to the border of the reduced frame are the frame's, not the rim's
_DEEPEST = 0.6  # how deep a cut may reach into the disc, in radii
_SHORTEST = 0.3  # half the length of the shortest cut that is looked for, in radii
_NEAR, _FAR = 2, 5  # a cut is judged by the pixels this far inside and outside of it
_FALL = 5  # least fall of brightness across a cut, in grey values
_DARK = 0.2  # how bright it may be beyond a straight side of the outline, as a share of the field there
_NEW, _KNOWN = 0.75, 0.4  # share of a line that must fall: anywhere, and where the outline has a straight side
_AROUND = np.column_stack([f(np.linspace(0, 2 * np.pi, 64, endpoint=False)) for f in (np.cos, np.sin)])
_CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def straight_sides(hull: Points, height: int, width: int) -> tuple[Box, NDArray[np.bool_]]:
    """Straight level or upright sides of an outline.

    Args:
        hull: points (x, y) along a closed convex outline on the reduced frame.
        height, width: of the reduced frame.

    Returns:
        The box that the sides leave, and for each point whether it lies on such a side or on the border of the frame.
    """
    low, high = hull.min(axis=0), hull.max(axis=0)
    size = float((high - low).max())
    box = [-np.inf, -np.inf, np.inf, np.inf]
    limit = np.array([width, height]) - 1 - MARGIN
    on_side = np.asarray((hull < MARGIN).any(axis=1) | (hull > limit).any(axis=1), dtype=np.bool_)
    for axis in (0, 1):
        for side, edge in ((0, low[axis]), (2, high[axis])):
            near = np.abs(hull[:, axis] - edge) < 1.1
            along = hull[near, 1 - axis]
            # A circle of this size stays within 1.1 pixels of its tangent for about 0.3 of its diameter.
            if len(along) and np.ptp(along) > 0.38 * size:
                box[side + axis] = float(edge)
                on_side |= np.abs(hull[:, axis] - edge) < 2.0
    return (box[0], box[1], box[2], box[3]), on_side


def true_cuts(brightness: Channel, circle: tuple[float, float, float], box: Box, keep: bool) -> Box:
    """The box by what the picture shows, once the circle is known.

    An outline has straight sides by chance, where a shadow makes it end early, and lacks those that stray light
    bridges. Across a true cut, brightness falls at once and nearly along the whole line.

    Args:
        brightness: uint8 (h, w), smoothed.
        circle: x, y, radius.
        box: the straight sides of the outline.
        keep: whether to keep a side of the outline where no cut is seen.
    """
    x, y, radius = circle
    height, width = brightness.shape
    border = _border(brightness, circle)
    upright = np.ascontiguousarray(brightness.T)
    left = _cut(upright, (y, x, radius), box[0], border, keep)
    top = _cut(brightness, (x, y, radius), box[1], border, keep)
    right = _cut(upright[::-1], (y, width - 1 - x, radius), width - 1 - box[2], border, keep)
    bottom = _cut(brightness[::-1], (x, height - 1 - y, radius), height - 1 - box[3], border, keep)
    return left, top, width - 1 - right, height - 1 - bottom


def cut_corners(brightness: Channel, box: Box) -> tuple[float, float, float] | None:
    """The circle (x, y, radius) that cuts the corners of a rectangle off; None where fewer than three are dark.

    Args:
        brightness: uint8 (h, w), smoothed.
        box: the rectangle.
    """
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    half = np.array([box[2] - box[0], box[3] - box[1]]) / 2
    length = float(np.hypot(*half))
    inwards = -_CORNERS * half / length
    depths = np.arange(0.0, 0.3 * length, 0.5)
    spots = ((middle + _CORNERS * half)[:, None] + depths[:, None] * inwards[:, None]).astype(np.float32)
    across, down = np.ascontiguousarray(spots[:, :, 0]), np.ascontiguousarray(spots[:, :, 1])
    found = cv2.remap(brightness, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    rise = np.maximum.accumulate(found.astype(np.float64), axis=1)
    dark, bright = rise[:, 2], np.median(found[:, len(depths) // 2 :], axis=1)
    first = (rise < ((dark + bright) / 2)[:, None]).sum(axis=1)
    cut = (bright - dark >= _FALL) & (3 * dark < bright) & (first < len(depths))
    if cut.sum() < 3:
        return None
    points = (middle + _CORNERS * half + depths[first.clip(0, len(depths) - 1), None] * inwards)[cut]
    near = points - middle
    terms = np.column_stack([2 * near, np.ones(len(near))])
    dx, dy, rest = np.linalg.lstsq(terms, (near**2).sum(axis=1), rcond=None)[0]
    radius = float(np.sqrt(max(rest + dx * dx + dy * dy, 0.0)))
    fits = max(abs(dx), abs(dy)) < 0.1 * length and radius > 0.97 * half.max()
    return (float(middle[0] + dx), float(middle[1] + dy), radius) if fits else None


def _border(brightness: Channel, circle: tuple[float, float, float]) -> int:
    """The usual grey value just outside of the circle; 0 where that is outside of the frame."""
    x, y, radius = circle
    height, width = brightness.shape
    right, down = np.rint(np.array([x, y]) + 1.12 * radius * _AROUND).astype(int).T
    seen = (right >= 0) & (down >= 0) & (right < width) & (down < height)
    found = np.sort(brightness[down[seen], right[seen]]).astype(int)
    return int(found[(len(found) - 1) // 2] + found[len(found) // 2]) // 2 if len(found) >= 8 else 0  # the median


def _ends(picture: Channel, circle: tuple[float, float, float], row: int, border: int) -> bool:
    """Whether the disc is nearly as dark as the border above a level line, and not below it."""
    x, y, radius = circle
    first = max(0, int(np.ceil(y - 0.97 * radius)))
    if row - 2 - first < 2:
        return True
    half = 0.6 * np.sqrt(max(radius**2 - (row - y) ** 2, 0))
    columns = slice(max(0, int(x - half)), max(1, int(x + half) + 1))
    above, below = picture[first : row - 2, columns], picture[row + 4 : row + 9, columns]
    if not above.size or not below.size:  # the line lies at the border of the frame
        return True
    beyond, inside = above.mean(), below.mean()
    return bool(beyond - border < _DARK * (inside - border))


def _cut(picture: Channel, circle: tuple[float, float, float], known: float, border: int, keep: bool) -> float:
    """The first row of the field, where a level line cuts the disc off at the top; minus infinity where none does.

    Args:
        picture: uint8 (h, w).
        circle: x, y, radius.
        known: first row of the outline, where it has a straight side at the top.
        border: grey value of the border.
        keep: whether ``known`` is the answer where no cut is seen.
    """
    x, y, radius = circle
    # A side at the border of the frame is the frame's own: nothing can be seen beyond it.
    if np.isfinite(known) and (known < MARGIN or _ends(picture, circle, round(known), border)):
        keep = True
    first = max(_FAR, int(np.ceil(y - radius * np.sqrt(1 - _SHORTEST**2))))
    last = min(picture.shape[0] - 1 - _FAR, int(y - (1 - _DEEPEST) * radius))
    otherwise = known if keep else -np.inf
    if last <= first:
        return otherwise
    rows = np.arange(first, last + 1)
    half = np.sqrt(np.maximum(radius**2 - (rows - _NEAR - y) ** 2, 0)) - 3
    left, right = max(0, int(x - half.max())), min(picture.shape[1], int(x + half.max()) + 2)
    if right <= left:
        return otherwise
    chord = np.abs(np.arange(left, right) - x) < half[:, None]
    far_out, outside, inside, far_in = (
        picture[first + step : last + 1 + step, left:right].astype(np.int16) for step in (-_FAR, -_NEAR, _NEAR, _FAR)
    )
    drop = inside - outside
    falls = (drop >= _FALL) & (3 * (outside - border) < inside - border) & (3 * drop > 2 * (far_in - far_out)) & chord
    length = np.maximum(chord.sum(axis=1), 1)
    share = falls.sum(axis=1) / length
    least = np.where(np.abs(rows - known) <= 3, _KNOWN, _NEW)
    likely = (share >= least) & (length > _SHORTEST * radius)
    if not likely.any():
        return otherwise
    fall = np.where(likely, (drop * chord).sum(axis=1) / length, 0.0)
    if not fall.any():
        return otherwise
    return float(rows[fall >= 0.9 * fall.max()].mean()) + 0.5
