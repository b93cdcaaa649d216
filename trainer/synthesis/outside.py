"""Pictures of what is no retina, made by code: eyes from outside, eyelids, walls, lines of text.

They teach ``trainer.steps.fundus`` beside whatever photographs of anything else are at hand. Pictures are uint8 BGR
(480, 640, 3).
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

H, W = 480, 640


def outside(rng: Generator, number: int) -> Iterator[Picture]:
    """So many pictures, each sort in turn."""
    makers = (open_eye, open_eye, open_eye, eyelid, eyelid, everted_lid, wall, text)
    for i in range(number):
        yield makers[i % len(makers)](rng)


def wall(rng: Generator) -> Picture:
    """An evenly painted surface with light from one side."""
    ends = rng.uniform(0.6, 1, 4).tolist()
    across, down = np.linspace(ends[0], ends[1], W), np.linspace(ends[2], ends[3], H)
    base = rng.uniform(40, 240, 3) if rng.random() < 0.5 else rng.uniform(60, 250) * rng.uniform(0.85, 1, 3)
    return _picture(base * (down[:, None] * across)[:, :, None] + _texture(rng, rng.uniform(0, 6))[:, :, None])


def text(rng: Generator) -> Picture:
    """Lines of letters on paper."""
    page = _picture(np.full((H, W, 3), rng.uniform(170, 250, 3) if rng.random() < 0.3 else rng.uniform(170, 250)))
    size = rng.uniform(0.4, 2.5)
    for y in np.arange(10, H + 30, 34 * size):
        line = "".join(chr(c) for c in rng.integers(65, 122, 70))
        cv2.putText(
            page, line, (int(rng.integers(-40, 10)), int(y)), 0, size, rng.uniform(0, 80, 3).tolist(), int(1 + 2 * size)
        )
    return page


def eyelid(rng: Generator) -> Picture:
    """Skin, its folds, and lashes along one line."""
    picture = _skin(rng)
    for _ in range(int(rng.integers(1, 6))):
        _arc(picture, rng, rng.uniform(0, H), rng.uniform(0.6, 0.85), int(rng.integers(1, 8)))
    if rng.random() < 0.7:
        y = rng.uniform(0.2, 0.9) * H
        _lashes(picture, rng, lambda x: y + 40 * ((x - W / 2) / W) ** 2, rng.choice([-1, 1]))
    return _picture(picture)


def everted_lid(rng: Generator) -> Picture:
    """The inside of a lid: wet, red, with vessels of its own."""
    tone = rng.uniform((70, 80, 150), (150, 160, 220)).astype(np.float32)
    y, x = np.mgrid[:H, :W].astype(np.float32)
    inside = _soft(rng.uniform(0.3, 0.6) * W - np.hypot(x - W / 2, 1.5 * (y - H / 2 + rng.uniform(-80, 80))), 8)
    wet = _even(tone, rng) + _texture(rng, rng.uniform(1, 6))[:, :, None]
    for _ in range(3):
        _veins(wet, rng, W / 2, H / 2, W / 3)
    for _ in range(int(rng.integers(0, 12))):
        spot = np.hypot(x - rng.uniform(0, W), y - rng.uniform(0, H))
        wet = _over(wet, np.full(3, 250, np.float32), _soft(rng.uniform(1, 8) - spot, 3))
    picture = _over(_skin(rng), wet, inside)
    _lashes(picture, rng, lambda at: H * 0.85, 1)
    return _picture(picture)


def open_eye(rng: Generator) -> Picture:
    """Iris and pupil between two lids, from near or far, upright or not."""
    picture = _skin(rng)
    half = rng.uniform(0.25, 1.9) * W / 2  # from corner to corner of the eye
    x0, y0, opening = W / 2 + rng.uniform(-0.3, 0.3) * W, H / 2 + rng.uniform(-0.3, 0.3) * H, rng.uniform(0.25, 0.8)
    y, x = np.mgrid[:H, :W].astype(np.float32)
    u = (x - x0) / half
    upper, lower = y0 - half * opening * (1 - u**2), y0 + half * 0.6 * opening * (1 - u**2)
    inside = _soft(np.minimum(y - upper, lower - y), 2) * (np.abs(u) < 1)
    sclera = (rng.uniform(140, 235) * rng.uniform((0.85, 0.88, 0.98), (1.0, 1.0, 1.0))).astype(np.float32) * (
        1 - 0.25 * u[:, :, None] ** 2
    )
    _veins(sclera, rng, x0, y0, half)
    iris = rng.uniform(0.38, 0.55) * half
    off = np.hypot(x - x0 - rng.uniform(-0.2, 0.2) * half, y - y0 + rng.uniform(-0.1, 0.2) * half)
    rays = np.sin(np.arctan2(y - y0, x - x0) * rng.integers(20, 60)) * rng.uniform(0, 0.2) + 1
    colours = ((20, 40, 70), (90, 90, 60), (150, 120, 80), (40, 90, 100), (10, 20, 30))
    tint = np.array(colours[int(rng.integers(5))], np.float32) * rng.uniform(0.7, 1.6)
    eye = _over(sclera, (tint * rays[:, :, None]).astype(np.float32), _soft(iris - off, 3))
    pupil = (30, 90, 210) if rng.random() < 0.15 else (8, 8, 10)  # red where light comes back from the retina
    eye = _over(eye, np.array(pupil, np.float32), _soft(rng.uniform(0.3, 0.75) * iris - off, 3))
    for _ in range(int(rng.integers(1, 4))):
        spot = np.hypot(x - x0 - rng.normal(0, 0.4) * iris, y - y0 - rng.normal(0, 0.4) * iris)
        eye = _over(eye, np.array((255, 255, 255), np.float32), _soft(rng.uniform(0.03, 0.2) * iris - spot, 2))
    picture = _over(picture, eye, inside)
    _lashes(picture, rng, lambda at: y0 - half * opening * (1 - ((at - x0) / half) ** 2), -1, (x0 - half, x0 + half))
    turn = cv2.getRotationMatrix2D((W / 2, H / 2), rng.uniform(-25, 25), 1.15)
    return _picture(np.asarray(cv2.warpAffine(picture, turn, (W, H), borderMode=cv2.BORDER_REFLECT), np.float32))


def _skin(rng: Generator) -> Floats:
    tone = np.array(((95, 120, 165), (120, 150, 205), (45, 65, 105), (150, 180, 225), (70, 80, 150)), np.float32)
    base = tone[int(rng.integers(len(tone)))] * rng.uniform(0.6, 1.2)
    return _even(base, rng) + _texture(rng, rng.uniform(2, 14))[:, :, None]


def _even(colour: Floats, rng: Generator) -> Floats:
    """One colour in light that is not quite even."""
    light = 1 + 0.3 * cv2.resize(rng.standard_normal((3, 4)).astype(np.float32), (W, H), interpolation=cv2.INTER_CUBIC)
    return np.asarray(colour * light[:, :, None], np.float32)


def _texture(rng: Generator, strength: float) -> Floats:
    """Noise of several sizes, grey values."""
    total = np.zeros((H, W), np.float32)
    for cells in (240, 120, 60, 30):
        grain = rng.standard_normal((cells, cells * W // H)).astype(np.float32)
        total += cv2.resize(grain, (W, H), interpolation=cv2.INTER_CUBIC) * strength / 2
    return total


def _arc(picture: Floats, rng: Generator, y: float, dim: float, wide: int) -> None:
    line = np.ones((H, W), np.float32)
    cv2.ellipse(line, (W // 2, int(y + 200)), (W // 2 + 60, 200), 0, 180, 360, dim, wide)
    picture *= cv2.GaussianBlur(line, (0, 0), rng.uniform(1, 4))[:, :, None]


def _lashes(picture: Floats, rng: Generator, at, way: int, ends: tuple[float, float] = (0, W)) -> None:  # type: ignore[no-untyped-def]
    for x in rng.uniform(*ends, int(rng.integers(15, 90))):
        y, length, lean = float(at(x)), rng.uniform(20, 90), rng.normal(0, 25)
        points = [(x + lean * s, y + way * length * s) for s in (0, 0.35, 0.7, 1)]
        path = np.array(points, np.int32).reshape(-1, 1, 2)
        cv2.polylines(picture, [path], False, rng.uniform(5, 40, 3).tolist(), int(rng.integers(1, 4)), cv2.LINE_AA)


def _veins(picture: Floats, rng: Generator, x0: float, y0: float, half: float) -> None:
    for _ in range(int(rng.integers(0, 25))):
        angle, start = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.0) * half
        walk = np.cumsum(rng.normal(0, 4, (8, 2)) + 8 * np.array([np.cos(angle), np.sin(angle)]), axis=0)
        path = (walk + np.array([x0 + start * np.cos(angle), y0 + start * np.sin(angle)])).astype(np.int32)
        cv2.polylines(picture, [path.reshape(-1, 1, 2)], False, (80, 80, 190), 1, cv2.LINE_AA)


def _soft(inside: NDArray[np.floating], wide: float) -> Floats:
    return np.asarray(np.clip(inside / wide + 0.5, 0, 1), np.float32)


def _over(below: Floats, above: Floats, weight: Floats) -> Floats:
    return np.asarray(below + weight[:, :, None] * (above - below), np.float32)


def _picture(values: NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
