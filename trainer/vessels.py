"""The vessel segmenter: photographs and hand-drawn maps in, a network that finds vessels on any camera out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from edge.commands.cli import err
from edge.errors import EdgeError
from edge.frame import normalise
from trainer import augment, runs
from trainer.datasets import Square, find_photographs, is_held_out, load_squares, progress
from trainer.networks import Segmenter
from trainer.pictures import save_sheet, tint
from trainer.recipe import Recipe
from trainer.training import Schedule, device, place, train

Batch = tuple[Tensor, Tensor]


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
    key = runs.key_of(recipe.seed, recipe.mean, recipe.std, settings, *runs.names_and_sizes(data, drawn))
    if runs.finished(folder, key):
        err.print("vessels: finished already")
        return
    kept = [p for p in drawn if is_held_out(p, drawn, settings.holdout_every)]
    if len(kept) == len(drawn):
        raise EdgeError(
            "holdout_every keeps every annotated photograph from the training: set it to 0, or to 2 or more."
        )
    taught = load_squares([p for p in drawn if p not in kept], settings.field, "vessels: reading")
    torch.manual_seed(recipe.seed)
    model = place(Segmenter())
    losses = train(
        model,
        Schedule(settings.steps, settings.rate, recipe.seed, key),
        folder / "training.safetensors",
        lambda rng, _: _batch(taught, recipe, rng),
        _loss,
        "vessels",
    )
    shown = load_squares(kept, settings.field, "vessels: measuring") if kept else taught[:8]
    maps = segment(model, [s.picture for s in shown], recipe)
    metrics = {"photographs": len(taught), "losses": losses, "held_out": _dice_by_set(shown, maps) if kept else {}}
    save_sheet(
        folder / "vessels.png",
        [
            (s.picture, tint(s.picture, s.vessels), tint(s.picture, m))
            for s, m in list(zip(shown, maps, strict=True))[:8]
        ],
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
    for start in progress(starts, what, -(-len(pictures) // batch)) if what else starts:
        some = np.concatenate([normalise(p, recipe.mean, recipe.std) for p in pictures[start : start + batch]])
        images = torch.from_numpy(some).to(device(), memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device().type, torch.bfloat16):
            found.append(torch.sigmoid(model(images).float())[:, 0].cpu().numpy())
    return np.concatenate(found)


def load_segmenter(out: Path) -> nn.Module:
    """The segmenter of a run."""
    return runs.load(out / "vessels", Segmenter())


def _batch(squares: Sequence[Square], recipe: Recipe, rng: Generator) -> Batch:
    """Images (N, 3, S, S) and vessel targets (N, 1, S, S): nothing outside the field, so that its rim is no vessel."""
    settings = recipe.vessels
    images, targets = [], []
    for _ in range(settings.batch):
        square = squares[int(rng.integers(len(squares)))]
        assert square.vessels is not None
        layers: list[NDArray[Any]] = [square.picture, square.vessels]
        picture, vessels = augment.random_view(rng, (settings.field, settings.crop), layers)
        view = np.asarray(picture, dtype=np.uint8)
        if rng.random() < settings.empty_share:
            view, vessels = augment.without_anatomy(view, rng), np.zeros_like(vessels)
        else:
            view = augment.another_camera(view, rng)
        images.append(normalise(view, recipe.mean, recipe.std)[0])
        targets.append(vessels)
    return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(targets)).float()[:, None]


def _loss(model: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy plus half a Dice loss."""
    images, targets = (t.to(device()) for t in batch)
    logits = model(images.contiguous(memory_format=torch.channels_last)).float()
    found = torch.sigmoid(logits)
    dice = (2 * (found * targets).sum() + 1) / (found.sum() + targets.sum() + 1)
    return F.binary_cross_entropy_with_logits(logits, targets) + 0.5 * (1 - dice)


def _dice_by_set(squares: Sequence[Square], maps: NDArray[np.float32]) -> dict[str, float]:
    """Mean Dice of each held-out set, inside the field, at the training's resolution."""
    dice: dict[str, list[float]] = {}
    for square, found in zip(squares, maps, strict=True):
        assert square.vessels is not None
        a, b = (found > 0.5) & square.field, square.vessels > 0.5
        dice.setdefault(_set_name(square.path), []).append(float(2 * (a & b).sum() / max(1, a.sum() + b.sum())))
    return {name: float(np.mean(values)) for name, values in dice.items()}


def _set_name(path: Path) -> str:
    """SET of SET/images/STEM.jpg, or of SET/train/images/STEM.jpg."""
    folder = path.parent.parent
    return folder.parent.name if folder.name in ("train", "training") else folder.name
