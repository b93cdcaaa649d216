"""A synthetic fundus photograph, drawn from a seed: every vessel in it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.phantom.drawing import draw_vessels
from edge.phantom.paint import disc, lesions, macula, smooth_noise, streaks
from edge.phantom.vessels import FOVEA, grow

Shape = Literal["round", "cut", "whole"]
Laterality = Literal["right", "left"]

# Mean colours (B, G, R) that cameras and eyes give: orange-red, pale, deep red, orange, yellow-green, pink.
_COLOURS = ((32, 60, 190), (58, 96, 178), (14, 62, 165), (36, 84, 170), (8, 112, 128), (92, 112, 165))


@dataclass(frozen=True)
class Look:
    """What differs between cameras and eyes.

    Attributes:
        colour: mean B, G, R of the background, in grey values.
        shape: of the field: a full circle, one cut off at top and bottom, or a 4:3 window inside a larger circle.
        laterality: which eye.
        radius: of the field, in disc diameters: about 4 for a camera of 45 degrees, 2.6 for one of 30.
        centre: middle of the field, in disc diameters from the disc; x towards the nose, y down.
        depth: share of green light that the thickest vein absorbs.
    """

    colour: tuple[float, float, float]
    shape: Shape
    laterality: Laterality
    radius: float
    centre: tuple[float, float]
    depth: float


@dataclass(frozen=True, eq=False)
class Retina:
    """A synthetic fundus.

    Attributes:
        image: uint8 BGR, shape (size, size, 3).
        vessels: float32 (size, size), share of each pixel that is vessel, inside the field.
        field: uint8 (size, size), 255 inside the field of view, 0 elsewhere.
        disc: centre (x, y) of the optic disc in pixels; it may lie outside the field.
        disc_radius: in pixels.
        macula: centre (x, y) in pixels.
        laterality: which eye.
    """

    image: NDArray[np.uint8]
    vessels: NDArray[np.float32]
    field: NDArray[np.uint8]
    disc: tuple[float, float]
    disc_radius: float
    macula: tuple[float, float]
    laterality: Laterality


def make_look(rng: np.random.Generator) -> Look:
    """Draw a look."""
    colour = np.array(_COLOURS[int(rng.integers(0, len(_COLOURS)))]) * rng.uniform(0.9, 1.1, 3) * rng.uniform(0.85, 1.1)
    radius = float(rng.uniform(3.3, 4.3))
    centre = (float(rng.uniform(-1.9, -0.9)), float(rng.uniform(-0.3, 0.5)))
    if rng.random() < 0.2:  # a narrow camera, pointed at the disc
        radius, centre = float(rng.uniform(2.5, 3.0)), (float(rng.uniform(-0.5, 0.1)), float(rng.uniform(-0.2, 0.2)))
    shapes: tuple[Shape, ...] = ("round", "round", "cut", "whole")
    shape = shapes[int(rng.integers(0, len(shapes)))]
    laterality: Laterality = "right" if rng.random() < 0.5 else "left"
    b, g, r = colour.tolist()
    return Look((b, g, r), shape, laterality, radius, centre, float(rng.uniform(0.5, 0.65)))


def make_retina(seed: int, size: int) -> Retina:
    """Draw a sharp, well exposed fundus photograph.

    Args:
        seed: decides the eye and the camera; the same seed at another size is the same picture.
        size: side in pixels, at least 64.

    Raises:
        ValueError: the size is below 64.
    """
    if size < 64:
        raise ValueError(f"a retina needs a side of at least 64 pixels, not {size}")
    rng = np.random.default_rng((seed, 1))
    look = make_look(rng)
    middle = (size - 1) / 2
    radius = size * float(rng.uniform(0.46, 0.49)) * (1.24 if look.shape == "whole" else 1.0)
    colours, share = paint_fundus(look, seed, size, radius)
    lit = colours * _light(rng, size, radius)[:, :, None]
    field, soft = _aperture(look.shape, size, radius)
    grain = np.random.default_rng((seed, 2)).standard_normal((size, size, 3)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.6) * 2.2
    image = np.clip(lit * soft[:, :, None] + grain * (0.35 + 0.65 * soft[:, :, None]), 0, 255)
    image, inside = np.rint(image).astype(np.uint8), np.asarray(share * (field > 0), np.float32)
    disc_at, fovea_at = _place(look, (0.0, 0.0), middle, radius), _place(look, FOVEA, middle, radius)
    return Retina(image, inside, field, disc_at, radius / look.radius / 2, fovea_at, look.laterality)


def phantom_frame(seed: int) -> NDArray[np.uint8]:
    """A clean still frame as a camera would store it: uint8 BGR, 800 pixels wide.

    The same seed gives the same frame everywhere, to within a grey level or so; bundles carry the scores of some.
    """
    retina = make_retina(seed, 800)
    rows = np.flatnonzero(retina.field.any(axis=1))
    full = retina.field[:, 400].min() > 0 or rows[-1] - rows[0] > 700
    return retina.image if full else np.ascontiguousarray(retina.image[rows[0] : rows[-1] + 1])


def paint_fundus(
    look: Look, seed: int, size: int, radius: float, reach: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The fundus without a camera: evenly lit, to the corners of the square, without noise.

    Args:
        look: see ``Look``.
        seed: of the eye.
        size: side of the square in pixels.
        radius: of the field of view, in pixels.
        reach: how far from the middle there are vessels, as a share of the field's radius.

    Returns:
        Colours B, G, R in grey values, float32 (size, size, 3), and the share of vessel, float32 (size, size).
    """
    rng = np.random.default_rng((seed, 3))
    unit = radius / look.radius
    mirror = look.laterality == "left"
    middle = (size - 1) / 2
    origin, fovea = (_place(look, point, middle, radius) for point in ((0.0, 0.0), FOVEA))
    tree = grow(rng, look.centre, look.radius * reach + 0.15)
    share, absorbed, reflex = draw_vessels(tree, size, unit, origin, mirror)
    colours = _choroid(rng, size, unit, fovea) * np.array(look.colour, np.float32)
    sheen = cv2.resize(cv2.resize(absorbed, (96, 96), interpolation=cv2.INTER_AREA), (size, size))
    sheen = cv2.GaussianBlur(sheen, (0, 0), 0.2 * unit)
    colours *= 1 + float(rng.uniform(0.2, 0.9)) * sheen[:, :, None] * np.array([0.9, 0.7, 0.15], np.float32)
    colours *= macula(rng, size, unit, fovea)
    colours = disc(rng, colours, unit, origin, mirror)
    colours = lesions(rng, colours, unit, middle, radius)
    dark = look.depth * np.clip(absorbed - 0.30 * reflex, 0, 1)[:, :, None]
    colours *= 1 - dark * np.array([0.75, 1.0, 0.38], np.float32)
    return np.asarray(colours, np.float32), share


def _place(look: Look, point: tuple[float, float], middle: float, radius: float) -> tuple[float, float]:
    """A point in disc diameters from the disc, in pixels."""
    unit = radius / look.radius
    side = -1.0 if look.laterality == "left" else 1.0
    return middle + side * (point[0] - look.centre[0]) * unit, middle + (point[1] - look.centre[1]) * unit


def _choroid(rng: np.random.Generator, size: int, unit: float, fovea: tuple[float, float]) -> NDArray[np.float32]:
    """Relative brightness of the background per channel: clouds, the choroid's own vessels, and fine mottling."""
    clouds = 0.06 * smooth_noise(rng, size, 4) + 0.035 * smooth_noise(rng, size, 9)
    ridges = 0.4 - np.abs(streaks(rng, size, unit, fovea))
    blotches = 0.5 - np.abs(smooth_noise(rng, size, 30) + 0.5 * smooth_noise(rng, size, 60))
    tiger = np.float32(rng.uniform(0.0, 0.07)) * ridges + np.float32(rng.uniform(0.0, 0.03)) * blotches
    mottle = 0.009 * smooth_noise(rng, size, 110) + 0.008 * smooth_noise(rng, size, 240)
    tint = np.float32(0.02) * smooth_noise(rng, size, 5)
    green = 1 + clouds + 1.2 * tiger + mottle + tint
    blue, red = 1 + clouds + tiger + mottle, 1 + 0.6 * clouds + 0.8 * tiger - tint
    return np.asarray(np.maximum(np.stack([blue, green, red], axis=-1), 0.3), np.float32)


def _light(rng: np.random.Generator, size: int, radius: float) -> NDArray[np.float32]:
    """The camera's light: falls off towards the rim, and is a little off-centre."""
    offset = (np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)) / np.float32(radius)
    x = offset[None, :] - np.float32(rng.uniform(-0.25, 0.25))
    y = offset[:, None] - np.float32(rng.uniform(-0.25, 0.25))
    fall = np.float32(rng.uniform(0.1, 0.4))
    squares = x * x + y * y
    return np.asarray(1.1 - fall * squares * (0.6 + 0.4 * squares), np.float32).clip(0.35)


def _aperture(shape: Shape, size: int, radius: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The field of view, sharp (0/255) and as a share of each pixel."""
    offset = np.abs(np.arange(size, dtype=np.float64) - (size - 1) / 2)
    inside = radius - np.sqrt(offset[None, :] ** 2 + offset[:, None] ** 2)
    if shape == "cut":
        inside = np.minimum(inside, 0.8 * radius - offset[:, None])
    elif shape == "whole":
        inside = np.minimum(inside, 0.375 * size - offset[:, None])
    soft = np.clip(inside / max(1.0, size / 500) + 0.5, 0, 1).astype(np.float32)
    return np.asarray(np.where(inside > 0, 255, 0), np.uint8), soft
