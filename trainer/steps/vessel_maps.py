"""All photographs of a training with their vessel maps: what the steps after the segmenter learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.images import find_images
from edge.phantom.retina import make_retina
from trainer.data.coverage import completeness
from trainer.data.datasets import Photograph, Square, find_photographs, in_threads, load_squares
from trainer.data.landmarks import Landmarks, paint_regions
from trainer.loop import runs
from trainer.recipe import Recipe
from trainer.steps.vessels import load_segmenter, segment

_PHANTOMS = 500_000  # seeds from here on teach


@dataclass(frozen=True, eq=False)
class Segmented:
    """Photographs, each at the size that all later steps work on.

    Attributes:
        squares: N of them.
        vessels: uint8 (N, S, S), vessel probability times 255.
    """

    squares: Sequence[Square]
    vessels: NDArray[np.uint8]

    def most_complete(self, share: float) -> list[int]:
        """Numbers of the photographs with the most complete vessel map, best first: chosen without a label."""
        complete = [completeness(v / np.float32(255), s.field) for s, v in zip(self.squares, self.vessels, strict=True)]
        order = np.argsort(-np.array(complete), kind="stable")
        return [int(n) for n in order[: max(1, round(share * len(order)))]]


def key_of_photographs(recipe: Recipe, data: Path, out: Path, maps: Path | None = None) -> str:
    """What ``segmented`` depends on: names and sizes of files and the segmenter; no photograph is read."""
    photographs = find_photographs(data, recipe.exclude)
    files = list(runs.names_and_sizes(data, photographs))
    if maps is None:
        return runs.key_of(recipe.exclude, recipe.side, runs.read_metadata(out / "vessels")["key"], *files)
    files += [f"{path.relative_to(maps)} {path.stat().st_size}" for path in find_images([maps])]
    return runs.key_of(recipe.exclude, recipe.side, *files)


def segmented(recipe: Recipe, data: Path, out: Path, maps: Path | None = None) -> Segmented:
    """Read all photographs that may train and find their vessels.

    Args:
        recipe: its ``exclude`` and ``side``.
        data: folder of photographs.
        out: run folder with the segmenter.
        maps: folder of vessel maps of another segmenter, laid out like ``data`` (see ``_with_maps``); None for ours.

    Raises:
        EdgeError: the segmenter is missing, or no photograph can be read.
    """
    photographs = find_photographs(data, recipe.exclude)
    if maps is not None:
        squares = load_squares(_with_maps(photographs, data, maps), recipe.side)
        found = np.stack([s.vessels for s in squares if s.vessels is not None])
    else:
        squares = load_squares(photographs, recipe.side)
        found = segment(load_segmenter(out), [s.picture for s in squares], recipe, what="finding vessels")
    return Segmented(squares, np.rint(found * 255).astype(np.uint8))


Read = Callable[[Recipe, Path, Path, Path | None], Segmented]  # ``segmented``, or what keeps its last answer


def _with_maps(photographs: Sequence[Photograph], data: Path, maps: Path) -> list[Photograph]:
    """Photographs that have a map ``DIR/the/same/path.*``; binary, or in the colours of arteries and veins."""
    if not maps.is_dir():
        raise EdgeError(f"{maps} is not a folder: give --vessel-maps a folder laid out like --data.")
    known = {path.relative_to(maps).with_suffix(""): path for path in find_images([maps])}
    found = [
        Photograph(p.path, map_path, p.disc)
        for p in photographs
        if (map_path := known.get(p.path.relative_to(data).with_suffix("")))
    ]
    if not found:
        raise EdgeError(f"{maps} holds no map for a photograph of {data}: it needs the same folders and file names.")
    return found


def phantoms(number: int, side: int, first: int = _PHANTOMS) -> list[Square]:
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

    return list(in_threads(one, range(first, first + number), "drawing synthetic eyes"))
