"""All photographs of a training with the vessel maps of its own segmenter: what the later steps learn from."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer import runs
from trainer.coverage import completeness
from trainer.datasets import Square, find_photographs, load_squares
from trainer.recipe import Recipe
from trainer.vessels import load_segmenter, segment


@dataclass(frozen=True)
class Segmented:
    """Photographs, each at the segmenter's size.

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


def key_of_photographs(recipe: Recipe, data: Path, out: Path) -> str:
    """What ``segmented`` depends on: names and sizes of the files and the segmenter; no photograph is read."""
    files = runs.names_and_sizes(data, find_photographs(data, recipe.exclude))
    return runs.key_of(recipe.exclude, runs.read_metadata(out / "vessels")["key"], *files)


@functools.lru_cache(maxsize=1)  # the steps of one training share it
def segmented(recipe: Recipe, data: Path, out: Path) -> Segmented:
    """Read all photographs that may train and find their vessels.

    Raises:
        EdgeError: the segmenter is missing, or no photograph can be read.
    """
    squares = load_squares(find_photographs(data, recipe.exclude), recipe.vessels.field)
    maps = segment(load_segmenter(out), [s.picture for s in squares], recipe, what="finding vessels")
    return Segmented(squares, np.rint(maps * 255).astype(np.uint8))
