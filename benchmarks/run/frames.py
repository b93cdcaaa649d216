"""The frames that a benchmark grades: pictures of a folder, or seeded phantoms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.field.find import find_field
from edge.field.resample import resize
from edge.images import find_images, read_image
from edge.phantom import phantom_frame

PHANTOMS = 4  # drawing one takes some 0.3 s
PHANTOM_SIZE = (760, 570)  # width, height of DRIMDB's frames, and of the target on speed
MOST = 64  # frames held in memory; a folder with more is sampled evenly


@dataclass(frozen=True, eq=False)
class BenchFrames:
    """Frames that show a retina, so that grading each of them takes every stage.

    Attributes:
        source: ``phantom`` or the name of the folder, without the way to it.
        images: uint8 BGR, each (H, W, 3).
        notes: what was left out and why, one sentence each.
    """

    source: str
    images: tuple[NDArray[np.uint8], ...]
    notes: tuple[str, ...] = ()

    @property
    def sizes(self) -> tuple[str, ...]:
        """Every size met, as ``WxH``."""
        return tuple(sorted({f"{image.shape[1]}x{image.shape[0]}" for image in self.images}))


def phantom_frames(size: tuple[int, int] = PHANTOM_SIZE, count: int = PHANTOMS) -> BenchFrames:
    """Synthetic eyes, the same on every machine, resized to ``size`` = (width, height) in pixels."""
    images = tuple(resize(phantom_frame(seed), size) for seed in range(count))
    return _with_field("phantom", images, ())


def folder_frames(folder: Path, size: tuple[int, int] | None = None) -> BenchFrames:
    """Photographs of a folder, in their own size or resized to ``size`` = (width, height) in pixels.

    Raises:
        EdgeError: the folder is missing, or none of its pictures can be read or shows a retina.
    """
    if not folder.is_dir():
        raise EdgeError(f"{folder} is not a folder: --frames takes a folder with photographs.")
    paths = find_images([folder])
    notes = []
    if len(paths) > MOST:
        notes.append(f"{MOST} of the {len(paths)} pictures were used, evenly spaced.")
        paths = [paths[i * len(paths) // MOST] for i in range(MOST)]
    images = []
    unread = 0
    for path in paths:
        try:
            image = read_image(path)
        except EdgeError:
            unread += 1
            continue
        images.append(image if size is None else resize(image, size))
    if unread:
        notes.append(f"{unread} of {len(paths)} pictures could not be read and were left out; edge-grade says why.")
    return _with_field(folder.resolve().name, tuple(images), tuple(notes))


def _with_field(source: str, images: tuple[NDArray[np.uint8], ...], notes: tuple[str, ...]) -> BenchFrames:
    """Without a field of view the network is never asked: such frames would make every figure too good."""
    kept = tuple(image for image in images if find_field(image) is not None)
    if not kept:
        raise EdgeError(f"None of the {len(images)} frames of {source} shows a retina: choose other frames to time.")
    if len(kept) < len(images):
        notes = (*notes, f"{len(images) - len(kept)} of {len(images)} frames show no retina and were left out.")
    return BenchFrames(source, kept, notes)
