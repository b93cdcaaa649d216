"""The camera's field as a session, or a batch, has learned it from its clearest frames.

It grows where a few clear frames in a row show more of it. It gets smaller only where no shadow can be the reason:
after the eye was gone, where frame after frame shows the same retina smaller than before, within a whole rim of its
own, or where it shows again what many clear frames had shown before only a few were lit beyond that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.field.find import MASK_SIZE, Field, find_field, find_sure_field
from edge.field.magnified import MagnifiedView, size_since, view_of
from edge.images.raw import Image

_RASTER = 96  # cells along the long side of a frame, to compare two fields on
_SAME = 0.97  # share of one field that lies in another, from which it belongs to it
_ALIKE = _SAME - 0.03  # of each in the other: two fields are one, but for a hand that shakes
_AS_WIDE, _AS_LARGE = 0.95, 0.75  # of the known field: one that has moved may hang out of the frame a little
_LIT = 0.95  # coverage from which a frame shows the whole field
_WHOLE = 0.97  # of a circle, or of the shape that the field had, that a whole rim goes around
_RUN = 12  # frames in which a smaller rim must agree, or the one from before a few saw a larger one
_REST = 5  # frames that are not looked at closely after one that was not smaller
SURE = 4  # clear frames in a row that must agree on a first or a larger field: one alone may be lit beyond its rim
RIMLESS = 30  # so many for a larger one without a rim, as with light up to the border of the frame
_FULL = 0.98  # of its rectangle: a field without a rim


class LearnedField:
    """The largest field that clear frames have shown whole; a frame that shows a part of it hides the rest."""

    def __str__(self) -> str:
        return "learn"

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start over: the eye was gone, and the next frames may come through another lens."""
        self._known: Field | None = None
        self._size: tuple[int, int] = (0, 0)
        self._view: MagnifiedView | None = None  # of the last clear frame that showed the whole field
        self._seen = 0  # clear frames that showed the known field
        self._next: Field | None = None  # what the last clear frame showed of a first or larger field, ...
        self._agreed = 0  # ... and how many agreed
        self._former: Field | None = None  # what many clear frames had shown before the known one was larger, ...
        self._returned = 0  # ... and how many frames show it again
        self._smaller: Field | None = None  # what the last frame showed of a smaller field, ...
        self._run = 0  # ... and how many agreed
        self._rest = 0  # frames that are not looked at so closely: it takes as long as grading one

    def of(self, frame: Image) -> Field | None:
        """The known field where the frame shows a part of it, or something smaller elsewhere; its own otherwise."""
        known = self._known
        if known is None or frame.shape[:2] != self._size:
            return find_sure_field(frame)
        if (own := find_field(frame)) is None:
            return None
        of_known, of_own = shares_within(known, own, self._size)
        if of_known >= _SAME:
            return own  # a frame that shows the whole field gives its place best
        part = of_own >= _SAME
        if not part and own.crop.side >= _AS_WIDE * known.crop.side and _area(own) >= _AS_LARGE * _area(known):
            return own
        if self._is_former(own) or (self._view is not None and self._is_smaller(frame, own, known, self._view)):
            self._take(own, view_of(frame, own.crop))
        return self._known

    def learn(self, frame: Image, seen: Field, coverage: float) -> None:
        """Take note of a frame that turned out good or usable."""
        size = frame.shape[0], frame.shape[1]
        if size != self._size:
            self.forget()
            self._size = size
        if coverage < _LIT or seen is self._known:
            self._next, self._agreed = None, 0
            return
        self._smaller, self._run, self._returned = None, 0, 0
        known, before = self._known, self._next
        shares = (0.0, 0.0) if known is None else shares_within(seen, known, size)
        if known is not None and (shares[0] >= _SAME or _area(seen) < _SAME * _area(known)):
            self._next, self._agreed = None, 0
            self._view = view_of(frame, seen.crop)
            self._seen += min(shares) >= _ALIKE
            if self._seen >= _RUN:
                self._former = None
            return
        self._next = seen
        self._agreed = self._agreed + 1 if before is not None and _agree(seen, before, size) else 1
        if self._agreed >= (RIMLESS if known is not None and _is_rimless(seen) else SURE):
            former = known if self._seen >= _RUN else self._former
            self._take(seen, view_of(frame, seen.crop))
            self._former, self._seen = former, SURE

    def _take(self, field: Field, view: MagnifiedView) -> None:
        """This is the known field from now on."""
        self._known, self._view, self._seen = field, view, _RUN
        self._next, self._agreed = None, 0
        self._former, self._returned = None, 0
        self._smaller, self._run = None, 0

    def _is_former(self, own: Field) -> bool:
        """Whether the last frames have shown what many had shown before a few showed a larger field.

        Those few were lit beyond the rim. No shadow is so: many clear frames have shown this to be the whole field.
        """
        back = self._former is not None and _agree(own, self._former, self._size)
        self._returned = self._returned + 1 if back else 0
        return self._returned >= _RUN

    def _is_smaller(self, frame: Image, own: Field, known: Field, view: MagnifiedView) -> bool:
        """Whether the last frames have shown all of a smaller field, and not a part of the known one, as in a shadow.

        Such a frame is clear enough: it is very like the last clear one.
        """
        if not _is_whole(own, known):
            self._smaller, self._run = None, 0
            return False
        if self._rest:
            self._rest -= 1
            return False
        size = size_since(view, frame, own.crop)
        self._rest = 0 if size == "smaller" else _REST
        if size == "unknown":
            return False
        before, self._smaller = self._smaller, own
        if size == "same" or before is None or not _agree(own, before, self._size):
            self._run = 0
        self._run += size == "smaller"
        return self._run >= _RUN


def shares_within(one: Field, other: Field, size: tuple[int, int]) -> tuple[float, float]:
    """The share of each of two fields that lies in the other, in a frame of this height and width."""
    rasters = [_raster(each, size) for each in (one, other)]
    both = float((rasters[0] & rasters[1]).sum())
    return both / max(int(rasters[0].sum()), 1), both / max(int(rasters[1].sum()), 1)


def _agree(one: Field, other: Field, size: tuple[int, int]) -> bool:
    """Whether two fields are one."""
    return min(shares_within(one, other, size)) >= _ALIKE


def _area(field: Field) -> float:
    """In pixels of the frame."""
    return float((field.mask > 0).mean()) * field.crop.side**2


def _is_rimless(field: Field) -> bool:
    filled = field.mask > 0
    return bool(filled.sum() >= _FULL * filled.any(axis=0).sum() * filled.any(axis=1).sum())


def _is_whole(field: Field, known: Field) -> bool:
    """Whether a field is round, cut alike on opposite sides, or as the known one: nothing hides a side of it."""
    filled = field.mask > 0
    rows, columns = (np.flatnonzero(filled.any(axis=axis)) for axis in (1, 0))
    ellipse = np.pi / 4 * len(rows) * len(columns)
    turned = (float((filled & flipped).sum()) for flipped in (filled[::-1], filled[:, ::-1]))
    return (
        bool(filled.sum() >= _WHOLE * ellipse)
        or min(turned) >= _WHOLE * filled.sum()
        or bool((filled == (known.mask > 0)).mean() >= _WHOLE)
    )


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
