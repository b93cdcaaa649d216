"""The vessel segmenter: photographs and hand-drawn maps in, a network that finds vessels on any camera out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from edge.errors import EdgeError
from edge.field.whole import finder_of
from edge.frame.prepare import cut, normalise
from edge.images import read_image
from edge.metrics.classification import f1, sensitivity, specificity
from trainer.data import datasets
from trainer.data.datasets import Photograph, Square, find_photographs, load_square, or_left_out, set_name
from trainer.loop import runs
from trainer.loop.checkpoints import remove
from trainer.loop.rows import Rows, rows_in
from trainer.loop.training import Batch, Items, Sample, Schedule, infer, place, train
from trainer.modality import modality_of
from trainer.networks.students import Segmenter
from trainer.pictures import save_sheet, tint
from trainer.recipe import Recipe
from trainer.synthesis import augment

Layers = list[NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Drawings:
    """Photographs with hand-drawn vessels, on the disk, each as large as it is up to the recipe's ``field``.

    Attributes:
        rows: N of them.
        sets: the numbers in each annotated set.
    """

    rows: Rows
    sets: list[list[int]]

    def layers(self, n: int) -> Layers:
        """Picture, uint8 BGR (S, S, 3), and vessels, float32 (S, S) in [0, 1]."""
        row = self.rows[n]
        side, layers = int(row["side"]), row["layers"]
        picture, drawn = layers[: 3 * side**2], layers[3 * side**2 : 4 * side**2]
        return [picture.reshape(side, side, 3), drawn.reshape(side, side).astype(np.float32) / np.float32(255)]


def run(recipe: Recipe, data: Path, out: Path) -> None:
    """Train the segmenter into ``out``/vessels.

    Raises:
        EdgeError: no photograph has a hand-drawn map, or see ``train``.
    """
    settings, folder = recipe.vessels, out / "vessels"
    drawn = [p for p in find_photographs(data, recipe.exclude, recipe.only, recipe.modality) if p.vessels]
    if not drawn:
        raise EdgeError(
            f"{data} holds no hand-drawn vessel map (SET/images/STEM.jpg with SET/vessels/STEM.png): "
            "see docs/data.md for public sets."
        )
    key = runs.key_of(
        recipe.seed,
        recipe.side,
        recipe.mean,
        recipe.std,
        settings,
        *recipe.other_modality,
        *runs.names_and_sizes(data, drawn),
    )
    if runs.finished(folder, key, "vessels"):
        return
    kept = [p for p in drawn if datasets.is_held_out(p, drawn, settings.holdout_every)]
    if len(kept) == len(drawn):
        raise EdgeError(
            "holdout_every keeps every annotated photograph from the training: set it to 0, or to 2 or more."
        )
    taught = [p for p in drawn if p not in kept]
    drawings = _on_disk(taught, settings.field, out / "photographs" / f"drawn-{key}.npy")
    torch.manual_seed(recipe.seed)
    model = place(Segmenter())
    schedule = Schedule(settings.steps, settings.batch, settings.rate, recipe.seed, key)
    losses = train(
        model, schedule, folder / "training.pt", lambda rng, *_: _sample(drawings, recipe, rng), _loss, "vessels"
    )
    tested = [*kept, *(p for p in find_photographs(data, modality=recipe.modality) if p.vessels and p not in drawn)]
    held_out = measure(lambda picture: segment(model, [picture], recipe)[0], tested, settings.field)
    metrics = {"photographs": len(drawings.rows), "losses": losses, "held_out": held_out}
    learned = {taught[int(n)].path for n in drawings.rows["number"]}
    shown = _readable(tested, recipe.side) or _readable([p for p in drawn if p.path in learned], recipe.side)
    maps = segment(model, [s.picture for s in shown], recipe)
    sheet = [(s.picture, tint(s.picture, s.vessels), tint(s.picture, m)) for s, m in zip(shown, maps, strict=True)]
    save_sheet(folder / "vessels.png", sheet, ("photograph", "drawn by hand", "found"))
    runs.finish(folder, model, recipe, key, metrics)
    remove(drawings.rows.path)


def segment(model: nn.Module, pictures: Items, recipe: Recipe, batch: int = 8, what: str = "") -> NDArray[np.float32]:
    """Vessel probability of pictures.

    Args:
        model: a ``Segmenter`` in evaluation mode.
        pictures: uint8 BGR (S, S, 3), field of view as large as in training.
        recipe: for the normalisation.
        batch: pictures at a time.
        what: label of the progress bar; no bar without one.

    Returns:
        float32 (N, S, S) in [0, 1].
    """

    def prepare(some: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        return np.concatenate([normalise(picture, recipe.mean, recipe.std) for picture in some])

    def probability(images: Tensor) -> Tensor:
        return torch.sigmoid(model(images.contiguous(memory_format=torch.channels_last)).float())[:, 0]

    return infer(probability, pictures, prepare, batch, True, what)


def _readable(photographs: Sequence[Photograph], side: int, most: int = 8) -> list[Square]:
    """Some of them, evenly chosen, without those that cannot be read."""
    some = photographs[:: max(1, len(photographs) // most)][:most]
    read = map(or_left_out(functools.partial(load_square, size=side)), some)
    return [square for square in read if square is not None]


def load_segmenter(out: Path) -> Segmenter:
    """The segmenter of a run."""
    return runs.load(out / "vessels", Segmenter())


def _on_disk(photographs: Sequence[Photograph], field: int, path: Path) -> Drawings:
    def make() -> Iterator[NDArray[Any]]:
        for number, square in datasets.read_squares(photographs, field, "vessels: reading", enlarge=False):
            yield _row(number, square, field)

    rows = rows_in(path, _layers(field), (), len(photographs), make)
    return Drawings(rows, _by_set([photographs[int(n)].path for n in rows["number"]]))


def _layers(field: int) -> np.dtype[Any]:
    """Of one row: number of the photograph, its side, and as many of the bytes as picture and vessels take."""
    return np.dtype([("number", np.int32), ("side", np.int32), ("layers", np.uint8, (4 * field**2,))])


def _row(number: int, square: Square, field: int) -> NDArray[Any]:
    assert square.vessels is not None
    row, side = np.zeros((), _layers(field)), square.picture.shape[0]
    drawn = np.rint(square.vessels * 255).astype(np.uint8)  # nothing is lost: they were read from 8 bits
    row["number"], row["side"] = number, side
    row["layers"][: 4 * side**2] = np.concatenate([square.picture.ravel(), drawn.ravel()])
    return row


def _by_set(paths: Sequence[Path]) -> list[list[int]]:
    sets: dict[str, list[int]] = {}
    for number, path in enumerate(paths):
        sets.setdefault(set_name(path), []).append(number)
    return list(sets.values())


def _sample(drawings: Drawings, recipe: Recipe, rng: Generator) -> Sample:
    """Image (3, S, S) and vessels (1, S, S), nothing outside the field, so that its rim is no vessel.

    Sets count alike, however many photographs they have: their cameras and observers differ.
    """
    settings, modality = recipe.vessels, modality_of(recipe.modality)
    chosen = drawings.sets[int(rng.integers(len(drawings.sets)))]
    layers = drawings.layers(chosen[int(rng.integers(len(chosen)))])
    side = len(layers[0])
    zoom = float(np.exp(rng.uniform(np.log(min(1.0, 0.9 * recipe.side / side)), np.log(1.25))))
    if zoom < 0.7:  # shrinking by interpolation alone would break thin vessels up
        zoom, side = zoom * 2, side // 2
        layers = [cv2.resize(layer, (side, side), interpolation=cv2.INTER_AREA) for layer in layers]
    picture, vessels = augment.random_view(rng, (side, settings.crop), layers, (zoom, zoom))
    view = np.asarray(picture, dtype=np.uint8)
    if rng.random() < settings.empty_share:
        view, vessels = modality.invisible(view, rng), np.zeros_like(vessels)
    else:
        view = modality.another_camera(view, rng)
    return normalise(view, recipe.mean, recipe.std)[0], vessels[None]


def _loss(model: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy plus a Dice loss: by the former alone, a thin vessel that it half believes in is left out."""
    images, targets = batch
    logits = model(images.contiguous(memory_format=torch.channels_last)).float()
    found = torch.sigmoid(logits)
    dice = (2 * (found * targets).sum() + 1) / (found.sum() + targets.sum() + 1)
    return F.binary_cross_entropy_with_logits(logits, targets) + 1 - dice


def measure(
    find_vessels: Callable[[NDArray[np.uint8]], NDArray[np.float32]], photographs: Sequence[Photograph], size: int
) -> dict[str, dict[str, float]]:
    """Accuracy on photographs with a hand-drawn map, at the resolution in which the map is stored.

    Args:
        find_vessels: uint8 BGR (S, S, 3), the field of view, S a multiple of 16 -> vessel probability (S, S).
        photographs: a file that cannot be read is left out, and the log names it.
        size: S at most; a smaller field is not enlarged.

    Returns:
        ``{set: {"photographs", "dice", "sensitivity", "specificity"}}``: means over the photographs of a set, inside
        the field of view, probability cut at one half.
    """
    metrics = {"dice": f1, "sensitivity": sensitivity, "specificity": specificity}
    of_sets: dict[str, list[list[float]]] = {}

    def read(photograph: Photograph) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]] | None:
        square = load_square(photograph, size, enlarge=False)
        return None if square is None else (square.picture, *_drawn(photograph))

    seen = datasets.in_threads(or_left_out(read), photographs, "vessels: measuring")
    for photograph, layers in zip(photographs, seen, strict=True):
        if layers is not None:
            picture, drawn, field = layers
            found = cv2.resize(find_vessels(picture), drawn.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
            rates = [metric(found[field], drawn[field]) for metric in metrics.values()]
            of_sets.setdefault(set_name(photograph.path), []).append(rates)
    return {
        name: {"photographs": len(rates), **dict(zip(metrics, np.mean(rates, axis=0).tolist(), strict=True))}
        for name, rates in of_sets.items()
    }


def _drawn(photograph: Photograph) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The drawn map and the field over the crop, both at the resolution of the file."""
    field = finder_of(photograph.modality)(read_image(photograph.path))
    assert photograph.vessels is not None
    assert field is not None
    side = field.crop.side
    inside = cv2.resize(field.mask, (side, side), interpolation=cv2.INTER_LINEAR) >= 128
    drawn = cut(datasets.as_mask(read_image(photograph.vessels)), field.crop, side)
    return drawn.max(axis=2) >= 128, inside
