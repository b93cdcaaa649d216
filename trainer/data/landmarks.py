"""Disc and macula: where they are in a photograph, and the regions that count more in the score."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError

_COLUMNS = ("path", "disc_cx", "disc_cy", "disc_w", "disc_h")
# The fovea lies about 2.5 disc diameters from the middle of the disc, and a third of a diameter below it.
_AWAY, _BELOW = 2.5, 0.3
_FARTHEST = 100_000  # pixels: no photograph is so wide


@dataclass(frozen=True)
class Landmarks:
    """Places in pixels of some picture; ``radius`` is that of the disc."""

    disc: tuple[float, float]
    radius: float
    macula: tuple[float, float]

    def moved(self, x: float, y: float, scale: float) -> Landmarks:
        """The same places in a cut-out that begins at (x, y) and was scaled by ``scale``."""
        (a, b), (c, d) = self.disc, self.macula
        return Landmarks(((a - x) * scale, (b - y) * scale), self.radius * scale, ((c - x) * scale, (d - y) * scale))

    def shown(self, size: int) -> bool:
        """Whether a square of this size shows the disc; not where it was marked on a copy of another size, say."""
        return all(0 <= place <= size for place in self.disc) and 2 * self.radius <= size


@dataclass(frozen=True)
class Mark:
    """What a table says of one photograph: its disc in pixels (centre x, y, radius), and the set it comes from."""

    disc: tuple[float, float, float] | None = None
    source: str = ""


def read_discs(table: Path) -> dict[Path, Mark]:
    """Optic discs of photographs.

    Args:
        table: CSV with the columns path (relative to the CSV), disc_cx, disc_cy, disc_w, disc_h, and maybe source,
            where one folder holds several sets; a line whose places are empty says nothing of the disc.

    Raises:
        EdgeError: the file cannot be read, lacks a column, or holds what is no place in a photograph.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
        found = {}
        for row in rows:
            path, x, y, width, height = (row[name].strip() for name in _COLUMNS)
            place = (float(x), float(y), (float(width) + float(height)) / 4) if x or y or width or height else None
            if place and (not all(map(math.isfinite, place)) or place[2] <= 0):
                raise ValueError(f"the disc of {path!r} has no size")
            if place and max(map(abs, place)) > _FARTHEST:
                raise ValueError(f"the disc of {path!r} lies beyond any photograph")
            found[table.parent / path] = Mark(place, (row.get("source") or "").strip().lower())
        return found
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError, ValueError) as error:
        raise EdgeError(f"{table} cannot be read as {','.join(_COLUMNS)} ({error}): fix it, or remove it.") from error


def landmarks_of(disc: tuple[float, float, float], middle: float) -> Landmarks | None:
    """Both landmarks of an upright photograph from its disc; None where the disc lies in the middle of the field.

    Args:
        disc: centre (x, y) and radius.
        middle: x of the middle of the field: the macula lies on that side of the disc.
    """
    x, y, radius = disc
    if abs(middle - x) < 2 * radius:
        return None
    side = math.copysign(1.0, middle - x)
    return Landmarks((x, y), radius, (x + side * 2 * radius * _AWAY, y + 2 * radius * _BELOW))


def paint_regions(landmarks: Landmarks, size: int) -> NDArray[np.uint8]:
    """The regions of disc (up to 1.3 of its radius) and macula (up to one disc diameter from the fovea).

    Returns:
        uint8 (size, size, 2), 255 inside: disc, macula.
    """
    regions = np.zeros((2, size, size), np.uint8)
    for layer, (x, y), radius in (
        (regions[0], landmarks.disc, 1.3 * landmarks.radius),
        (regions[1], landmarks.macula, 2.0 * landmarks.radius),
    ):
        cv2.circle(layer, (round(x * 16), round(y * 16)), round(radius * 16), 255, -1, cv2.LINE_AA, 4)
    return np.ascontiguousarray(regions.transpose(1, 2, 0))
