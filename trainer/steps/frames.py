"""Frames made from photographs and synthetic eyes: spoiled on purpose, as they are, or empty.

Of whole photographs that were spoiled, and of empty frames, the truth is known: the paired adapter learns it. All
frames together are what the student learns from, the others labelled by the teacher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from edge.errors import EdgeError
from trainer.data.datasets import in_threads
from trainer.loop import runs
from trainer.loop.rows import Rows, opened, rows_in
from trainer.modality import modality_of
from trainer.recipe import Recipe
from trainer.steps.vessel_maps import Photographs, Segmented, key_of_photographs, segmented, segmented_phantoms
from trainer.steps.vessels import load_segmenter, segment
from trainer.synthesis.visibility import degradation, visible_vessels

_AT_ONCE = 8
_DRAWN = 2  # to be raised where the code draws other frames: none that were kept are then taken for them


@dataclass(frozen=True, eq=False)
class FrameView:
    """A view of a photograph, clean, spoiled, and spoiled as it was stored; vessel probability, field and regions.

    ``has_truth`` and ``has_regions`` are those of the frame that it becomes; ``lost`` is what was taken of it, float32
    (S, S), where the modality knows it by itself.
    """

    clean: NDArray[np.uint8]
    spoiled: NDArray[np.uint8]
    stored: NDArray[np.uint8]
    vessels: NDArray[np.float32]
    field: NDArray[np.float32]
    regions: NDArray[np.uint8]
    has_truth: bool
    has_regions: bool
    lost: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame and what is known of it; g = S / 8.

    Attributes:
        truth: float32 (g, g) degradation map; 0 where it is not known.
        has_truth: whether it is.
        picture: uint8 BGR (S, S, 3).
        field: bool (g, g).
        vessels: uint8 (S / 2, S / 2), 255 where a vessel is there and can be seen; counts where the truth does.
        regions: uint8 (g, g, 2), 255 inside the regions of disc and macula.
        has_regions: whether they are known.
    """

    truth: NDArray[np.float32]
    has_truth: bool
    picture: NDArray[np.uint8]
    field: NDArray[np.bool_]
    vessels: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    has_regions: bool


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames, each read from the disk when it is asked for; ``rows`` holds there what ``Frame`` holds of each."""

    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, n: int) -> Frame:
        row = self.rows[n]
        layers: dict[str, Any] = {name: row[name][()] for name in row.dtype.names or ()}
        return Frame(**layers)


def make_frames(recipe: Recipe, data: Path, out: Path) -> Frames:
    """The frames of a run, from ``out``/frames where they have been made before.

    Frame n depends on the recipe's seed, the photographs, the segmenter and n alone.

    Raises:
        EdgeError: the disk is full.
    """

    def make() -> Iterator[NDArray[Any]]:
        photographs, segmenter = segmented(recipe, data, out), load_segmenter(out)
        number = recipe.frames.phantoms
        return _rows(recipe, photographs, segmented_phantoms(recipe, number, out) if number else None, segmenter)

    path = out / "frames" / f"frames-{frames_key(recipe, data, out)}.npy"
    return Frames(rows_in(path, layers_of(recipe.side), (), recipe.frames.number, make))


def frames_of(run: Path, recipe: Recipe) -> Frames | None:
    """The frames that a run was trained on, found without its photographs; None where they were removed.

    Raises:
        EdgeError: their file is damaged, or of another recipe.
    """
    path = next(iter((run / "frames").glob("frames-*.npy")), None)
    rows = opened(path, layers_of(recipe.side)) if path else None
    if path and rows is None:
        raise EdgeError(f"{path} is damaged or of another recipe: remove it, and synthetic eyes take its place.")
    return Frames(rows) if rows else None


def frames_key(recipe: Recipe, data: Path, out: Path) -> str:
    """What the frames depend on."""
    return runs.key_of(_DRAWN, recipe.seed, recipe.side, recipe.frames, key_of_photographs(recipe, data, out))


def layers_of(side: int) -> np.dtype[Any]:
    """One row: what ``Frame`` holds; numbers of four bytes first, where they are aligned."""
    grid = side // 8
    return np.dtype(
        [
            ("truth", np.float32, (grid, grid)),
            ("has_truth", np.bool_),
            ("picture", np.uint8, (side, side, 3)),
            ("field", np.bool_, (grid, grid)),
            ("vessels", np.uint8, (side // 2, side // 2)),
            ("regions", np.uint8, (grid, grid, 2)),
            ("has_regions", np.bool_),
        ]
    )


def row_of(frame: Frame) -> NDArray[Any]:
    """A row of ``layers_of``."""
    row = np.zeros((), layers_of(len(frame.picture)))
    for name, layer in vars(frame).items():
        row[name] = layer
    return row


def _rows(
    recipe: Recipe, photographs: Photographs, eyes: Photographs | None, segmenter: nn.Module
) -> Iterator[NDArray[Any]]:
    settings, first = recipe.frames, len(photographs)
    number = first + (len(eyes) if eyes else 0)
    whole = [*photographs.most_complete(settings.whole_share), *range(first, number)]

    def source(n: int) -> Segmented:
        return photographs[n] if eyes is None or n < first else eyes[n - first]

    def make(start: int) -> list[NDArray[Any]]:
        """A few frames at a time, so that the segmenter sees them in one batch."""
        some = range(start, min(start + _AT_ONCE, settings.number))
        views = [_view(n, source, number, whole, recipe) for n in some]
        seen = segment(segmenter, [view.stored for view in views], recipe)
        return [row_of(_frame(view, now)) for view, now in zip(views, seen, strict=True)]

    for rows in in_threads(make, range(0, settings.number, _AT_ONCE), "making frames", threads=2):
        yield from rows


def _view(n: int, source: Callable[[int], Segmented], number: int, whole: Sequence[int], recipe: Recipe) -> FrameView:
    """A view of a random photograph, one of ``number`` that ``source`` gives.

    The place of n among the frames says of which kind it is, so that any number of frames holds the same shares.
    """
    settings, rng = recipe.frames, np.random.default_rng((recipe.seed, 7, n))
    modality = modality_of(recipe.modality)
    kind = (n * 0.6180339887) % 1  # the golden ratio spreads the kinds evenly
    any_photograph, empty = kind < settings.any_share, kind >= 1 - settings.empty_share
    of = source(int(rng.integers(number)) if any_photograph else whole[int(rng.integers(len(whole)))])
    layers: list[NDArray[Any]] = [of.picture, of.vessels, of.field.astype(np.float32), of.regions]
    picture, known, field, turned = modality.view(rng, (recipe.side,) * 2, layers, (0.92, 1.35))
    clean = np.asarray(picture, np.uint8)
    if empty:
        known, turned = np.zeros_like(known), np.zeros_like(turned)
    share = np.asarray(known / 255, np.float32)
    lost = None
    if modality.lesions and not any_photograph and not empty and rng.random() < settings.lesion_share:
        clean, cover = modality.lesions(clean, rng)
        share = share * (1 - cover)  # what lies below is hidden by disease, not by the photograph
    if empty:
        spoiled = stored = modality.elsewhere(clean, rng)
    elif any_photograph and rng.random() < 0.5:
        spoiled = stored = modality.another_camera(clean, rng)
    else:
        spoiled, lost = modality.spoil(clean, rng)
        stored = modality.store(spoiled, rng)
    return FrameView(
        clean,
        spoiled,
        stored,
        share,
        np.asarray(field, np.float32),
        np.asarray(turned, np.uint8),
        not any_photograph,
        empty or bool(of.has_regions),
        lost,
    )


def _frame(view: FrameView, seen: NDArray[np.float32]) -> Frame:
    """The frame that a view becomes; ``seen`` are the vessels that the segmenter finds in it as it was stored."""
    side, field = view.clean.shape[0], view.field
    small, half = (side // 8, side // 8), (side // 2, side // 2)
    truth, vessels = np.zeros(small, np.float32), np.zeros(half, np.uint8)
    if view.has_truth:
        lost = np.ones_like(field)
        if view.vessels.any():  # an empty frame was made from a view whose vessels do not count
            known = view.lost
            lost = degradation(view.clean, view.spoiled, view.vessels, seen, field) if known is None else known
        truth = np.asarray(cv2.resize(lost, small, interpolation=cv2.INTER_AREA), np.float32)
        visible = visible_vessels(view.vessels, seen) * (field > 0.5)
        vessels = (cv2.resize(visible, half, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8)
    return Frame(
        truth,
        view.has_truth,
        view.stored,
        cv2.resize(field, small, interpolation=cv2.INTER_AREA) >= 0.5,
        vessels,
        np.asarray(cv2.resize(view.regions, small, interpolation=cv2.INTER_AREA), np.uint8),
        view.has_regions,
    )
