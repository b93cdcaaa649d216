"""The camera's field as a session, or a batch, has learned it from its clearest frames.

It grows with every frame that shows more of it. It gets smaller only where no shadow can be the reason: after the eye
was gone, or where frame after frame shows the same retina smaller than before, within a whole rim of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.field import MASK_SIZE, Field, find_field
from edge.magnified import View, size_since, view_of

_RASTER = 96  # cells along the long side of a frame, to compare two fields on
_SAME = 0.97  # share of one field that lies in another, from which it belongs to it
_AS_WIDE, _AS_LARGE = 0.95, 0.75  # of the known field: one that has moved may hang out of the frame a little
_LIT = 0.95  # coverage from which a frame shows the whole field
_WHOLE = 0.97  # of a circle, or of the shape that the field had, that a whole rim goes around
_RUN = 12  # frames in which a smaller rim must agree

Frame = NDArray[np.uint8]


class LearnedField:
    """The largest field that a clear frame has shown whole; a frame that shows a part of it hides the rest."""

    def __str__(self) -> str:
        return "learn"

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Learn anew: the eye was gone, and the next frames may come through another lens."""
        self._known: Field | None = None
        self._size: tuple[int, int] = (0, 0)
        self._view: View | None = None  # of the last clear frame that showed the whole field
        self._smaller: Field | None = None  # what the last frame said of a smaller field, ...
        self._run = 0  # ... and how many agreed

    def of(self, frame: Frame) -> Field | None:
        """The known field where the frame shows a part of it, or something smaller elsewhere; its own otherwise."""
        own, known = find_field(frame), self._known
        if own is None or known is None or frame.shape[:2] != self._size:
            return own
        if share_within(known, own, self._size) >= _SAME:
            return own  # a frame that shows the whole field tells its place best
        part = share_within(own, known, self._size) >= _SAME
        if not part and own.crop.side >= _AS_WIDE * known.crop.side and _area(own) >= _AS_LARGE * _area(known):
            return own
        if self._view is not None and self._is_smaller(frame, own, known, self._view):
            self._known, self._view = own, view_of(frame, own.crop)
            self._smaller, self._run = None, 0
        return self._known

    def learn(self, frame: Frame, seen: Field, coverage: float) -> None:
        """Take note of a frame that turned out good or usable."""
        size = frame.shape[0], frame.shape[1]
        if coverage < _LIT or seen is self._known:
            return
        self._smaller, self._run = None, 0
        self._view = view_of(frame, seen.crop)
        if self._known is None or size != self._size:
            self._known, self._size = seen, size
        elif share_within(seen, self._known, size) < _SAME and _area(seen) >= _SAME * _area(self._known):
            self._known = seen

    def _is_smaller(self, frame: Frame, own: Field, known: Field, view: View) -> bool:
        """Whether the last frames have shown all of a smaller field, and not a part of the known one, as in a shadow.

        Such a frame is clear enough: it is very like the last clear one.
        """
        if not _is_whole(own, known):
            self._smaller, self._run = None, 0
            return False
        size = size_since(view, frame, own.crop)
        if size == "unknown":
            return False
        before, self._smaller = self._smaller, own
        if size == "same" or before is None or not _agree(own, before, self._size):
            self._run = 0
        self._run += size == "smaller"
        return self._run >= _RUN


def share_within(inner: Field, outer: Field, size: tuple[int, int]) -> float:
    """The share of one field that lies in another, in a frame of this height and width."""
    one, other = (_raster(each, size) for each in (inner, outer))
    return float((one & other).sum()) / max(int(one.sum()), 1)


def _agree(one: Field, other: Field, size: tuple[int, int]) -> bool:
    return min(share_within(one, other, size), share_within(other, one, size)) >= _SAME - 0.03


def _area(field: Field) -> float:
    """In pixels of the frame."""
    return float((field.mask > 0).mean()) * field.crop.side**2


def _is_whole(field: Field, known: Field) -> bool:
    """Whether a field is round, or as round as the one that is known: nothing hides a side of it."""
    filled = field.mask > 0
    rows, columns = (np.flatnonzero(filled.any(axis=axis)) for axis in (1, 0))
    ellipse = np.pi / 4 * len(rows) * len(columns)
    return bool(filled.sum() >= _WHOLE * ellipse) or bool((filled == (known.mask > 0)).mean() >= _WHOLE)


def _raster(seen: Field, size: tuple[int, int]) -> NDArray[np.bool_]:
    """A field on a coarse grid over the whole frame."""
    step = max(size) / _RASTER
    places = []
    for length, start in ((size[0], seen.crop.y), (size[1], seen.crop.x)):
        middles = (np.arange(int(np.ceil(length / step))) + 0.5) * step
        places.append(np.floor((middles - start) * MASK_SIZE / seen.crop.side).astype(int))
    rows, columns = places
    inside = np.outer((rows >= 0) & (rows < MASK_SIZE), (columns >= 0) & (columns < MASK_SIZE))
    lit = seen.mask[np.ix_(rows.clip(0, MASK_SIZE - 1), columns.clip(0, MASK_SIZE - 1))] > 0
    return np.asarray(inside & lit, dtype=np.bool_)
