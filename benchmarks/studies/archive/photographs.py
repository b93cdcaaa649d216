"""An archive that is made for one run: small photographs that all differ."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.grading import Input, find_inputs
from edge.images import read_image
from edge.phantom.retina import phantom_frame
from edge.progress import followed

_EYES = 16
_MOST = 400  # photographs that are read and encoded again
_FOLDER = 500  # photographs in each
_SIZE = (320, 240)  # what is tested is their number


def make_archive(folder: Path, count: int, photographs: Path | None) -> None:
    """Write JPEGs of synthetic eyes and, in turn with them, of photographs.

    Args:
        folder: new.
        count: how many.
        photographs: a folder of them, or None for synthetic eyes alone.

    Raises:
        EdgeError: a photograph cannot be read.
    """
    eyes = [_small(phantom_frame(seed)) for seed in range(_EYES)]
    real = [] if photographs is None else [_small(read_image(each.path)) for each in _spread(photographs)]
    turns = itertools.cycle(itertools.chain.from_iterable(zip(itertools.cycle(eyes), real)) if real else eyes)
    generator = np.random.default_rng(0)
    for number in followed(range(count), "making photographs", count):
        path = folder / f"{number // _FOLDER:05}" / f"{number:07}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        eye = next(turns) * generator.uniform(0.7, 1.1)
        noise = generator.normal(0, 2, (1, _SIZE[0], 3))
        quality = int(generator.integers(60, 98))
        cv2.imwrite(str(path), np.clip(eye + noise, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])


def _spread(folder: Path) -> Iterator[Input]:
    inputs = find_inputs([folder])
    return itertools.islice(inputs[:: max(1, len(inputs) // _MOST)], _MOST)


def _small(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cv2.resize(frame, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
