"""Which field of view a frame is judged by: its own, one that a maker gives, or one learned from the clearest frames.

A single photograph must tell by itself where the camera's field ends. A maker knows, and a session learns: then a
shadow with an edge as sharp as a rim is a shadow all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.bundle.manifest import LEAST_RADIUS
from edge.errors import EdgeError, MisfitError
from edge.field.find import MASK_SIZE, Crop, Field, field_of_circle, find_sure_field, is_blank
from edge.field.learned import LearnedField
from edge.field.whole import whole_field
from edge.images import read_image
from edge.images.raw import Image

SETTINGS = "circle:X,Y,R (pixels of the frame), a mask file, learn, or frame"
_CIRCLE = re.compile(r"circle:([-+]?\d{1,9}(?:\.\d*)?),([-+]?\d{1,9}(?:\.\d*)?),(\+?\d{1,9}(?:\.\d*)?)", re.ASCII)
_GREY = 0.1  # share of a mask that may be neither white nor black


class FieldOfView(Protocol):
    """Says where the field of a frame is; as a string, how it was given."""

    def of(self, frame: Image) -> Field | None:
        """The field of a frame, uint8 BGR (H, W, 3) or as a camera gave it; None where nothing is seen."""

    def learn(self, frame: Image, seen: Field, coverage: float) -> None:
        """Take note of a frame that turned out good or usable: what its field was, and how much of that was lit."""

    def forget(self) -> None:
        """The eye was gone: the next frames may come through another lens."""


@dataclass(frozen=True)
class OwnField:
    """The field that each frame shows by itself, or all of it.

    Attributes:
        whole: all of it.
    """

    whole: bool = False

    def __str__(self) -> str:
        return "whole" if self.whole else "frame"

    def of(self, frame: Image) -> Field | None:
        return whole_field(frame) if self.whole else find_sure_field(frame)

    def learn(self, frame: Image, seen: Field, coverage: float) -> None:
        """Nothing is kept from one frame to the next."""

    def forget(self) -> None:
        """Nothing was kept."""


@dataclass(frozen=True)
class Circle:
    """The same circle in every frame, in pixels."""

    x: float
    y: float
    radius: float

    def __str__(self) -> str:
        return f"circle:{self.x:g},{self.y:g},{self.radius:g}"

    def of(self, frame: Image) -> Field | None:
        """See ``FieldOfView``.

        Raises:
            MisfitError: its middle does not lie in the frame, or it is larger than that.
        """
        height, width = frame.shape[:2]
        if not (0 <= self.x < width and 0 <= self.y < height) or self.radius > max(height, width):
            raise MisfitError(
                f"the field {self} does not lie in a frame of {width} x {height} "
                "pixels: give X, Y and R of the circle in pixels of the frame."
            )
        return None if is_blank(frame) else field_of_circle(self.x, self.y, self.radius, (height, width))

    def learn(self, frame: Image, seen: Field, coverage: float) -> None:
        """It is given."""

    def forget(self) -> None:
        """It stays."""


@dataclass(frozen=True, eq=False)
class Mask:
    """The same mask in every frame: bool (H, W)."""

    name: str
    shape: NDArray[np.bool_] = field(repr=False)

    def __str__(self) -> str:
        return self.name

    def of(self, frame: Image) -> Field | None:
        """See ``FieldOfView``.

        Raises:
            MisfitError: the frame has another size.
        """
        if frame.shape[:2] != self.shape.shape:
            (high, wide), (height, width) = self.shape.shape, frame.shape[:2]
            raise MisfitError(
                f"{self.name} is a mask of {wide} x {high} pixels, the frame has {width} x {height}: give a mask of "
                "the size of the frames as they are graded, turned upright and with square pixels."
            )
        return None if is_blank(frame) else _around(self.shape)

    def learn(self, frame: Image, seen: Field, coverage: float) -> None:
        """It is given."""

    def forget(self) -> None:
        """It stays."""


def field_setting(setting: str | Path) -> FieldOfView:
    """Parse the field setting of a user or a bundle.

    Args:
        setting: ``circle:X,Y,R`` in pixels of the frame, the path of a mask (white inside), ``learn``, ``frame`` or
            ``whole``: all of each frame, as scans without a rim have it.

    Raises:
        EdgeError: it is none of these, or the mask cannot be read, is empty, or is no mask.
    """
    if not isinstance(setting, (str, Path)):
        raise EdgeError(f"the field cannot be a {type(setting).__name__}: give {SETTINGS}.")
    text = str(setting)
    if text == "frame":
        return OwnField()
    if text == "whole":
        return OwnField(whole=True)
    if text == "learn":
        return LearnedField()
    if (found := _CIRCLE.fullmatch(text.replace(" ", ""))) is not None:
        circle = Circle(*(float(each) for each in found.groups()))
        if circle.radius < LEAST_RADIUS:
            raise EdgeError(f"the field {text} has a radius of less than {LEAST_RADIUS} pixels: give {SETTINGS}.")
        return circle
    if text.startswith("circle") or not _is_file(text):
        raise EdgeError(f"{_no_mask(text)}: give {SETTINGS}.")
    return Mask(text, _read_mask(text))


def _is_file(path: str) -> bool:
    """Also of names that the file system refuses."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def _no_mask(text: str) -> str:
    """Why a text is no setting; a path is recognised by its form."""
    path = Path(text)
    if text.startswith("circle") or not (path.suffix or len(path.parts) > 1):
        return f"the field {text or 'with an empty name'} is not known"
    return f"the mask {text} is no file" if _exists(path) else f"there is no mask {text}"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _read_mask(path: str) -> NDArray[np.bool_]:
    drawn = read_image(path).max(axis=2)
    white = drawn > (0 if drawn.max() == 1 else 127)  # programs write 0 and 1
    if ((drawn > 40) & (drawn < 215)).mean() > _GREY:
        raise EdgeError(f"{path} is a picture, not a mask: draw the field white on black.")
    if white.mean() < 0.01:
        raise EdgeError(f"{path} is a mask with hardly a white pixel: draw the field white on black.")
    return np.asarray(white, dtype=np.bool_)


def _around(shape: NDArray[np.bool_]) -> Field:
    """The field of a mask over a whole frame."""
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    side = int(max(bottom - top, right - left))
    crop = Crop(int(left + right - side) // 2, int(top + bottom - side) // 2, side)
    square = np.zeros((side, side), np.uint8)
    square[top - crop.y : bottom - crop.y, left - crop.x : right - crop.x] = shape[top:bottom, left:right] * np.uint8(
        255
    )
    mask = cv2.resize(square, (MASK_SIZE, MASK_SIZE), interpolation=cv2.INTER_AREA)
    return Field(crop, np.asarray(mask >= 128, dtype=np.uint8) * np.uint8(255))
