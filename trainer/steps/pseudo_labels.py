"""Pseudo-labels: where the prior says that anatomy is missing, patch by patch (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.field.resample import resize
from trainer.data.datasets import Square
from trainer.recipe import Recipe
from trainer.steps.prior import anomaly, binarise, load_prior


def prior_maps(
    recipe: Recipe, out: Path, squares: Sequence[Square], vessels: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What the run's prior misses on vessel maps.

    Args:
        recipe: of the run.
        out: run folder.
        squares: N photographs, for their fields.
        vessels: uint8 (N, S, S), vessel probability times 255.

    Returns:
        |f|, float32 (N, size, size), and where it counts, bool, the same shape.
    """
    counted = []

    def read(pair: tuple[Square, NDArray[np.uint8]]) -> NDArray[np.float32]:
        square, found = pair
        binary, inside = binarise(found.astype(np.float32) / np.float32(255), square.field, recipe.prior.size)
        counted.append(inside > 0)
        return binary

    pairs = list(zip(squares, vessels, strict=True))
    return anomaly(load_prior(out, recipe), pairs, read, "what the prior misses"), np.stack(counted)


def pseudo_labels(
    recipe: Recipe, missed: tuple[NDArray[np.float32], NDArray[np.bool_]], grid: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Per patch: 1 where enough of its pixels are anomalous, and whether it counts. Both (N, grid, grid)."""
    strength, counted = missed
    inside = to_grid(counted.astype(np.float32), grid)
    share = to_grid((counted & (strength > recipe.adapter.anomaly)).astype(np.float32), grid)
    return (share >= recipe.adapter.patch_share * inside).astype(np.float32), inside >= 0.5


def to_grid(layers: NDArray[np.float32], grid: int) -> NDArray[np.float32]:
    """Layers (N, h, w) resampled to (N, grid, grid): areas averaged on the way down, linear on the way up."""
    return np.stack([resize(layer, (grid, grid)) for layer in layers])
