"""Which field of a screening protocol a photograph is, in disc diameters.

Distances in disc diameters are the same on every camera; where no disc is seen, or too little of it, there are none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Region
from edge.findings.landmarks import Landmark

FieldKind = Literal["macula", "disc", "other"]

_TOLD = 0.3  # chance of a landmark from which its place is told
# A disc that is hardly seen looks smaller than it is: below this diameter, field radii, only a sure one gives a scale.
_SMALL, _SURE = 0.15, 0.8
_CENTRED = 1.5  # disc diameters from the middle within which a photograph is centred on a landmark
_CENTRED_RADII = 0.45  # the same in field radii, where no disc gives the scale


@dataclass(frozen=True)
class FieldDefinition:
    """What a photograph is centred on, and how far what matters is from its middle and its edge.

    Attributes:
        kind: ``macula`` or ``disc``, whichever lies near the middle; else ``other``.
        fovea, disc: centre, in disc diameters from the middle of the field, x to the right and y down; None where it
            is not seen, and where no disc gives the scale.
        width: of the field, in disc diameters; None where no disc gives the scale.
        disc_to_edge: from the rim of the disc to the nearest edge of the field, in disc diameters; negative where it
            is cut.
    """

    kind: FieldKind
    fovea: tuple[float, float] | None
    disc: tuple[float, float] | None
    width: float | None
    disc_to_edge: float | None


def define_field(landmarks: Mapping[Region, Landmark], field: NDArray[np.bool_]) -> FieldDefinition:
    """The field definition of landmarks in a field, bool (grid, grid)."""
    disc, fovea = (_told(landmarks.get(name)) for name in ("disc", "macula"))
    away = {"disc": _distance(disc), "macula": _distance(fovea)}
    nearest: FieldKind = "macula" if away["macula"] <= away["disc"] else "disc"
    scale = disc.diameter if disc is not None and (disc.diameter >= _SMALL or disc.chance >= _SURE) else None
    limit = _CENTRED_RADII if scale is None else _CENTRED * scale
    kind: FieldKind = nearest if away[nearest] <= limit else "other"
    if disc is None or scale is None:
        return FieldDefinition(kind, None, None, None, None)
    return FieldDefinition(
        kind,
        None if fovea is None else (fovea.x / scale, fovea.y / scale),
        (disc.x / scale, disc.y / scale),
        2 / scale,
        _to_edge(disc, field) / scale - 0.5,
    )


def _told(landmark: Landmark | None) -> Landmark | None:
    return landmark if landmark is not None and landmark.chance >= _TOLD else None


def _distance(landmark: Landmark | None) -> float:
    return math.inf if landmark is None else math.hypot(landmark.x, landmark.y)


def _to_edge(landmark: Landmark, field: NDArray[np.bool_]) -> float:
    """From the centre of a landmark to the nearest edge of the field, in field radii; 0 outside."""
    grid = len(field)
    inside = cv2.copyMakeBorder(field.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distances = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    x, y = ((place + 1) / 2 * grid + 0.5 for place in (landmark.x, landmark.y))  # of the padded grid
    return max(float(cv2.getRectSubPix(distances, (1, 1), (x, y))[0, 0]) - 0.5, 0.0) * 2 / grid
