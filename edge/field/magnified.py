"""Whether a camera shows the same retina smaller than before, as after a zoom, and not a part of it, as in a shadow.

The rim alone does not tell: a round shadow with a sharp edge looks like a smaller field. But a shadow leaves what is
still seen as large as it was, and a lens does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.field.find import Crop
from edge.field.resample import resize
from edge.images.raw import Image, structure_of

_SIDE = 160  # pixels across the view that is compared
_PARTS = (0.55, 0.38)  # of a field's diameter: the squares in its middle that are looked for, one whole when cut close
_ABOUT = tuple(0.88 * 1.033**step for step in range(22))  # of what the rims say: too little where the frame cuts one
_LEAST = 1.04  # by how much it must be smaller to be noticed
_ALIKE, _SAME = 0.6, 0.4  # correlation from which it is the same retina, smaller or as large as it was
_CLEARLY = 0.1  # by how much more it must be alike at another size than at the same

Picture = NDArray[np.float32]
Size = Literal["smaller", "same", "unknown"]


@dataclass(frozen=True, eq=False)
class MagnifiedView:
    """What a frame showed of the retina: green, or luma of YUV, float32 (h, w), of the square ``crop`` of the frame."""

    green: Picture
    crop: Crop


def view_of(frame: Image, crop: Crop) -> MagnifiedView:
    """The view of a square of a frame: a sample of its pixels, black beyond the frame."""
    step = max(1, crop.side // (2 * _SIDE))
    (down, rows), (across, columns) = (
        _inside(start, crop.side, step, length) for start, length in zip((crop.y, crop.x), frame.shape, strict=False)
    )
    whole = len(range(0, crop.side, step))
    green = np.zeros((whole, whole), np.float32)
    part = structure_of(frame, rows, columns)
    green[down : down + part.shape[0], across : across + part.shape[1]] = part
    return MagnifiedView(green, crop)


def _inside(start: int, side: int, step: int, length: int) -> tuple[int, slice]:
    """Every ``step``-th place of a line that lies in a frame, and how many of them lie before it."""
    before = min(max(0, -(start // step)), len(range(0, side, step)))
    first, end = start + before * step, min(start + side, length)
    return before, slice(first, end, step) if first < end else slice(0, 0)


def size_since(before: MagnifiedView, frame: Image, crop: Crop) -> Size:
    """How large a frame shows, in the square ``crop`` of a smaller field, what was seen before in a larger one.

    Returns:
        ``smaller`` or ``same``; ``unknown`` where it is no part of what was seen before.
    """
    reference = _structure(before.green, _SIDE)
    found = (_size_of(reference, before.crop, frame, crop, part) for part in _PARTS)
    return next((size for size in found if size != "unknown"), "unknown")


def _size_of(reference: Picture, before: Crop, frame: Image, crop: Crop, part: float) -> Size:
    """The same, from a part of the smaller field."""
    margin = round(crop.side * (1 - part) / 2)
    middle = view_of(frame, Crop(crop.x + margin, crop.y + margin, crop.side - 2 * margin))
    side = middle.crop.side / before.side * _SIDE  # of the part, where it is as large as it was
    rims = before.side / crop.side
    sizes = [rims * about for about in _ABOUT if rims * about >= _LEAST and side * rims * about < 0.9 * _SIDE]
    smaller = max((_likeness(reference, middle.green, side * size) for size in sizes), default=0.0)
    same = _likeness(reference, middle.green, side)
    if smaller >= max(_ALIKE, same + _CLEARLY):
        return "smaller"
    return "same" if same >= max(_SAME, smaller) else "unknown"


def _likeness(reference: Picture, part: Picture, side: float) -> float:
    """How much a part, drawn so large, is like the most similar place of a reference."""
    drawn = _structure(part, max(8, round(side)))
    return float(cv2.matchTemplate(reference, drawn, cv2.TM_CCOEFF_NORMED).max())


def _structure(green: Picture, side: int) -> Picture:
    """Vessels, disc and macula without the slow changes of light, at this size."""
    small = resize(green, (side, side))
    smooth = cv2.GaussianBlur(small, (0, 0), _SIDE / 32)
    return np.asarray((small - smooth) / (smooth + 8), np.float32)
