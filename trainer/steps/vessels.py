"""The vessel segmenter: photographs and hand-drawn maps in, a network that finds vessels on any camera out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
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
from edge.frame.prepare import normalise
from edge.progress import followed
from trainer.data.datasets import (
    Photograph,
    Square,
    find_photographs,
    is_held_out,
    load_square,
    load_squares,
    or_left_out,
    set_name,
)
from trainer.loop import runs
from trainer.loop.training import Batch, Sample, Schedule, device, place, train
from trainer.networks.students import Segmenter
from trainer.pictures import save_sheet, tint
from trainer.recipe import Recipe
from trainer.steps.vessel_accuracy import measure
from trainer.synthesis import augment

log = logging.getLogger(__name__)

Layers = list[NDArray[Any]]


def run(recipe: Recipe, data: Path, out: Path) -> None:
    """Train the segmenter into ``out``/vessels.

    Raises:
        EdgeError: no photograph has a hand-drawn map, or see ``train``.
    """
    settings, folder = recipe.vessels, out / "vessels"
    drawn = [p for p in find_photographs(data, recipe.exclude) if p.vessels]
    if not drawn:
        raise EdgeError(
            f"{data} holds no hand-drawn vessel map (SET/images/STEM.jpg with SET/vessels/STEM.png): "
            "see docs/data.md for public sets."
        )
    key = runs.key_of(recipe.seed, recipe.side, recipe.mean, recipe.std, settings, *runs.names_and_sizes(data, drawn))
    if runs.finished(folder, key):
        log.info("vessels: finished already")
        return
    kept = [p for p in drawn if is_held_out(p, drawn, settings.holdout_every)]
    if len(kept) == len(drawn):
        raise EdgeError(
            "holdout_every keeps every annotated photograph from the training: set it to 0, or to 2 or more."
        )
    squares = load_squares([p for p in drawn if p not in kept], settings.field, "vessels: reading", enlarge=False)
    taught = _by_set(squares)
    torch.manual_seed(recipe.seed)
    model = place(Segmenter())
    losses = train(
        model,
        Schedule(settings.steps, settings.batch, settings.rate, recipe.seed, key),
        folder / "training.pt",
        lambda rng, _, __: _sample(taught, recipe, rng),
        _loss,
        "vessels",
    )
    tested = [*kept, *(p for p in find_photographs(data) if p.vessels and p not in drawn)]
    held_out = measure(lambda picture: segment(model, [picture], recipe)[0], tested, settings.field)
    metrics = {"photographs": len(squares), "losses": losses, "held_out": held_out}
    learned = {square.path for square in squares}
    shown = _readable(tested, recipe.side) or _readable([p for p in drawn if p.path in learned], recipe.side)
    maps = segment(model, [s.picture for s in shown], recipe)
    save_sheet(
        folder / "vessels.png",
        [(s.picture, tint(s.picture, s.vessels), tint(s.picture, m)) for s, m in zip(shown, maps, strict=True)],
        ("photograph", "drawn by hand", "found"),
    )
    runs.finish(folder, model, recipe, key, metrics)


def segment(
    model: nn.Module, pictures: Sequence[NDArray[np.uint8]], recipe: Recipe, batch: int = 8, what: str = ""
) -> NDArray[np.float32]:
    """Vessel probability of pictures.

    Args:
        model: a ``Segmenter`` in evaluation mode.
        pictures: uint8 BGR (S, S, 3), field of view as large as in training.
        recipe: for the normalisation.
        batch: pictures at a time.
        what: words for a progress bar; none without.

    Returns:
        float32 (N, S, S) in [0, 1].
    """
    found = []
    starts: Iterable[int] = range(0, len(pictures), batch)
    for start in followed(starts, what, -(-len(pictures) // batch)) if what else starts:
        some = np.concatenate([normalise(p, recipe.mean, recipe.std) for p in pictures[start : start + batch]])
        images = torch.from_numpy(some).to(device(), memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device().type, torch.bfloat16):
            found.append(torch.sigmoid(model(images).float())[:, 0].cpu().numpy())
    return np.concatenate(found)


def _readable(photographs: Sequence[Photograph], side: int, most: int = 8) -> list[Square]:
    """Some of them, evenly chosen, without those that cannot be read."""
    some = photographs[:: max(1, len(photographs) // most)][:most]

    def read(photograph: Photograph) -> Square | None:
        return load_square(photograph, side)

    return [square for square in map(or_left_out(read), some) if square is not None]


def load_segmenter(out: Path) -> nn.Module:
    """The segmenter of a run."""
    return runs.load(out / "vessels", Segmenter())


def _by_set(squares: Sequence[Square]) -> list[list[tuple[Square, Layers]]]:
    """Squares of each annotated set, each with its half-size copy, from which small views are taken."""
    sets: dict[str, list[tuple[Square, Layers]]] = {}
    for square in squares:
        assert square.vessels is not None
        half = (square.picture.shape[0] // 2,) * 2
        layers = [cv2.resize(layer, half, interpolation=cv2.INTER_AREA) for layer in (square.picture, square.vessels)]
        sets.setdefault(set_name(square.path), []).append((square, layers))
    return list(sets.values())


def _sample(sets: Sequence[Sequence[tuple[Square, Layers]]], recipe: Recipe, rng: Generator) -> Sample:
    """Image (3, S, S) and vessels (1, S, S), nothing outside the field, so that its rim is no vessel.

    Sets count alike, however many photographs they have: their cameras and observers differ.
    """
    settings = recipe.vessels
    chosen = sets[int(rng.integers(len(sets)))]
    square, half = chosen[int(rng.integers(len(chosen)))]
    assert square.vessels is not None
    layers: Layers = [square.picture, square.vessels]
    side = square.picture.shape[0]
    zoom = float(np.exp(rng.uniform(np.log(min(1.0, 0.9 * recipe.side / side)), np.log(1.25))))
    if zoom < 0.7:  # shrinking by interpolation alone would break thin vessels up
        layers, zoom, side = half, zoom * 2, side // 2
    picture, vessels = augment.random_view(rng, (side, settings.crop), layers, (zoom, zoom))
    view = np.asarray(picture, dtype=np.uint8)
    if rng.random() < settings.empty_share:
        view, vessels = augment.without_anatomy(view, rng), np.zeros_like(vessels)
    else:
        view = augment.another_camera(view, rng)
    return normalise(view, recipe.mean, recipe.std)[0], vessels[None]


def _loss(model: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy plus a Dice loss: by the former alone, a thin vessel that it half believes in is left out."""
    images, targets = batch
    logits = model(images.contiguous(memory_format=torch.channels_last)).float()
    found = torch.sigmoid(logits)
    dice = (2 * (found * targets).sum() + 1) / (found.sum() + targets.sum() + 1)
    return F.binary_cross_entropy_with_logits(logits, targets) + 1 - dice
