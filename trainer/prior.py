"""Stage 1, the anatomical prior: masked inpainting of vessel maps (paper, section 3.1).

From maps of good photographs with parts taken away, the network learns the expectation of what is missing. On an
unmasked map of any photograph, it then wants to add vessels where anatomy is not visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.commands.cli import err
from trainer import augment, runs
from trainer.networks import Prior
from trainer.pictures import save_sheet, tint
from trainer.recipe import Prior as PriorSettings
from trainer.recipe import Recipe
from trainer.segmented import Segmented, key_of_photographs, segmented
from trainer.training import Schedule, device, place, train

Batch = tuple[Tensor, Tensor, Tensor]
Map = NDArray[np.float32]
_SHOWN = 0.02  # |f| above this is drawn as anomalous (the authors' threshold)


def run(recipe: Recipe, data: Path, out: Path) -> None:
    """Train the prior into ``out``/prior, on the most complete vessel maps of the run's segmenter."""
    settings, folder = recipe.prior, out / "prior"
    key = runs.key_of(recipe.seed, settings, key_of_photographs(recipe, data, out))
    if runs.finished(folder, key):
        err.print("prior: finished already")
        return
    photographs = segmented(recipe, data, out)
    whole = photographs.most_complete(settings.whole_share)
    maps = [_binary_map(photographs, n, settings.size) for n in whole]
    maps += [binarise(s.vessels, s.field, settings.size) for s in photographs.squares if s.vessels is not None]
    torch.manual_seed(recipe.seed)
    model = place(Prior(settings.base, settings.unshuffle))
    losses = train(
        model,
        Schedule(settings.steps, settings.rate, recipe.seed, key),
        folder / "training.safetensors",
        lambda rng, progress: _batch(maps, settings, rng, progress),
        _loss,
        "prior",
    )
    others = sorted(set(range(len(photographs.squares))) - set(whole))
    _save_picture(
        folder / "prior.png", model, photographs, [*whole[:3], *others[:: max(1, len(others) // 5)][:5]], settings
    )
    runs.finish(folder, model, recipe, key, {"maps": len(maps), "losses": losses})


def _binary_map(photographs: Segmented, n: int, size: int) -> tuple[Map, Map]:
    return binarise(photographs.vessels[n] / np.float32(255), photographs.squares[n].field, size)


def _save_picture(
    path: Path, model: nn.Module, photographs: Segmented, shown: Sequence[int], settings: PriorSettings
) -> None:
    maps = [_binary_map(photographs, n, settings.size) for n in shown]
    rows = []
    for n, (vessels, field), missed in zip(shown, maps, anomaly(model, [v for v, _ in maps]), strict=True):
        picture = photographs.squares[n].picture
        layers = (vessels, np.clip(missed / 0.3, 0, 1) * field, (missed > _SHOWN) * field)
        rows.append((picture, *(tint(picture, layer) for layer in layers)))
    save_sheet(path, rows, ("photograph", "vessels found", "vessels missed |f|", "anomalous"))


def load_prior(out: Path, recipe: Recipe) -> nn.Module:
    """The prior of a run."""
    return runs.load(out / "prior", Prior(recipe.prior.base, recipe.prior.unshuffle))


def binarise(vessels: Map, field: NDArray[np.bool_], size: int) -> tuple[Map, Map]:
    """A vessel map as the prior reads it: 0 or 1, ``size`` x ``size``, nothing outside the field; and the field.

    On soft maps a masked cell is an exact zero and the rest is not, so the network would learn nothing.
    """
    small = cv2.resize(vessels.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(field.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0.5
    return ((small > 0.5) & inside).astype(np.float32), inside.astype(np.float32)


def anomaly(model: nn.Module, vessels: Sequence[NDArray[np.float32]], batch: int = 16) -> NDArray[np.float32]:
    """A = |f(S)| of unmasked binary maps (S, S): float32 (N, S, S)."""
    found = []
    for start in range(0, len(vessels), batch):
        some = torch.from_numpy(np.stack(vessels[start : start + batch]))[:, None].to(device())
        with torch.no_grad(), torch.autocast(device().type, torch.bfloat16):
            found.append(model(some.contiguous(memory_format=torch.channels_last)).float().abs()[:, 0].cpu().numpy())
    return np.concatenate(found)


def _batch(maps: Sequence[tuple[Map, Map]], settings: PriorSettings, rng: Generator, progress: float) -> Batch:
    """Masked maps, whole maps, fields, all (N, 1, S, S); the mask opens up from a fifth to four fifths of the way."""
    size = settings.size
    opened = float(np.clip((progress - 0.2) / 0.6, 0, 1))
    masked, whole, fields = [], [], []
    for _ in range(settings.batch):
        turned, seen = augment.random_view(rng, (size, size), list(maps[int(rng.integers(len(maps)))]), (0.9, 1.2))
        field = (seen > 0.5).astype(np.float32)
        if rng.random() < 0.5 * opened:
            field *= _circle(size, rng)
        target = (turned > 0.5) * field
        masked.append(target * _cells(size, rng, 0.8 * (1 - opened)))
        whole.append(target)
        fields.append(field)
    a, b, c = (torch.from_numpy(np.stack(layer).astype(np.float32))[:, None] for layer in (masked, whole, fields))
    return a, b, c


def _cells(size: int, rng: Generator, least: float) -> NDArray[np.float32]:
    """The mask M: cells of a K x K grid, K in [4, 32], each dropped with a probability drawn from [least, 1]."""
    cells = int(rng.integers(4, 33))
    kept = rng.random((cells, cells)) >= rng.uniform(least, 1.0)
    return np.asarray(
        cv2.resize(kept.astype(np.float32), (size, size), interpolation=cv2.INTER_NEAREST), dtype=np.float32
    )


def _circle(size: int, rng: Generator) -> NDArray[np.float32]:
    """A circular field of view of half to all of the width."""
    radius = size / 2 * rng.uniform(0.5, 1.0)
    centre = size / 2 + rng.uniform(-1, 1, 2) * (size / 2 - radius)
    rows, columns = np.ogrid[:size, :size]
    inside = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 < radius**2
    return np.asarray(inside, dtype=np.float32)


def _loss(model: nn.Module, batch: Batch) -> Tensor:
    """MSE on purpose: the expectation of what is missing, not one plausible guess. Only the field counts."""
    masked, whole, field = (t.to(device()) for t in batch)
    rebuilt = masked + model(masked.contiguous(memory_format=torch.channels_last)).float()
    error: Tensor = ((rebuilt - whole) ** 2 * field).sum() / field.sum().clamp(min=1)
    return error
