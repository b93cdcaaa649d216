"""Frames to calibrate and compare on, prepared as the device prepares them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.field.find import Field
from edge.field.whole import finder_of
from edge.frame.prepare import prepare
from edge.images import read_image
from edge.metrics.labels import key_of
from edge.phantom.golden import golden_frame
from trainer.data.datasets import Photograph, Square, find_photographs, in_threads, load_square, or_left_out
from trainer.modality import modality_of
from trainer.recipe import Recipe

NamedFrame = tuple[str, NDArray[np.uint8]]
Item = TypeVar("Item")


def evenly(items: Sequence[Item], number: int) -> list[Item]:
    """At most ``number`` of the items, evenly spread."""
    return [items[n] for n in np.unique(np.linspace(0, len(items) - 1, number).astype(int))]


def choose_frames(
    data: Path | None, recipe: Recipe, number: int, without: Collection[str] = ()
) -> Iterator[NamedFrame]:
    """Photographs of a folder, evenly spread and without those kept for evaluation; phantoms where there is no folder.

    One at a time, because hundreds at full size do not fit into memory; unreadable files are logged and left out.

    Args:
        data: the folder.
        recipe: its ``exclude`` folders are left out.
        number: how many at most.
        without: paths of photographs to leave out.

    Raises:
        EdgeError: the folder is missing or holds no photograph.
    """
    if data is None:
        yield from made(range(number), recipe, data)
        return
    apart = {key_of(Path(name)) for name in without}
    found = [
        p.path
        for p in find_photographs(data, recipe.exclude, recipe.only, recipe.modality)
        if key_of(p.path) not in apart
    ]
    if found:
        yield from read_frames(evenly(found, number))


def read_frames(paths: Sequence[Path]) -> Iterator[NamedFrame]:
    """Photographs by name, one at a time; unreadable files are logged and left out."""
    for path, frame in zip(paths, in_threads(or_left_out(read_image), paths, "reading frames"), strict=True):
        if frame is not None:
            yield str(path), frame


def phantoms(seeds: Iterable[int]) -> Iterator[NamedFrame]:
    """Synthetic eyes by name: every second one clean, the others spoiled in one way after the other."""
    return ((f"phantom-{seed}", golden_frame(seed)) for seed in seeds)


def made(seeds: Iterable[int], recipe: Recipe, data: Path | None) -> Iterator[NamedFrame]:
    """Frames that nobody took: ``phantoms``; where a modality has none, photographs that were spoiled on purpose.

    Those are squares of ``recipe.side``, also of scans that are longer than wide; unreadable ones are left out.

    Raises:
        EdgeError: it has none, and there is no folder of photographs.
    """
    if recipe.modality == "fundus":
        yield from phantoms(seeds)
        return
    if data is None:
        raise EdgeError(f"there are no synthetic frames of {recipe.modality}: name a folder of scans.")
    photographs = find_photographs(data, recipe.exclude, recipe.only, recipe.modality)

    def cut_out(photograph: Photograph) -> Square | None:  # as training spoils them
        return load_square(photograph, recipe.side)

    square_of = or_left_out(cut_out)
    for seed in seeds:
        if square := square_of(photographs[seed % len(photographs)]):
            spoiled, _ = modality_of(recipe.modality).spoil(square.picture, np.random.default_rng(seed))
            yield f"spoiled-{seed}", spoiled


def tensors(frames: Iterable[NamedFrame], recipe: Recipe) -> list[NDArray[np.float32]]:
    """What the network reads, float32 (1, 3, S, S) each; frames without a field of view are left out."""
    return [tensor for tensor, _ in tensors_and_fields(frames, recipe)]


def tensors_and_fields(frames: Iterable[NamedFrame], recipe: Recipe) -> Iterator[tuple[NDArray[np.float32], Field]]:
    """``tensors``, and the field of view of each."""
    for _, frame in frames:
        if field := finder_of(recipe.modality)(frame):
            yield prepare(frame, field.crop, recipe.distill.size, recipe.mean, recipe.std), field
