"""Frames made from photographs and synthetic eyes: spoiled on purpose, as they are, or empty.

Of whole photographs that were spoiled, and of empty frames, the truth is known: the paired adapter learns it. All
frames together, labelled by the teacher, are what the student learns from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trainer.data.datasets import Square, in_threads
from trainer.loop import runs
from trainer.loop.checkpoints import check_room, read_tensors, tensors_key, write_tensors
from trainer.loop.processes import by_first
from trainer.recipe import Recipe
from trainer.steps.vessel_maps import Read, key_of_photographs, phantoms, segmented
from trainer.steps.vessels import load_segmenter, segment
from trainer.synthesis import augment
from trainer.synthesis.degrade import spoil, store
from trainer.synthesis.lesions import add_lesions
from trainer.synthesis.visibility import degradation, visible_vessels

_AT_ONCE = 8
_BYTES_A_PIXEL = 3.4  # of a frame with all its layers


@dataclass(frozen=True, eq=False)
class FrameView:
    """A view of a photograph, clean, spoiled, and spoiled as it was stored; vessel probability, field and regions."""

    clean: NDArray[np.uint8]
    spoiled: NDArray[np.uint8]
    stored: NDArray[np.uint8]
    vessels: NDArray[np.float32]
    field: NDArray[np.float32]
    regions: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames and what is known of them; g = S / 8.

    Attributes:
        pictures: uint8 BGR (N, S, S, 3).
        fields: bool (N, g, g).
        truth: float32 (N, g, g) degradation map; 0 where ``has_truth`` is not.
        has_truth: bool (N,).
        vessels: uint8 (N, S / 2, S / 2), 255 where a vessel is there and can be seen; counts where the truth does.
        regions: uint8 (N, g, g, 2), 255 inside the regions of disc and macula.
        has_regions: bool (N,).
    """

    pictures: NDArray[np.uint8]
    fields: NDArray[np.bool_]
    truth: NDArray[np.float32]
    has_truth: NDArray[np.bool_]
    vessels: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    has_regions: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pictures)


def make_frames(recipe: Recipe, data: Path, out: Path, read: Read = segmented) -> Frames:
    """The frames of a run, from ``out``/frames where they have been made before.

    Frame n depends on the recipe's seed, the photographs, the segmenter and n alone.

    Raises:
        EdgeError: the disk is full.
    """
    path = out / "frames" / "frames.safetensors"
    key = frames_key(recipe, data, out)
    if by_first(lambda: tensors_key(path) == key):
        return Frames(**read_tensors(path))
    check_room(path, int(recipe.frames.number * _BYTES_A_PIXEL * recipe.side**2))  # before half an hour of work
    frames = _make(recipe, data, out, read)
    write_tensors(path, vars(frames), key)
    return frames


def frames_key(recipe: Recipe, data: Path, out: Path) -> str:
    """What the frames depend on."""
    return runs.key_of(recipe.seed, recipe.side, recipe.frames, key_of_photographs(recipe, data, out))


def _make(recipe: Recipe, data: Path, out: Path, read: Read) -> Frames:
    photographs, segmenter, settings = read(recipe, data, out, None), load_segmenter(out), recipe.frames
    eyes = phantoms(settings.phantoms, recipe.side)
    found = segment(segmenter, [s.picture for s in eyes], recipe) if eyes else photographs.vessels[:0]
    squares = [*photographs.squares, *eyes]
    vessels = np.concatenate([photographs.vessels, np.rint(found * 255).astype(np.uint8)])
    whole = [*photographs.most_complete(settings.whole_share), *range(len(photographs.squares), len(squares))]
    frames = empty_frames(settings.number, recipe.side)

    def make(start: int) -> None:
        """A few frames at a time, so that the segmenter sees them in one batch."""
        numbers = range(start, min(start + _AT_ONCE, settings.number))
        views = [_view(n, squares, vessels, whole, recipe, frames) for n in numbers]
        seen = segment(segmenter, [view.stored for view in views], recipe)
        for n, view, now in zip(numbers, views, seen, strict=True):
            _keep(frames, n, view, now)

    for _ in in_threads(make, range(0, settings.number, _AT_ONCE), "making frames", threads=2):
        pass
    return frames


def empty_frames(number: int, side: int) -> Frames:
    """Frames to be filled: nothing is known of them yet."""
    grid = side // 8
    return Frames(
        np.empty((number, side, side, 3), np.uint8),
        np.empty((number, grid, grid), np.bool_),
        np.zeros((number, grid, grid), np.float32),
        np.zeros(number, np.bool_),
        np.zeros((number, side // 2, side // 2), np.uint8),
        np.zeros((number, grid, grid, 2), np.uint8),
        np.zeros(number, np.bool_),
    )


def _view(
    n: int, squares: Sequence[Square], vessels: NDArray[np.uint8], whole: Sequence[int], recipe: Recipe, frames: Frames
) -> FrameView:
    """A view of a random photograph.

    The place of n among the frames says of which kind it is, so that any number of frames holds the same shares.
    """
    settings, rng = recipe.frames, np.random.default_rng((recipe.seed, 7, n))
    kind = (n * 0.6180339887) % 1  # the golden ratio spreads the kinds evenly
    any_photograph, empty = kind < settings.any_share, kind >= 1 - settings.empty_share
    chosen = int(rng.integers(len(squares))) if any_photograph else whole[int(rng.integers(len(whole)))]
    square = squares[chosen]
    regions = square.regions if square.regions is not None else np.zeros((*square.field.shape, 2), np.uint8)
    layers: list[NDArray[Any]] = [square.picture, vessels[chosen], square.field.astype(np.float32), regions]
    picture, known, field, turned = augment.random_view(rng, (recipe.side,) * 2, layers, (0.92, 1.35))
    clean = np.asarray(picture, np.uint8)
    frames.has_truth[n], frames.has_regions[n] = not any_photograph, empty or square.regions is not None
    if empty:
        known, turned = np.zeros_like(known), np.zeros_like(turned)
    share = np.asarray(known / 255, np.float32)
    if not any_photograph and not empty and rng.random() < settings.lesion_share:
        clean, cover = add_lesions(clean, rng)
        share = share * (1 - cover)  # what lies below is hidden by disease, not by the photograph
    if empty:
        spoiled = stored = augment.without_anatomy(clean, rng)
    elif any_photograph and rng.random() < 0.5:
        spoiled = stored = augment.another_camera(clean, rng)
    else:
        spoiled = spoil(clean, rng)
        stored = store(spoiled, rng)
    return FrameView(clean, spoiled, stored, share, np.asarray(field, np.float32), np.asarray(turned, np.uint8))


def _keep(frames: Frames, n: int, view: FrameView, seen: NDArray[np.float32]) -> None:
    side, field = view.clean.shape[0], view.field
    small, half = (side // 8, side // 8), (side // 2, side // 2)
    frames.pictures[n] = view.stored
    frames.fields[n] = cv2.resize(field, small, interpolation=cv2.INTER_AREA) >= 0.5
    frames.regions[n] = cv2.resize(view.regions, small, interpolation=cv2.INTER_AREA)
    if frames.has_truth[n]:
        lost = np.ones_like(field)
        if view.vessels.any():  # an empty frame was made from a view whose vessels do not count
            lost = degradation(view.clean, view.spoiled, view.vessels, seen, field)
        frames.truth[n] = cv2.resize(lost, small, interpolation=cv2.INTER_AREA)
        visible = visible_vessels(view.vessels, seen) * (field > 0.5)
        frames.vessels[n] = cv2.resize(visible, half, interpolation=cv2.INTER_AREA) * 255
