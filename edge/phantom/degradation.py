"""What degrades a fundus photograph: every kind changes the picture and reports its loss, a ``Map`` of transfer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.field.find import Crop, Field, find_field
from edge.field.resample import resize
from edge.phantom.transfer import (
    Map,
    blur_transfer,
    clipping_transfer,
    light_transfer,
    motion_transfer,
    reflex_cover,
    shadow_cover,
    smooth_step,
)

Kind = Literal["blur", "motion", "dark", "bright", "haze", "shadow", "reflex", "lid", "noise"]
KINDS = cast("tuple[Kind, ...]", get_args(Kind))

_COARSE = 160  # smooth things are computed at about this size
_GRAIN = 400  # grains of noise across the field
_GRAIN_SEEN = 0.35  # share of a grain's noise that is left at the scale of a vessel


@dataclass(frozen=True, eq=False)
class _Scene:
    """A frame, where its field is, and coarse maps of it."""

    image: NDArray[np.uint8]
    inside: Map  # (H, W), 1 in the field, soft at the rim
    x: Map  # coarse; field radii to the right of the middle of the field
    y: Map  # coarse; downwards
    level: Map  # coarse; local brightness in green, grey values
    diameter: float  # of the field in pixels

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame."""
        return self.image.shape[1], self.image.shape[0]


def degrade(
    image: NDArray[np.uint8],
    kind: Kind,
    severity: float,
    region: Map | None = None,
    rng: np.random.Generator | None = None,
    field: Field | None = None,
) -> tuple[NDArray[np.uint8], Map]:
    """Degrade a picture in one way.

    Args:
        image: uint8 BGR, shape (H, W, 3).
        kind: one of ``KINDS``.
        severity: in [0, 1]; 0 changes nothing, 1 leaves little.
        region: float32 (H, W) in [0, 1], where and how much; None for everywhere.
        rng: decides directions and places; None for always the same.
        field: the field of view where it is known (a degraded picture may hide it); found in the image otherwise.

    Returns:
        The degraded picture, uint8 (H, W, 3), and the transfer, float32 (H, W). The black border stays as it is.

    Raises:
        ValueError: an unknown kind, or a severity outside [0, 1].
    """
    if kind not in KINDS or not 0 <= severity <= 1:
        raise ValueError(f"a degradation is one of {', '.join(KINDS)} with a severity in [0, 1], not {kind} {severity}")
    if severity == 0:
        return image.copy(), np.ones(image.shape[:2], np.float32)
    scene = _scene(image, field)
    degraded, coarse = _DEGRADERS[kind](scene, severity, rng if rng is not None else np.random.default_rng(0))
    transfer = resize(np.atleast_2d(np.asarray(coarse, np.float32)), scene.size)
    weight = scene.inside if region is None else scene.inside * region
    mixed = image + weight[:, :, None] * (degraded - image)
    if region is not None:
        transfer = 1 - region * (1 - transfer)
    return np.rint(mixed.clip(0, 255)).astype(np.uint8), np.asarray(transfer.clip(0, 1), np.float32)


def _blur(scene: _Scene, severity: float, _rng: np.random.Generator) -> tuple[Map, float]:
    sigma = 0.035 * severity**1.5
    return _within(scene, lambda p: blurred(p, sigma * scene.diameter)), blur_transfer(sigma)


def _motion(scene: _Scene, severity: float, rng: np.random.Generator) -> tuple[Map, float]:
    length, angle = 0.12 * severity**1.5, float(rng.uniform(0, np.pi))
    side = int(np.ceil(length * scene.diameter)) // 2 * 2 + 3
    kernel = np.zeros((side, side), np.float32)
    reach = length * scene.diameter / 2 * np.array([np.cos(angle), np.sin(angle)])
    ends = np.rint((side // 2 + np.stack([-reach, reach])) * 16).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_8, 4)
    smear = _within(scene, lambda p: np.asarray(cv2.filter2D(p, -1, kernel / kernel.sum()), np.float32))
    return smear, motion_transfer(length)


def _dark(scene: _Scene, severity: float, rng: np.random.Generator) -> tuple[Map, Map]:
    gain, noise = 0.035**severity, 5 * severity
    left = light_transfer(scene.level * np.float32(gain), noise * _GRAIN_SEEN) / light_transfer(scene.level)
    return scene.image * np.float32(gain) + noise * _grain(scene, rng), left


def _bright(scene: _Scene, severity: float, _rng: np.random.Generator) -> tuple[Map, Map]:
    usual = max(float(np.median(scene.level)), 10.0)
    gain = np.float32(max(420 / usual, 1.0) ** severity)
    return np.minimum(scene.image * gain, 255), clipping_transfer(scene.level * gain)


def _haze(scene: _Scene, severity: float, rng: np.random.Generator) -> tuple[Map, Map]:
    through = np.float32(1 - 0.93 * severity)
    veil = np.array([130, 150, 185], np.float32) * np.float32(rng.uniform(0.7, 1.1))
    sigma = 0.004 * severity
    hazy = _within(scene, lambda p: blurred(p, sigma * scene.diameter)) * through + veil * (1 - through)
    left = through * scene.level / (through * scene.level + veil[1] * (1 - through) + 1e-3)
    return hazy, left * np.float32(blur_transfer(sigma))


def _shadow(scene: _Scene, severity: float, rng: np.random.Generator) -> tuple[Map, Map]:
    light = 1 - shadow_cover(scene.x, scene.y, severity, float(rng.uniform(0, 2 * np.pi)))
    left = light_transfer(scene.level * light) / light_transfer(scene.level)
    return scene.image * resize(light, scene.size)[:, :, None], left


def _reflex(scene: _Scene, severity: float, rng: np.random.Generator) -> tuple[Map, Map]:
    place = (float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.5, 0.5)))
    cover = reflex_cover(scene.x, scene.y, severity, place, float(rng.uniform(0.1, 0.45)) * float(rng.random() < 0.6))
    full = resize(cover, scene.size)[:, :, None]
    return scene.image + full * (np.array([235, 240, 250], np.float32) - scene.image).clip(0), 1 - cover


def _lid(scene: _Scene, severity: float, rng: np.random.Generator) -> tuple[Map, Map]:
    """The upper lid hangs into the picture, out of focus, with lashes below its rim."""
    lowest = -1.2 + 1.85 * severity
    edge = lowest + float(rng.uniform(-0.1, 0.1)) * scene.x - 0.2 * scene.x**2
    lid = smooth_step((edge - scene.y) / np.float32(0.25) + np.float32(0.5))
    scale = 1 / float(scene.x[0, 1] - scene.x[0, 0])  # coarse pixels of one field radius
    middle = np.array([-scene.x[0, 0], -scene.y[0, 0]]) * scale
    lashes = np.zeros_like(lid)
    hairs = np.column_stack([np.linspace(-1.1, 1.1, 16), rng.uniform(0.1, 0.35, 16), rng.uniform(-0.15, 0.15, 16)])
    for root, length, lean in hairs:
        top = lowest - 0.2 * root**2
        ends = np.array([[root, top - 0.2], [root + lean, top + length * severity]])
        start, end = np.rint((middle + scale * ends) * 16).astype(int).tolist()
        cv2.line(lashes, start, end, 0.8, max(1, round(0.03 * scale)), cv2.LINE_8, 4)
    lashes = np.asarray(cv2.GaussianBlur(lashes, (0, 0), 0.02 * scale), np.float32)
    cover = np.maximum(lid, lashes)
    shade = (1 - np.float32(0.4) * (edge - scene.y).clip(0, 1)) * (1 - np.float32(0.7) * lashes)
    skin = np.array([58, 76, 128], np.float32) * resize(np.asarray(shade, np.float32), scene.size)[:, :, None]
    covered = scene.image + resize(cover, scene.size)[:, :, None] * (skin - scene.image)
    return np.asarray(covered, np.float32), 1 - cover


def _noise(scene: _Scene, severity: float, rng: np.random.Generator) -> tuple[Map, Map]:
    noise = 70 * severity
    left = light_transfer(scene.level, noise * _GRAIN_SEEN) / light_transfer(scene.level)
    return scene.image + noise * _grain(scene, rng), left


def _scene(image: NDArray[np.uint8], field: Field | None) -> _Scene:
    height, width = image.shape[:2]
    field = field if field is not None else find_field(image)
    inside = np.ones((height, width), np.float32)
    crop = Crop((width - max(height, width)) // 2, (height - max(height, width)) // 2, max(height, width))
    if field is not None:
        crop = field.crop
        onto = np.array([[256, 0, -crop.x * 256], [0, 256, -crop.y * 256]]) / crop.side
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        mask = cv2.warpAffine(field.mask, onto, (width, height), flags=flags)
        inside = np.asarray(mask, np.float32) / np.float32(255)
    factor = max(1.0, max(height, width) / _COARSE)
    size = (max(2, round(width / factor)), max(2, round(height / factor)))
    across = (np.arange(size[0], dtype=np.float32) + 0.5) * np.float32(width / size[0])
    down = (np.arange(size[1], dtype=np.float32) + 0.5) * np.float32(height / size[1])
    places = np.meshgrid((across - crop.x) / (crop.side / 2) - 1, (down - crop.y) / (crop.side / 2) - 1)
    x, y = (np.asarray(place, np.float32) for place in places)
    share = np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_AREA), np.float32)
    green = cv2.resize(np.ascontiguousarray(image[:, :, 1]), size, interpolation=cv2.INTER_AREA) * share
    level = np.asarray(cv2.blur(green, (9, 9)) / np.maximum(cv2.blur(share, (9, 9)), 0.05), np.float32)
    return _Scene(image, inside, x, y, np.maximum(level, 1), float(crop.side))


def blurred(picture: Map, sigma: float) -> Map:
    """Gaussian blur; a wide one on a reduced picture, which looks the same."""
    if sigma < 0.15:
        return picture
    factor = max(1, int(sigma / 2))
    height, width = picture.shape[:2]
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    small = resize(picture, (max(1, width // factor), max(1, height // factor)))
    return resize(np.asarray(cv2.GaussianBlur(small, (0, 0), sigma / factor), np.float32), (width, height))


def _within(scene: _Scene, spread: Callable[[Map], Map]) -> Map:
    """Spread light inside the field only: its rim is in the camera and stays sharp."""
    light = spread(scene.image * scene.inside[:, :, None])
    return np.asarray(light / np.maximum(spread(scene.inside), 0.02)[:, :, None], np.float32)


def _grain(scene: _Scene, rng: np.random.Generator) -> Map:
    """Noise of unit strength with a fixed number of grains across the field; float32 (H, W, 3)."""
    factor = max(1.0, scene.diameter / _GRAIN)
    columns, rows = (round(side / factor) for side in scene.size)
    return resize(rng.standard_normal((rows, columns, 3)).astype(np.float32), scene.size)


_Degrader = Callable[[_Scene, float, np.random.Generator], tuple[Map, Map | float]]
_DEGRADERS: dict[Kind, _Degrader] = {
    "blur": _blur,
    "motion": _motion,
    "dark": _dark,
    "bright": _bright,
    "haze": _haze,
    "shadow": _shadow,
    "reflex": _reflex,
    "lid": _lid,
    "noise": _noise,
}
