"""All photographs of a training with their vessel maps: what the steps after the segmenter learn from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from edge.errors import EdgeError
from edge.images import find_images
from edge.phantom.retina import make_retina
from trainer.data.apart import size_of
from trainer.data.coverage import completeness
from trainer.data.datasets import Photograph, Square, find_photographs, in_threads, read_squares
from trainer.data.landmarks import Landmarks, paint_regions
from trainer.loop import runs
from trainer.loop.rows import Rows, rows_in
from trainer.recipe import Recipe
from trainer.steps.vessels import load_segmenter, segment

_PHANTOMS = 500_000  # seeds from here on teach
_AT_ONCE = 8  # photographs that the segmenter sees in one batch


@dataclass(frozen=True, eq=False)
class Segmented:
    """A photograph at the size that all later steps work on.

    Attributes:
        picture: uint8 BGR (S, S, 3).
        field: bool (S, S).
        vessels: uint8 (S, S), vessel probability times 255.
        regions: uint8 (S, S, 2), 255 inside the regions of disc and macula; 0 where they are not known.
        has_regions: whether they are.
    """

    picture: NDArray[np.uint8]
    field: NDArray[np.bool_]
    vessels: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    has_regions: bool


@dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs with their vessels, each read from the disk when it is asked for.

    Attributes:
        paths: N of them.
        rows: what ``Segmented`` holds of each, on the disk.
        sources: of each photograph, see ``Photograph``; none of synthetic eyes.
    """

    paths: Sequence[Path]
    rows: Rows
    sources: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, n: int) -> Segmented:
        row = self.rows[n]
        layers: dict[str, Any] = {name: row[name][()] for name in _NAMES}
        return Segmented(**layers)

    @property
    def pictures(self) -> Rows:
        return self.rows["picture"]

    def most_complete(self, share: float) -> list[int]:
        """Numbers of the photographs with the most complete vessel map, best first: chosen without a label."""
        complete = [
            completeness(vessels.astype(np.float32) / np.float32(255), field)
            for vessels, field in zip(self.rows["vessels"], self.rows["field"], strict=True)
        ]
        order = np.argsort(-np.array(complete), kind="stable")
        return [int(n) for n in order[: max(1, round(share * len(order)))]]


_NAMES = tuple(each.name for each in fields(Segmented))


def key_of_photographs(recipe: Recipe, data: Path, out: Path, maps: Path | None = None) -> str:
    """What ``segmented`` depends on: names and sizes of files and the segmenter; no photograph is read."""
    photographs = find_photographs(data, recipe.exclude, recipe.only, recipe.modality)
    files = list(runs.names_and_sizes(data, photographs))
    if maps is None:
        return runs.key_of(recipe.exclude, recipe.side, runs.read_metadata(out / "vessels")["key"], *files)
    files += [f"{path.relative_to(maps)} {size_of(path)}" for path in find_images([maps])]
    return runs.key_of(recipe.exclude, recipe.side, *recipe.other_modality, *files)


def segmented(recipe: Recipe, data: Path, out: Path, maps: Path | None = None) -> Photographs:
    """All photographs that may train with their vessels, kept in ``out``/photographs.

    Args:
        recipe: its ``exclude`` and ``side``.
        data: folder of photographs.
        out: run folder with the segmenter.
        maps: folder of vessel maps of another segmenter, laid out like ``data`` (see ``_with_maps``); None for ours.

    Raises:
        EdgeError: the segmenter is missing, no photograph can be read, or the disk is full.
    """
    photographs, key = (
        find_photographs(data, recipe.exclude, recipe.only, recipe.modality),
        key_of_photographs(recipe, data, out, maps),
    )
    if maps is not None:
        photographs = _with_maps(photographs, data, maps)
    segmenter = load_segmenter(out) if maps is None else None

    def make() -> Iterator[NDArray[Any]]:
        what = "reading photographs" if maps is not None else "finding vessels"
        return _rows(read_squares(photographs, recipe.side, what), segmenter, recipe)

    path = out / "photographs" / f"{'segmented' if maps is None else 'mapped'}-{key}.npy"
    rows = rows_in(path, layers_of(recipe.side), (), len(photographs), make)
    read = [photographs[int(n)] for n in rows["number"]]
    return Photographs([each.path for each in read], rows, [each.source for each in read])


def segmented_phantoms(recipe: Recipe, number: int, out: Path) -> Photographs:
    """Synthetic eyes with the vessels that the segmenter of the run finds in them, kept in ``out``/photographs."""
    key, segmenter = runs.read_metadata(out / "vessels")["key"], load_segmenter(out)
    path = out / "photographs" / f"phantoms-{runs.key_of(number, recipe.side, key)}.npy"
    eyes = phantoms(number, recipe.side)
    rows = rows_in(path, layers_of(recipe.side), (), number, lambda: _rows(enumerate(eyes), segmenter, recipe))
    return Photographs([Path(f"phantom-{n}") for n in range(number)], rows)


def layers_of(side: int) -> np.dtype[Any]:
    """One row: what ``Segmented`` holds, and the number of the photograph among those that were to be read."""
    return np.dtype(
        [
            ("number", np.int32),
            ("picture", np.uint8, (side, side, 3)),
            ("field", np.bool_, (side, side)),
            ("vessels", np.uint8, (side, side)),
            ("regions", np.uint8, (side, side, 2)),
            ("has_regions", np.bool_),
        ]
    )


def segmented_square(square: Square, vessels: NDArray[np.float32]) -> Segmented:
    """A photograph with vessel probability, float32 (S, S) in [0, 1]."""
    has_regions = square.regions is not None
    regions = square.regions if square.regions is not None else np.zeros((*square.field.shape, 2), np.uint8)
    return Segmented(square.picture, square.field, np.rint(vessels * 255).astype(np.uint8), regions, has_regions)


def row_of(number: int, photograph: Segmented) -> NDArray[Any]:
    """A row of ``layers_of``."""
    row = np.zeros((), layers_of(len(photograph.picture)))
    for name, layer in vars(photograph).items():
        row[name] = layer
    row["number"] = number
    return row


def _rows(squares: Iterable[tuple[int, Square]], segmenter: nn.Module | None, recipe: Recipe) -> Iterator[NDArray[Any]]:
    """Rows of photographs, with the vessels that a segmenter finds in them, or their own where there is none."""
    waiting = iter(squares)
    while some := list(itertools.islice(waiting, _AT_ONCE)):
        pictures = [square.picture for _, square in some]
        found = [s.vessels for _, s in some] if segmenter is None else segment(segmenter, pictures, recipe, _AT_ONCE)
        for (number, square), vessels in zip(some, found, strict=True):
            assert vessels is not None
            yield row_of(number, segmented_square(square, vessels))


def _with_maps(photographs: Sequence[Photograph], data: Path, maps: Path) -> list[Photograph]:
    """Photographs that have a map ``DIR/the/same/path.*``; binary, or in the colours of arteries and veins."""
    if not maps.is_dir():
        raise EdgeError(f"{maps} is not a folder: give --vessel-maps a folder laid out like --data.")
    known = {path.relative_to(maps).with_suffix(""): path for path in find_images([maps])}
    found = [
        replace(p, vessels=map_path)
        for p in photographs
        if (map_path := known.get(p.path.relative_to(data).with_suffix("")))
    ]
    if not found:
        raise EdgeError(f"{maps} holds no map for a photograph of {data}: it needs the same folders and file names.")
    return found


def phantoms(number: int, side: int, first: int = _PHANTOMS) -> Iterator[Square]:
    """Synthetic eyes from the seed ``first`` on, cut as a device cuts photographs; vessels and regions are exact."""

    def one(seed: int) -> Square:
        retina = make_retina(seed, side)
        rows, columns = np.nonzero(retina.field)
        left, top = int(columns.min()), int(rows.min())
        extent = max(int(columns.max()) - left, int(rows.max()) - top) + 1
        scale = side / extent

        def scaled(layer: NDArray[Any]) -> NDArray[Any]:
            square = np.zeros((extent, extent, *layer.shape[2:]), layer.dtype)
            part = layer[top : top + extent, left : left + extent]
            square[: part.shape[0], : part.shape[1]] = part
            return np.asarray(cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR))

        places = Landmarks(retina.disc, retina.disc_radius, retina.macula).moved(left, top, scale)
        return Square(
            Path(f"phantom-{seed}"),
            np.asarray(scaled(retina.image), np.uint8),
            scaled(retina.field) >= 128,
            np.asarray(scaled(retina.vessels), np.float32),
            paint_regions(places, side),
        )

    return in_threads(one, range(first, first + number), "drawing synthetic eyes")
