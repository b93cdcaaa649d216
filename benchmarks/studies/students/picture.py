"""Dots with names over two axes, drawn with OpenCV: which student pays for what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Box = tuple[int, int, int, int]  # left, top, right, bottom

WIDTH, HEIGHT = 960, 640
PLOT: Box = (100, 110, 920, 550)  # where the dots lie
DOT, MARKED = (160, 90, 30), (30, 110, 230)  # BGR
_INK, _GRID, _RADIUS, _GAP = (40, 40, 40), (225, 225, 225), 7, 12
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Dot:
    """A name and where it lies; a marked one stands out."""

    name: str
    x: float
    y: float
    marked: bool = False


def draw(dots: Sequence[Dot], title: str, x_label: str, y_label: str) -> Picture:
    """A scatter plot, uint8 BGR (HEIGHT, WIDTH, 3); x begins at 0, y close below the lowest dot.

    Args:
        dots: at least one, x >= 0.
        title: above everything.
        x_label: below its axis.
        y_label: above its axis, so that nobody has to turn the head.
    """
    picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    spans = (0.0, 1.15 * max(dot.x for dot in dots) or 1.0), span([dot.y for dot in dots])
    _axes(picture, *spans)
    left, top, right, bottom = PLOT
    _write(picture, title, (left, 40), 0.75, 2)
    _write(picture, y_label, (left, top - 20), 0.55)
    _write(picture, x_label, (left + (right - left - _extent(x_label, 0.55)[0]) // 2, bottom + 60), 0.55)
    places = [place(dot, *spans) for dot in dots]
    taken = [_around(x, y) for x, y in places]
    for dot, (x, y) in zip(dots, places, strict=True):
        cv2.circle(picture, (x, y), _RADIUS, MARKED if dot.marked else DOT, cv2.FILLED, cv2.LINE_AA)
        if dot.marked:
            cv2.circle(picture, (x, y), _RADIUS + 5, MARKED, 2, cv2.LINE_AA)
    for dot, (x, y) in zip(dots, places, strict=True):
        box = free_place(_extent(dot.name, 0.6), (x, y), taken)
        taken.append(box)
        _write(picture, dot.name, (box[0], box[3]), 0.6)
    return picture


def place(dot: Dot, x_span: tuple[float, float], y_span: tuple[float, float]) -> tuple[int, int]:
    """Pixel (x, y) of a dot."""
    left, top, right, bottom = PLOT
    across, up = (
        (value - low) / (high - low) for value, (low, high) in zip((dot.x, dot.y), (x_span, y_span), strict=True)
    )
    return round(left + across * (right - left)), round(bottom - up * (bottom - top))


def span(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest value with air around them, also where all are the same."""
    air = max(0.2 * (max(values) - min(values)), 1e-3)
    return min(values) - air, max(values) + air


def ticks(low: float, high: float, about: int = 6) -> list[str]:
    """Round numbers from low to high, written with as many decimals as tell them apart.

    Args:
        low, high: of the axis, low < high.
        about: at most so many steps.
    """
    rough = (high - low) / about
    power = math.floor(math.log10(rough))
    step = next(s for s in (1, 2, 5, 10) if s * 10.0**power >= rough * (1 - 1e-9)) * 10.0**power
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{n * step:.{decimals}f}" for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def free_place(extent: tuple[int, int], dot: tuple[int, int], taken: Sequence[Box]) -> Box:
    """Where a name goes: beside its dot, above or below it, whichever is the first that covers nothing.

    Args:
        extent: of the name, width and height in pixels.
        dot: pixel x, y.
        taken: boxes of dots and of names that are written already.
    """
    (width, height), (x, y) = extent, dot
    near = _RADIUS + _GAP
    corners = [
        (x + near, y - height // 2),
        (x - near - width, y - height // 2),
        *((x + aside, y + up) for up in (-near - height, near) for aside in (-width // 2, near, -near - width)),
    ]
    boxes = [(left, top, left + width, top + height) for left, top in corners]
    return next((box for box in boxes if _inside(box) and not any(_meet(box, other) for other in taken)), boxes[0])


def _axes(picture: Picture, x_span: tuple[float, float], y_span: tuple[float, float]) -> None:
    left, top, right, bottom = PLOT
    for text in ticks(*x_span):
        x, _ = place(Dot("", float(text), y_span[0]), x_span, y_span)
        cv2.line(picture, (x, top), (x, bottom), _GRID, 1)
        _write(picture, text, (x - _extent(text, 0.5)[0] // 2, bottom + 28), 0.5)
    for text in ticks(*y_span):
        _, y = place(Dot("", x_span[0], float(text)), x_span, y_span)
        cv2.line(picture, (left, y), (right, y), _GRID, 1)
        width, height = _extent(text, 0.5)
        _write(picture, text, (left - width - 12, y + height // 2), 0.5)
    cv2.line(picture, (left, top), (left, bottom), _INK, 1)
    cv2.line(picture, (left, bottom), (right, bottom), _INK, 1)


def _write(picture: Picture, text: str, at: tuple[int, int], scale: float, thickness: int = 1) -> None:
    cv2.putText(picture, text, at, _FONT, scale, _INK, thickness, cv2.LINE_AA)


def _extent(text: str, scale: float) -> tuple[int, int]:
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, 1)
    return int(width), int(height)


def _around(x: int, y: int) -> Box:
    reach = _RADIUS + 5
    return x - reach, y - reach, x + reach, y + reach


def _inside(box: Box) -> bool:
    return box[0] > PLOT[0] and box[1] > PLOT[1] and box[2] < PLOT[2] and box[3] < PLOT[3]


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
