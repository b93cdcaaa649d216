"""Features of a frozen backbone, cached on disk, so that another adapter trains in seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from trainer.loop import runs
from trainer.loop.rows import Rows, rows_in
from trainer.networks.backbone import Backbone, batches, grid_of


def cached_features(
    backbone: Backbone, pictures: Sequence[NDArray[np.uint8]] | Rows, size: int, folder: Path, key: str
) -> Rows:
    """The features of ``backbone.extract`` in half precision, from ``folder`` where they have been computed before.

    A folder holds the features of one set of pictures by one backbone at one size; others in it are removed.

    Args:
        backbone: see ``load_backbone``; its weights are part of the file's key.
        pictures: N of any square size, uint8 BGR.
        size: pixels that they are resampled to.
        folder: made where it is missing.
        key: identifies the pictures; other pictures need another key.

    Returns:
        N rows on the disk, float16 (C, g, g).

    Raises:
        EdgeError: the size is not a multiple of the patch, the disk is full, or the backbone yields no finite numbers.
    """
    grid, number = grid_of(backbone, size), len(pictures)
    path = folder / f"features-{runs.key_of(key, backbone.name, backbone.digest, size, number)}.npy"
    shape = (backbone.channels, grid, grid)
    return rows_in(path, np.dtype(np.float16), shape, number, lambda: _halves(backbone, pictures, size))


def _halves(
    backbone: Backbone, pictures: Sequence[NDArray[np.uint8]] | Rows, size: int
) -> Iterator[NDArray[np.float16]]:
    for some in batches(backbone, pictures, size):
        with np.errstate(over="ignore"):
            half = some.astype(np.float16)
        if not np.isfinite(half).all():
            raise EdgeError(
                f"the backbone {backbone.name} yields features that are no finite numbers: download its weights again."
            )
        yield from half
