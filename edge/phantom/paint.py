"""What lies on a synthetic fundus beside the vessels: ground, macula, disc, lesions, and the front of the eye."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.phantom.transfer import smooth_step

Picture = NDArray[np.float32]
Place = tuple[float, float]


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> Picture:
    """Noise of unit strength whose spots are about 1/cells of the side; the same at every size."""
    coarse = rng.standard_normal((cells + 3, cells + 3)).astype(np.float32)
    # Cubic enlargement by hand on a padded grid would show the border; a little more is made and cut away.
    grown = cv2.resize(coarse, None, fx=size / cells, fy=size / cells, interpolation=cv2.INTER_CUBIC)
    edge = size // cells
    return np.asarray(grown[edge : edge + size, edge : edge + size], np.float32)


def streaks(rng: np.random.Generator, size: int, unit: float, centre: Place) -> Picture:
    """Noise drawn out along rays from a place, as the vessels of the choroid run."""
    x, y = _offsets(size, unit, centre)
    far, angles = cv2.cartToPolar(x, y)
    coarse = rng.standard_normal((24, 72)).astype(np.float32)
    coarse = np.concatenate([coarse, coarse[:, :2]], axis=1)  # all the way round
    columns = np.asarray(angles * np.float32(72 / (2 * np.pi)), np.float32)
    rows = np.asarray(np.sqrt(far) * np.float32(6.0), np.float32)
    rays = cv2.remap(coarse, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(rays * (1 - np.exp(-far * far / np.float32(2 * 1.3**2))), np.float32)


def macula(rng: np.random.Generator, size: int, unit: float, centre: Place) -> Picture:
    """Share of light per channel that the macula gives back: yellow pigment, a pit, sometimes the pit's glint."""
    x, y = _offsets(size, unit, centre)
    squares = x * x + 1.15 * y * y
    pigment = np.float32(rng.uniform(0.16, 0.3)) * np.exp(-squares / np.float32(2 * 0.42**2))
    pit = np.float32(rng.uniform(0.1, 0.2)) * np.exp(-squares / np.float32(2 * 0.13**2))
    glint = np.float32(0.25 * (rng.random() < 0.5)) * np.exp(-squares / np.float32(2 * 0.025**2))
    dark = pigment + pit
    return np.asarray(np.stack([1 - 0.8 * dark + glint, 1 - dark + glint, 1 - 0.5 * dark + glint], axis=-1), np.float32)


def disc(rng: np.random.Generator, colours: Picture, unit: float, centre: Place, mirror: bool) -> Picture:
    """The optic disc with its cup, laid over a fundus."""
    x, y = _offsets(colours.shape[0], unit, centre)
    x = -x if mirror else x
    tilt = np.float32(rng.uniform(-0.3, 0.3))
    along, across = y + tilt * x, x - tilt * y
    angles = np.arctan2(along, across)
    outline = 0.5 + 0.012 * np.sin(2 * angles + rng.uniform(0, 6.28)) + 0.01 * np.sin(3 * angles + rng.uniform(0, 6.28))
    far = np.sqrt((along / np.float32(1.04)) ** 2 + (across / np.float32(0.94)) ** 2)
    inside = _edge(outline - far, 0.035)
    cup_size = np.float32(rng.uniform(0.14, 0.3))
    cup_far = np.sqrt((across + 0.07) ** 2 + (along - np.float32(rng.uniform(-0.03, 0.03))) ** 2)
    cup = _edge(cup_size - cup_far, 0.06)
    halo = np.exp(-np.square(np.maximum(far - 0.5, 0)) / np.float32(2 * 0.3**2)) * np.float32(rng.uniform(0.06, 0.2))
    crescent = _edge(np.float32(rng.uniform(0.5, 0.58)) - np.hypot(across + 0.07, along), 0.02) * (1 - inside)
    ground = np.median(colours[::8, ::8].reshape(-1, 3), axis=0)
    blue, green, red = ground.tolist()
    brightest = min(1.2 * red + 35, 246)
    shares = np.array([min(0.2 + 0.85 * blue / red, 0.74), min(0.58 + 0.45 * green / red, 0.88), 1.0])
    pale = brightest * shares
    rim = 0.45 * ground * np.array([1.6, 1.5, 1.15]) + 0.55 * pale
    temporal = np.clip(0.5 - 0.9 * across, 0, 1)  # the rim is paler towards the fovea
    tone = np.clip(0.25 * temporal + 0.85 * cup, 0, 1)[:, :, None]
    target = np.minimum(rim + tone * (pale - rim), 243).astype(np.float32)
    light = colours * (1 + (halo + 0.25 * crescent)[:, :, None] * np.array([1.0, 0.9, 0.3], np.float32))
    return np.asarray(light + inside[:, :, None] * (target - light), np.float32)


def lesions(rng: np.random.Generator, colours: Picture, unit: float, middle: float, radius: float) -> Picture:
    """In about every third eye: a few haemorrhages, in some of those exudates. They are disease, not bad quality."""
    ill, exudative = rng.random() < 0.35, rng.random() < 0.5
    bleeds = rng.uniform(0, 1, (int(rng.integers(3, 12)), 4))
    spots = rng.uniform(0, 1, (int(rng.integers(8, 30)), 4))
    heart = rng.uniform(-0.4, 0.4, 2)
    if not ill:
        return colours
    marks = np.zeros((2, *colours.shape[:2]), np.float32)
    for u, v, w, a in bleeds:
        far, way = 0.85 * radius * np.sqrt(u), 2 * np.pi * v
        _spot(marks[0], middle + far * np.cos(way), middle + far * np.sin(way), unit * (0.02 + 0.06 * w**3), a)
    for u, v, w, a in spots if exudative else []:
        far, way = 0.25 * radius * u, 2 * np.pi * v
        x, y = middle + heart * radius + far * np.array([np.cos(way), np.sin(way)])
        _spot(marks[1], x, y, unit * (0.012 + 0.035 * w**2), a)
    dark, pale = (cv2.GaussianBlur(mark, (0, 0), max(0.5, 0.012 * unit))[:, :, None] for mark in marks)
    colours = colours * (1 - dark * np.array([0.5, 0.55, 0.3], np.float32))
    yellow = np.minimum(colours * np.array([1.5, 1.75, 1.2], np.float32) + 12, 240)
    return np.asarray(colours + pale * (yellow - colours), np.float32)


def front_of_eye(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """What a camera sees before it finds the retina: lids, sclera, iris, and a pupil that glows faintly."""
    x, y = _offsets(size, size / 2, ((size - 1) / 2, (size - 1) / 2))
    far, angles = cv2.cartToPolar(x, y)
    skin = np.array([92, 118, 168], np.float32) * (1 + 0.06 * smooth_noise(rng, size, 6) - 0.15 * np.abs(y))[:, :, None]
    white = np.array([176, 190, 205], np.float32) * (1 - 0.18 * far * far)[:, :, None]
    opening = _edge(0.62 - 0.55 * x * x - np.abs(y), 0.06)[:, :, None]
    picture = skin + opening * (white - skin)
    coarse = rng.standard_normal((4, 90)).astype(np.float32)
    rays = np.concatenate([coarse, coarse[:, :2]], axis=1)
    fibres = cv2.remap(rays, angles * np.float32(90 / (2 * np.pi)), far * np.float32(4), cv2.INTER_LINEAR)
    tint = np.array([[48, 78, 112], [112, 98, 82], [62, 96, 100]][int(rng.integers(0, 3))], np.float32)
    iris = _edge(0.5 - far, 0.04)[:, :, None] * opening
    picture = picture + iris * (tint * (1 + 0.18 * fibres - 0.5 * np.square(far / 0.5))[:, :, None] - picture)
    pupil = _edge(0.23 - far, 0.03)[:, :, None]
    picture = picture + pupil * (np.array([10, 14, 46], np.float32) * (1.2 - far / 0.3)[:, :, None] - picture)
    glint = _edge(0.045 - np.sqrt((x + 0.1) ** 2 + (y + 0.12) ** 2), 0.03)[:, :, None]
    return np.asarray(np.rint((picture + glint * (245 - picture)).clip(0, 255)), np.uint8)


def _spot(mark: Picture, x: float, y: float, size: float, turn: float) -> None:
    """A small irregular blot, to sixteenths of a pixel."""
    for shift in (0.0, 0.7):
        at = (round((x + shift * size * np.cos(9 * turn)) * 16), round((y + shift * size * np.sin(9 * turn)) * 16))
        axes = (max(8, round(size * 16)), max(8, round(size * (0.5 + 0.4 * turn) * 16)))
        cv2.ellipse(mark, at, axes, 180 * turn, 0, 360, 0.9, -1, cv2.LINE_8, 4)


def _edge(inside: NDArray[np.floating], soft: float) -> Picture:
    """0 outside, 1 inside, a smooth step of the width ``soft`` between."""
    return smooth_step(inside / np.float32(soft) * np.float32(0.5) + np.float32(0.5))


def _offsets(size: int, unit: float, centre: Place) -> tuple[Picture, Picture]:
    """Distance from a place to the right and down, in disc diameters; both float32 (size, size)."""
    axis = np.arange(size, dtype=np.float32)
    x, y = np.meshgrid(*((axis - np.float32(at)) / np.float32(unit) for at in centre))
    return x, y
