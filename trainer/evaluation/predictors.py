"""Whatever makes a degradation map, in one form: the baselines, and a bundle on its engine.

A map maker takes squares and gives float32 (N, g, g) in [0, 1], 1 where no anatomy can be seen, on a grid of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from edge.field.resample import resize
from edge.frame.prepare import normalise
from edge.frame.sharpness import fine_structure
from edge.model import QualityModel
from trainer.data.coverage import coverage
from trainer.data.datasets import Square
from trainer.evaluation.truth.frames import GRID
from trainer.recipe import Recipe
from trainer.steps.pseudo_labels import to_grid
from trainer.steps.vessels import segment

Maps = NDArray[np.float32]
MapMaker = Callable[[Sequence[Square]], Maps]

_SHARPNESS_SIDE = 256  # pixels across the field at which fine structure is looked for
_REACH = 14 / 320  # width of the neighbourhood, share of the side: that of coverage
_SHARP = 4.0  # local deviation of the Laplacian, grey values, that counts as half sharp


def sharpness_maps(squares: Sequence[Square]) -> Maps:
    """How little fine structure there is: local strength of the Laplacian of green. Knows nothing of anatomy."""
    maps = []
    for square in squares:
        side = (_SHARPNESS_SIDE,) * 2
        picture = np.asarray(cv2.resize(square.picture, side, interpolation=cv2.INTER_AREA), np.uint8)
        field = cv2.resize(square.field.astype(np.uint8), side, interpolation=cv2.INTER_NEAREST)
        inner = cv2.erode(field, np.ones((5, 5), np.uint8)).astype(np.float32)  # its rim is the sharpest edge of all
        squares_of = np.square(fine_structure(picture[:, :, 1])) * inner
        sigma = _REACH * _SHARPNESS_SIDE
        weight = np.maximum(cv2.GaussianBlur(inner, (0, 0), sigma), 0.05)
        strength = np.sqrt(cv2.GaussianBlur(squares_of, (0, 0), sigma) / weight)
        maps.append(np.float32(_SHARP) / (strength + np.float32(_SHARP)))
    return np.stack(maps).astype(np.float32)


def coverage_maps(segmenter: nn.Module, recipe: Recipe) -> MapMaker:
    """Where vessels are sparser than in a good photograph (``trainer.data.coverage``)."""

    def maps_of(squares: Sequence[Square]) -> Maps:
        maps = []
        for start in range(0, len(squares), 8):
            some = squares[start : start + 8]
            found = segment(segmenter, [resized(s, recipe.side).picture for s in some], recipe)
            maps += [1 - coverage(v, resized(s, recipe.side).field) for s, v in zip(some, found, strict=True)]
        return np.stack(maps)

    return maps_of


def bundle_maps(model: QualityModel) -> MapMaker:
    """What a device shows: a bundle on its engine."""
    manifest = model.manifest

    def maps_of(squares: Sequence[Square]) -> Maps:
        pictures = (resized(s, manifest.input_size).picture for s in squares)
        # The first map is the degradation; landmarks follow where the network knows them.
        return np.stack([model.engine.infer(normalise(p, manifest.mean, manifest.std))[0] for p in pictures])

    return maps_of


def resized(square: Square, side: int) -> Square:
    """A square at another size."""
    if square.picture.shape[0] == side:
        return square
    field = resize(square.field.astype(np.float32), (side, side)) >= 0.5
    return Square(square.path, resize(square.picture, (side, side)), field)


def on_grid(maps: Maps) -> Maps:
    """Maps on the grid of the truth, float32 (N, GRID, GRID), whatever their own grid is."""
    return maps if maps.shape[-1] == GRID else to_grid(maps, GRID)
