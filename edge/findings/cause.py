"""A cause: why a region of a frame is lost, how much of the field, and where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

CauseCode = Literal["too_dark", "edge_shadow", "too_bright", "reflex", "lid", "haze", "blur"]
CAUSES: tuple[CauseCode, ...] = get_args(CauseCode)

_CENTRE = 0.1  # field radii from the middle within which no hour is nearer than another


@dataclass(frozen=True)
class Cause:
    """Why a part of the field is lost.

    Attributes:
        code: what took it: ``too_dark``, ``edge_shadow``, ``too_bright``, ``reflex``, ``lid``, ``haze`` or ``blur``.
        share: of the field, in [0, 1]; what none of the causes took is in no share.
        clock: where the middle of that part is, 1 to 12 as on the face of a clock; None in the middle of the field.
        radius: how far from the middle of the field, in field radii.
    """

    code: CauseCode
    share: float
    clock: int | None
    radius: float

    @property
    def place(self) -> str:
        """The place in words, such as ``3 o'clock``."""
        return "centre" if self.clock is None else f"{self.clock} o'clock"


def clock_at(x: float, y: float) -> tuple[int | None, float]:
    """Clock position and radius of a place in field radii, x to the right and y down."""
    radius = math.hypot(x, y)
    hour = round(math.degrees(math.atan2(x, -y)) / 30) % 12 or 12
    return (None if radius < _CENTRE else hour), round(radius, 2)
