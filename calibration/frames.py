"""Frames to calibrate and compare on, prepared as the device prepares them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.field.find import Field, find_field
from edge.frame.prepare import prepare
from edge.images import read_image
from edge.metrics.labels import key_of
from edge.phantom.golden import golden_frame
from trainer.data.datasets import find_photographs, in_threads, or_left_out
from trainer.recipe import Recipe

Frame = NDArray[np.uint8]


def choose_frames(data: Path | None, recipe: Recipe, number: int, without: Collection[str] = ()) -> Iterator[Frame]:
    """The frames of ``named_frames`` without their names."""
    return (frame for _, frame in named_frames(data, recipe, number, without))


def named_frames(
    data: Path | None, recipe: Recipe, number: int, without: Collection[str] = ()
) -> Iterator[tuple[str, Frame]]:
    """So many photographs of a folder, evenly spread and without those kept for evaluation; phantoms without one.

    One at a time, because at full size hundreds do not fit into memory; what cannot be read is named and left out.
    ``without`` names photographs that are not to be among them.

    Raises:
        EdgeError: the folder is missing or holds no photograph.
    """
    if data is None:
        yield from named_phantoms(range(number))
        return
    apart = {key_of(Path(name)) for name in without}
    found = [p.path for p in find_photographs(data, recipe.exclude) if key_of(p.path) not in apart]
    if found:
        yield from read_frames([found[n] for n in np.unique(np.linspace(0, len(found) - 1, number).astype(int))])


def read_frames(paths: Sequence[Path]) -> Iterator[tuple[str, Frame]]:
    """Photographs by name, one at a time; what cannot be read is named and left out."""
    for path, frame in zip(paths, in_threads(or_left_out(read_image), paths, "reading frames"), strict=True):
        if frame is not None:
            yield str(path), frame


def named_phantoms(seeds: Iterable[int]) -> Iterator[tuple[str, Frame]]:
    """``phantoms`` by name."""
    return ((f"phantom-{seed}", golden_frame(seed)) for seed in seeds)


def phantoms(seeds: Iterable[int]) -> Iterator[Frame]:
    """Synthetic eyes: every second one clean, the others spoiled in one way after the other."""
    yield from map(golden_frame, seeds)


def tensors(frames: Iterable[Frame], recipe: Recipe) -> list[NDArray[np.float32]]:
    """What the network reads, float32 (1, 3, S, S); frames without a field of view are left out."""
    return [tensor for tensor, _ in _prepared(frames, recipe)]


def tensors_and_fields(
    frames: Iterable[Frame], recipe: Recipe, grid: int
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.bool_]]]:
    """``tensors``, and where the field of each is, bool (grid, grid)."""
    found = [(tensor, field.on_grid(grid)) for tensor, field in _prepared(frames, recipe)]
    return [tensor for tensor, _ in found], [field for _, field in found]


def _prepared(frames: Iterable[Frame], recipe: Recipe) -> Iterator[tuple[NDArray[np.float32], Field]]:
    for frame in frames:
        if field := find_field(frame):
            yield prepare(frame, field.crop, recipe.distill.size, recipe.mean, recipe.std), field
