"""A photograph as the retina before a camera: what the camera shows at the best place, and goes on beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.field.find import Crop
from edge.field.resample import resize

_RIM = 0.02  # of its width: so far from its end the field of a photograph may be dim
_LIGHT = 0.03  # of its width: what is coarser than that is light, and disc and macula

Picture = NDArray[np.uint8]
Light = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph, and where its camera has its field.

    Attributes:
        picture: uint8 BGR (N, N, 3), the square around the field.
        field: uint8 (M, M) over the same square: 255 inside the field, 0 elsewhere.
        crop: that square, in pixels of the photograph.
        size: width and height of the photograph.

    Raises:
        ValueError: one of them is not square, or there is no field.
    """

    picture: Picture
    field: Picture
    crop: Crop
    size: tuple[int, int]

    def __post_init__(self) -> None:
        for name, each, dimensions in (("picture", self.picture, 3), ("field", self.field, 2)):
            if each.ndim != dimensions or each.shape[0] != each.shape[1]:
                raise ValueError(f"the {name} of a photograph must be square, not {each.shape}")
        if not self.field.any():
            raise ValueError("a photograph without a field shows no retina")

    def scaled(self, width: int, height: int, step: int) -> tuple[tuple[int, int], Crop]:
        """Size and crop of a frame like the photograph, no larger than it or this; the side a multiple of ``step``."""
        side = int(self.crop.side * min(width / self.size[0], height / self.size[1], 1)) // step * step
        scale = side / self.crop.side
        return (round(self.size[0] * scale), round(self.size[1] * scale)), Crop(
            round(self.crop.x * scale), round(self.crop.y * scale), side
        )

    def aperture(self, side: int) -> NDArray[np.bool_]:
        """Its field, bool (side, side)."""
        return np.asarray(resize(self.field, (side, side)) >= 128, dtype=np.bool_)

    def continued(self, side: int, whole: int) -> Picture:
        """The photograph ``side`` pixels wide in the middle of a picture of ``whole``, where the retina goes on.

        Beyond the field, where a camera that is moved sees more retina, the vessels of what lies inside are mirrored
        in the light of the rim: mirrored light would show a second disc.

        Returns:
            uint8 BGR (whole, whole, 3).
        """
        way = cv2.INTER_AREA if side < len(self.picture) else cv2.INTER_CUBIC
        picture = cv2.resize(self.picture, (side, side), interpolation=way).astype(np.float32)
        margin = (whole - side) // 2, whole - side - (whole - side) // 2
        field = np.pad(self.aperture(side).astype(np.uint8), [margin, margin])
        away = np.where(field, 0.5 - _distance(field), _distance(1 - field) - 0.5) + np.float32(_RIM * side)
        down, across = np.gradient(away)
        away = np.maximum(away, 0)
        rows, columns = np.indices(away.shape, np.float32)

        def inwards(part: Light, by: float) -> Light:
            """Beyond the rim, what lies on it (1) or as far inside it (2)."""
            x, y = columns - by * away * across, rows - by * away * down
            return np.asarray(cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)

        mirrored = inwards(np.pad(picture, [margin, margin, (0, 0)]), 2)
        light = np.asarray(cv2.GaussianBlur(mirrored, (0, 0), _LIGHT * side), np.float32)
        return np.asarray(np.rint((mirrored - light + inwards(light, 1)).clip(0, 255)), np.uint8)


def _distance(area: Picture) -> Light:
    """Of each pixel of an area from where it is 0."""
    return np.asarray(cv2.distanceTransform(area, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
