"""Words on a picture, in the typeface that comes with Pillow: OpenCV's own letters are hard to read when small."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]  # B, G, R
_DARK: Colour = (30, 30, 30)
_KEPT = 128  # lines: most of those of a video return in its next frame


def length_of(text: str, size: int) -> int:
    """Pixels that a line takes, at a letter size in pixels."""
    return int(_letters(text, size).shape[1])


def write(picture: NDArray[np.uint8], text: str, x: int, y: int, size: int, colour: Colour, rim: int = 0) -> None:
    """Write one line into a picture; what lies beyond its edges is left out.

    Args:
        picture: uint8 BGR, shape (H, W, 3); written into.
        text: one line.
        x, y: left end and middle of the line, in pixels; inside the picture.
        size: of the letters, in pixels.
        colour: B, G, R.
        rim: width of a dark rim, in pixels.
    """
    letters = _letters(text, size)
    if rim:
        around = cv2.dilate(letters, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
        _lay(picture, np.asarray(around, np.uint8), x, y, _DARK)
    _lay(picture, letters, x, y, colour)


def _lay(picture: NDArray[np.uint8], letters: NDArray[np.uint8], x: int, y: int, colour: Colour) -> None:
    top = y - letters.shape[0] // 2
    box = picture[max(top, 0) : top + letters.shape[0], x : x + letters.shape[1]]
    cover = letters[max(-top, 0) :][: box.shape[0], : box.shape[1], None]
    # In whole numbers: of floats this would take as long as laying the map.
    mixed = box * (255 - cover.astype(np.uint16)) + cover * np.array(colour, np.uint16)
    box[:] = (mixed + 127) // 255


@functools.lru_cache(_KEPT)
def _letters(text: str, size: int) -> NDArray[np.uint8]:
    """How much of each pixel a line covers: uint8 (2 * size, length), the middle of the line in that of the picture."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    cover = Image.new("L", (int(np.ceil(font.getlength(text))), 2 * size))
    ImageDraw.Draw(cover).text((0, size), text, 255, font, anchor="lm")
    return np.asarray(cover)
