"""The finder of the field of view in the library."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.abi import structures as c
from edge.abi.frames import Planes, c_frame
from edge.abi.library import check


@dataclass(frozen=True, eq=False)
class FoundField:
    """What the finder says of a frame.

    Attributes:
        blank: it is black, of one colour, or too small to show a field.
        crop: x, y and side of the square around the field, in pixels; None where there is none.
        mask: uint8 (256, 256) over the crop, 255 in the field.
        aside: small and far from the middle of the frame.
    """

    blank: bool
    crop: tuple[int, int, int] | None
    mask: NDArray[np.uint8]
    aside: bool


def find_field(library: ctypes.CDLL, frame: Planes) -> FoundField:
    """Find the field of view.

    Args:
        library: the loaded one.
        frame: where its pixels lie.

    Raises:
        ValueError: an argument was refused.
    """
    into, mask = _room()
    check(library, library.efiqa_find_field(c_frame(frame), into, mask.ctypes.data, mask.size))
    return _found(into, mask)


def circle_field(library: ctypes.CDLL, circle: tuple[float, float, float], size: tuple[int, int]) -> FoundField:
    """The field of a circle (x, y, radius) in pixels, in a frame of this width and height.

    Raises:
        ValueError: an argument was refused.
    """
    into, mask = _room()
    check(library, library.efiqa_circle_field(*circle, *size, into, mask.ctypes.data, mask.size))
    return _found(into, mask)


def _room() -> tuple[c.Field, NDArray[np.uint8]]:
    return c.Field(), np.empty((c.FIELD_MASK, c.FIELD_MASK), np.uint8)


def _found(field: c.Field, mask: NDArray[np.uint8]) -> FoundField:
    crop = (field.crop.x, field.crop.y, field.crop.side) if field.found else None
    return FoundField(bool(field.blank), crop, mask, bool(field.aside))
