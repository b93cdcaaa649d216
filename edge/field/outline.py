"""Candidates for the field of view on a reduced frame: circles, cut off by straight lines.

The frame is cut at several brightness levels. The hull of the largest bright part at each is the rim of the disc,
straight pieces where the sensor or a letterbox cuts it, and whatever noise adds to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from edge.field.camera_cuts import cameras_own
from edge.field.circle_fit import (
    Outline,
    circle_points,
    fit_circle,
    in_frame,
    mean_sharpness,
    resample,
    sharpness_along,
)
from edge.field.shade import behind_shadow
from edge.field.straight_edges import Channel, Points, cut_corners, straight_sides, true_cuts

_LEVELS = (3, 6, 10, 16, 24, 36, 54)  # brightness levels tried, in grey values
_SAME = 0.03  # a part whose area differs by less than this share from the last one is the same part
_FAINT = 20.0  # quality below which a border that is not black is thought of
_SURE = 50.0  # quality above which no further level is tried
_CLEARLY = 1.1  # a higher level loses the darker part of the rim: its candidate must be better by this factor
_EVEN = 0.25  # how much an even border varies at most, as a share of how much brighter the field is
_SMALLEST = 0.025  # least area of a field, as a share of the frame
_SMALLEST_ON_GREY = 0.15  # on a border that is not black: less may be the optic disc on an evenly lit retina
_BAND = 3  # pixels at the border of a letterbox that smoothing has mixed with it
_LETTERBOXED = 0.92  # share of the frame that letterbox bands leave at most
_AT_RIM = np.arange(-3.0, 2.51, 0.5)  # pixels outwards of a circle between which the rim is looked for
_OPENING = np.ones((5, 5), np.uint8)


def best_outline(brightness: Channel) -> Outline | None:
    """The candidate with the sharpest rim, its radius set where the rim is steepest.

    Args:
        brightness: uint8 (h, w), smoothed, about 170 pixels on its long side.

    Returns:
        The outline in pixels of ``brightness``; None where no part is bright and large enough.
    """
    best, dimmest = _best_at(brightness, _LEVELS, _SMALLEST)
    if best is not None and (best.whole or best.quality < _FAINT):
        best = _best_at(brightness, _levels_above_border(brightness), _SMALLEST_ON_GREY, best)[0]
    if best is not None and best.whole:
        best = _inside_letterbox(brightness, best)
    if best is None:
        return None
    best = behind_shadow(brightness, best, dimmest)
    if not best.whole:
        best = _on_the_rim(brightness, best)
    box = true_cuts(brightness, (best.x, best.y, best.radius), best.box, best.whole)
    best = cameras_own(brightness, replace(best, box=box))
    corners = cut_corners(brightness, best.box) if best.whole else None
    return best if corners is None else replace(best, x=corners[0], y=corners[1], radius=corners[2])


def _best_at(
    brightness: Channel, levels: Sequence[int], smallest: float, best: Outline | None = None
) -> tuple[Outline | None, Outline | None]:
    """The best candidate at some levels, or the one at hand, of those hardly different the one of the lowest level.

    Returns:
        That candidate, and the one of the lowest level.
    """
    first = None
    for part in _bright_parts(brightness, levels, smallest * brightness.size):
        outline = _outline(brightness, part)
        first = first or outline
        if best is None or outline.quality > _CLEARLY * best.quality:
            best = outline
            if best.quality > _SURE:
                break
    return best, first


def _inside_letterbox(brightness: Channel, whole: Outline) -> Outline:
    """The disc on a border that is not black, between black bands: a letterboxed or equalised frame.

    The bands hide the border from ``_levels_above_border``, and what they leave is a rectangle without a rim. A disc in
    it is believed only where its rim is sharp and nearly as wide as the rectangle; a retina that fills it has none.
    """
    left, top, right, bottom = (round(v) for v in whole.box)
    inside = brightness[top + _BAND : bottom + 1 - _BAND, left + _BAND : right + 1 - _BAND]
    if min(inside.shape) < 32 or inside.size > _LETTERBOXED * brightness.size:
        return whole
    otsu = int(cv2.threshold(inside, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0])
    border = int(np.median(np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])))
    disc = _best_at(inside, sorted({otsu, *(border + level for level in _LEVELS[1:])}), _SMALLEST_ON_GREY)[0]
    if disc is None or disc.whole or disc.quality < _FAINT or 2 * disc.radius < 0.8 * min(inside.shape):
        return whole
    corner = np.array([left, top]) + _BAND
    return replace(disc, x=disc.x + corner[0], y=disc.y + corner[1], box=whole.box, hull=disc.hull + corner)


def _levels_above_border(brightness: Channel) -> list[int]:
    """Levels for a border that is not black; none where the frame has no even border."""
    cells = cv2.resize(brightness, (16, 16), interpolation=cv2.INTER_AREA)
    around = np.sort(np.concatenate([cells[0], cells[-1], cells[1:-1, 0], cells[1:-1, -1]])).astype(int)
    border, spread = int(around[30]), int(around[54] - around[6])
    if border < _LEVELS[2] or spread > _EVEN * (int(cells.max()) - border):
        return []
    otsu = int(cv2.threshold(brightness, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0])
    return sorted({otsu, *(border + level for level in _LEVELS[1:])})


def _bright_parts(brightness: Channel, levels: Sequence[int], smallest: float) -> Iterator[Points]:
    """Cut the frame at each level; the hulls of the largest bright parts, without those that hardly differ."""
    last = 0.0
    for level in levels:
        bright = cv2.threshold(brightness, level, 255, cv2.THRESH_BINARY)[1]
        bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, _OPENING)
        contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        contour = max(contours, key=cv2.contourArea, default=None)
        if contour is None or cv2.contourArea(contour) < smallest:
            break  # higher levels leave less
        hull = cv2.convexHull(contour)
        area = cv2.contourArea(hull)
        if abs(area - last) > _SAME * last:
            yield hull[:, 0, :].astype(np.float64)
            last = area


def _outline(brightness: Channel, polygon: Points) -> Outline:
    """Describe one bright part, given as a convex polygon: its circle and its cuts."""
    height, width = brightness.shape
    hull = resample(polygon)
    box, on_cut = straight_sides(hull, height, width)
    rim = hull[~on_cut]
    circle = None
    if len(rim) > 0.15 * len(hull):
        circle = fit_circle(rim, np.fmax(sharpness_along(brightness, rim, hull.mean(axis=0)), 0) + 1)
    if circle is None or circle[2] > 1.5 * max(height, width):
        # No rim in sight: the disc is larger than the frame, and all that is bright is field.
        left, top = hull.min(axis=0)
        right, bottom = hull.max(axis=0)
        radius = float(np.hypot(right - left, bottom - top)) / 2 + 1
        seen = mean_sharpness(brightness, hull, hull.mean(axis=0))
        middle = (left + right) / 2, (top + bottom) / 2
        return Outline(*middle, radius, (left, top, right, bottom), 0.3 * seen, hull, True)
    x, y, radius, inliers = circle
    seen = mean_sharpness(brightness, circle_points(x, y, radius, box), np.array([x, y]))
    return Outline(x, y, radius, box, seen * inliers, hull)


def _on_the_rim(brightness: Channel, outline: Outline) -> Outline:
    """The circle moved to where brightness is half way between field and border.

    The outline itself lies too far out where the field is bright and too far in where it is dark: smoothing and a low
    level push it there. A rim that is hardly in the frame, or cut away, leaves it as it is.
    """
    points = circle_points(outline.x, outline.y, outline.radius, outline.box)
    rays = (points - (outline.x, outline.y)) / outline.radius
    seen = in_frame(points + 3 * rays, *brightness.shape)
    if np.count_nonzero(seen) < 12:
        return outline
    rays = rays[seen]
    across = (points[seen, 0] + _AT_RIM[:, None] * rays[:, 0]).astype(np.float32)
    down = (points[seen, 1] + _AT_RIM[:, None] * rays[:, 1]).astype(np.float32)
    fall = np.minimum.accumulate(cv2.remap(brightness, across, down, cv2.INTER_LINEAR)).astype(np.float64)
    middle = (fall[0] + fall[-1]) / 2
    last = (fall > middle).sum(axis=0).clip(1, len(_AT_RIM) - 1)
    each = np.arange(len(rays))
    above, below = fall[last - 1, each], fall[last, each]
    offsets = _AT_RIM[last - 1] + 0.5 * ((above - middle) / np.maximum(above - below, 1e-6)).clip(0, 1)
    terms = np.column_stack([rays, np.ones(len(rays))])
    weights = (fall[0] - fall[-1]).clip(0, 30)
    hold = np.diag([0.1, 0.1, 0.0]) * weights.sum() + 1e-6 * np.eye(3)  # a short arc does not move the middle
    shift = np.zeros(3)
    for _ in range(2):
        kept = weights * (np.abs(offsets - terms @ shift) < 2)
        shift = np.linalg.solve(terms.T @ (kept[:, None] * terms) + hold, terms.T @ (kept * offsets))
    return replace(outline, x=outline.x + shift[0], y=outline.y + shift[1], radius=outline.radius + shift[2])
