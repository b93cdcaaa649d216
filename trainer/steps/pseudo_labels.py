"""Pseudo-labels: where the prior says that anatomy is missing, patch by patch (paper, section 3.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.field.resample import resize
from trainer.loop.training import Items
from trainer.recipe import Recipe
from trainer.steps.binary_maps import binarise
from trainer.steps.prior import anomaly_of_each, load_prior
from trainer.steps.vessel_maps import Segmented

Missed = tuple[NDArray[np.float32], NDArray[np.bool_]]  # |f| of a photograph and where it counts, both (size, size)


def prior_maps(recipe: Recipe, out: Path, photographs: Items) -> Iterator[Missed]:
    """What the run's prior misses on vessel maps.

    Args:
        recipe: of the run.
        out: run folder.
        photographs: N of ``Segmented``, for their vessels and fields.
    """
    counted: deque[NDArray[np.bool_]] = deque()

    def read(photograph: Segmented) -> NDArray[np.float32]:
        vessels = photograph.vessels.astype(np.float32) / np.float32(255)
        binary, inside = binarise(vessels, photograph.field, recipe.prior.size)
        counted.append(inside > 0)
        return binary

    for strength in anomaly_of_each(load_prior(out, recipe), photographs, read, "what the prior misses"):
        yield strength, counted.popleft()


def pseudo_labels(recipe: Recipe, missed: Iterable[Missed], grid: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Per patch: 1 where enough of its pixels are anomalous, and whether it counts. Both (N, grid, grid)."""
    labels, known = [], []
    for strength, counted in missed:
        anomalous = counted & (strength > recipe.adapter.anomaly)
        inside, share = (resize(layer.astype(np.float32), (grid, grid)) for layer in (counted, anomalous))
        labels.append((share >= recipe.adapter.patch_share * inside).astype(np.float32))
        known.append(inside >= 0.5)
    return np.stack(labels), np.stack(known)


def to_grid(layers: Iterable[NDArray[np.float32]], grid: int) -> NDArray[np.float32]:
    """Layers (N, h, w) resampled to (N, grid, grid): areas averaged on the way down, linear on the way up."""
    return np.stack([resize(layer, (grid, grid)) for layer in layers])
