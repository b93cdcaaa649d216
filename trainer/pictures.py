"""Sheets of pictures on which a person can judge a training step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.loop.checkpoints import write

_SIDE = 256
_HEAD = 24


def tint(picture: NDArray[np.uint8], layer: NDArray[np.generic] | None) -> NDArray[np.uint8]:
    """A layer in [0, 1], of any size, over a darkened grey picture: yellow where it is 1."""
    side = picture.shape[0]
    grey = np.repeat(picture.mean(axis=2, keepdims=True) * 0.5, 3, axis=2)
    if layer is None:
        return grey.astype(np.uint8)
    share = cv2.resize(layer.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)[:, :, None]
    return (grey * (1 - share) + np.array([0, 220, 255]) * share).astype(np.uint8)


def save_sheet(path: Path, rows: Sequence[Sequence[NDArray[np.uint8]]], heads: Sequence[str]) -> None:
    """Write rows of pictures as one PNG with a head over each column.

    Args:
        path: of the PNG.
        rows: pictures uint8 BGR (H, W, 3), as many in each row as there are heads.
        heads: words for the columns.
    """
    lines = [np.hstack([cv2.resize(p, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for p in row]) for row in rows]
    title = np.full((_HEAD, _SIDE * len(heads), 3), 255, np.uint8)
    for n, head in enumerate(heads):
        cv2.putText(title, head, (n * _SIDE + 6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    _, coded = cv2.imencode(".png", np.vstack([title, *lines]))
    write(path, coded.tobytes())
