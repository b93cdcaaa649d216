"""What the pictures of the README are drawn with: cards of a dark screen, in the typeface that comes with Pillow."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edge.assessment import Assessment, Verdict, shown_score
from edge.overlay import draw_overlay

GROUND, PANEL, INK, DIM, LINE = "#0b0d10", "#171b21", "#f4f6f8", "#a9b4c0", "#3a4552"
COLOURS: dict[Verdict, str] = {"good": "#2ec4a0", "usable": "#f0b030", "reject": "#ff8a4c", "no_fundus": "#b8c0c8"}
WORDS: dict[Verdict, str] = {
    "good": "Good", "usable": "Usable", "reject": "Not good enough", "no_fundus": "No retina seen",
}  # fmt: skip


def overlay(frame: NDArray[np.uint8], assessment: Assessment, width: int) -> Image.Image:
    """A frame under its map, at this width."""
    drawn = draw_overlay(frame, assessment, caption=False)
    height = round(drawn.shape[0] * width / drawn.shape[1])
    small = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
    return Image.fromarray(np.ascontiguousarray(small[:, :, ::-1]))


def write(brush: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, colour: str = INK) -> None:
    """One line; ``at`` is its left end and middle."""
    brush.text(at, text, colour, ImageFont.load_default(size), anchor="lm")


def length(text: str, size: int) -> float:
    """Pixels that a line takes."""
    return ImageFont.load_default(size).getlength(text)


def verdict_line(
    brush: ImageDraw.ImageDraw, at: tuple[float, float], verdict: Verdict, score: float, size: int
) -> None:
    """Sign, verdict and score, each in the colour of the verdict."""
    sign(brush, (at[0] + size * 0.45, at[1]), verdict, size * 0.45)
    write(brush, (at[0] + size * 1.2, at[1]), WORDS[verdict], size, COLOURS[verdict])
    behind = at[0] + size * 1.2 + length(f"{WORDS[verdict]}  ", size)
    write(brush, (behind, at[1] + size * 0.08), shown_score(score), round(size * 0.75), DIM)


def sign(brush: ImageDraw.ImageDraw, middle: tuple[float, float], verdict: Verdict, half: float) -> None:
    """A tick for what may be kept, a cross for what may not, a ring for nothing: no meaning hangs on colour alone."""
    (x, y), colour, wide = middle, COLOURS[verdict], max(2, round(half / 3))
    if verdict == "no_fundus":
        brush.ellipse((x - half, y - half, x + half, y + half), outline=colour, width=wide)
    elif verdict == "reject":
        for way in (1, -1):
            brush.line((x - half, y - way * half, x + half, y + way * half), colour, wide)
    else:
        brush.line((x - half, y, x - half * 0.25, y + half * 0.75, x + half, y - half * 0.75), colour, wide, "curve")


def meter(brush: ImageDraw.ImageDraw, box: tuple[int, int, int, int], assessment: Assessment, usable: float) -> None:
    """The score as a bar, with the threshold from which a frame is usable."""
    left, top, right, low = box
    brush.rectangle(box, "#000000", LINE)
    reach = left + round((right - left) * assessment.score)
    if reach > left:
        brush.rectangle((left, top, reach, low), COLOURS[assessment.verdict])
    at = left + round((right - left) * usable)
    brush.line((at, top - 2, at, low + 2), INK, 2)


def arrow(brush: ImageDraw.ImageDraw, middle: tuple[float, float], clock: int, half: float, colour: str) -> None:
    """An arrow to an hour of a clock."""
    turn = math.radians(30 * clock)
    across, down = math.sin(turn), -math.cos(turn)

    def place(along: float, aside: float) -> tuple[float, float]:
        return (
            middle[0] + half * (along * across - aside * down), middle[1] + half * (along * down + aside * across)
        )  # fmt: skip

    shape = [(1, 0), (0.1, 0.75), (0.1, 0.28), (-0.9, 0.28), (-0.9, -0.28), (0.1, -0.28), (0.1, -0.75)]
    brush.polygon([place(*each) for each in shape], colour)


def saved(image: Image.Image, name: str, **options: int) -> Path:
    """Save beside this file, and say so."""
    path = Path(__file__).with_name(name)
    image.save(path, **options)
    print(f"{path.name}: {image.width} x {image.height}, {path.stat().st_size / 1024:.0f} KiB")
    return path
