"""Stage 1, the anatomical prior: masked inpainting of vessel maps (paper, section 3.1).

From maps of good photographs with parts taken away, the network learns the expectation of what is missing. On an
unmasked map of any photograph, it then wants to add vessels where anatomy is not visible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.data.datasets import find_photographs, is_held_out
from trainer.loop import runs
from trainer.loop.checkpoints import remove
from trainer.loop.training import Batch, Items, Sample, Schedule, infer_each, mean_over, place, train
from trainer.modality import modality_of
from trainer.networks.students import Prior
from trainer.pictures import save_sheet, tint
from trainer.recipe import PriorRecipe, Recipe
from trainer.steps.binary_maps import Map, binary_map, binary_maps
from trainer.steps.vessel_maps import Photographs, key_of_photographs, segmented
from trainer.synthesis import augment

_SHOWN = 0.02  # |f| above this is drawn as anomalous (the authors' threshold)
_AT_ONCE = 16


def run(recipe: Recipe, data: Path, out: Path, maps: Path | None = None) -> None:
    """Train the prior into ``out``/prior: on the most complete vessel maps, on drawn ones and on phantoms.

    Args:
        recipe: its ``prior``.
        data: folder of photographs.
        out: run folder, with the segmenter where ``maps`` is None.
        maps: folder of vessel maps made by another segmenter.
    """
    settings, folder = recipe.prior, out / "prior"
    key = runs.key_of(recipe.seed, settings, recipe.vessels.holdout_every, key_of_photographs(recipe, data, out, maps))
    if runs.finished(folder, key, "prior"):
        return
    photographs = segmented(recipe, data, out, maps)
    drawn = [p for p in find_photographs(data, recipe.exclude, recipe.only, recipe.modality) if p.vessels]
    kept = {p.path for p in drawn if is_held_out(p, drawn, recipe.vessels.holdout_every)}
    complete = photographs.most_complete(settings.whole_share)
    whole = [n for n in complete if photographs.paths[n] not in kept]  # nor our own map of the same eye

    learned, held_out = binary_maps(recipe, photographs, whole, drawn, kept, out / "photographs" / f"maps-{key}.npy")
    torch.manual_seed(recipe.seed)
    model = place(new_prior(recipe))
    schedule = Schedule(settings.steps, settings.batch, settings.rate, recipe.seed, key)

    def sample(rng: Generator, progress: float, _at: float) -> Sample:
        return _sample(learned, settings, rng, progress)

    losses = train(model, schedule, folder / "training.pt", sample, _loss, "prior")
    others = sorted(set(range(len(photographs))) - set(whole))
    shown = [*whole[:3], *others[:: max(1, len(others) // 5)][:5]]
    _save_picture(folder / "prior.png", model, photographs, shown, settings)
    metrics = {"maps": len(learned), "losses": losses}
    if held_out:
        metrics["held_out"] = properties(model, held_out, recipe.adapter.anomaly)
    runs.finish(folder, model, recipe, key, metrics)
    remove(learned.rows.path)


def _save_picture(
    path: Path, model: nn.Module, photographs: Photographs, shown: Sequence[int], settings: PriorRecipe
) -> None:
    maps = [binary_map(photographs, n, settings.size) for n in shown]
    rows = []
    for n, (vessels, field), missed in zip(shown, maps, anomaly(model, [v for v, _ in maps]), strict=True):
        picture = photographs.pictures[n]
        layers = (vessels, np.clip(missed / 0.3, 0, 1) * field, (missed > _SHOWN) * field)
        rows.append((picture, *(tint(picture, layer) for layer in layers)))
    save_sheet(path, rows, ("photograph", "vessels found", "vessels missed |f|", "anomalous"))


def load_prior(out: Path, recipe: Recipe) -> Prior:
    """The prior of a run."""
    return runs.load(out / "prior", new_prior(recipe))


def new_prior(recipe: Recipe) -> Prior:
    """A prior that has learned nothing yet."""
    smooth = modality_of(recipe.modality).smooth
    return Prior(recipe.prior.base, recipe.prior.unshuffle, smooth=smooth)


def anomaly(model: nn.Module, maps: Items) -> NDArray[np.float32]:
    """A = |f(S)| of unmasked binary maps (S, S): float32 (N, S, S)."""
    return np.stack(list(anomaly_of_each(model, maps)))


def anomaly_of_each(
    model: nn.Module, maps: Items, read: Callable[[Any], Map] = np.asarray, what: str = ""
) -> Iterator[NDArray[np.float32]]:
    """The same one after the other, float32 (S, S).

    Args:
        model: a ``Prior``.
        maps: N of them, or what ``read`` makes one of.
        read: one item -> float32 (S, S).
        what: label of the progress bar; no bar without one.
    """

    def prepare(some: Sequence[Any]) -> NDArray[np.float32]:
        return np.stack([read(each) for each in some])[:, None]

    def strength(some: Tensor) -> Tensor:
        return torch.abs(model(some.contiguous(memory_format=torch.channels_last)).float())[:, 0]

    return infer_each(strength, maps, prepare, _AT_ONCE, True, what)


def _sample(maps: Items, settings: PriorRecipe, rng: Generator, progress: float) -> Sample:
    """Masked map, whole map, what counts, all (1, S, S); the mask opens from a fifth to four fifths of the way."""
    size = settings.size
    opened = float(np.clip((progress - 0.2) / 0.6, 0, 1))
    turned, seen = augment.random_view(rng, (size, size), list(maps[int(rng.integers(len(maps)))]), (0.9, 1.2))
    whole, counted = (turned > 0.5).astype(np.float32), (seen > 0.5).astype(np.float32)
    if rng.random() < 0.5 * opened:
        circle = _circle(size, rng)
        whole, counted = whole * circle, counted * circle
    return (whole * _cells(size, rng, 0.8 * (1 - opened)))[None], whole[None], counted[None]


def _cells(size: int, rng: Generator, least: float) -> NDArray[np.float32]:
    """The mask M: cells of a K x K grid, K in [4, 32], each dropped with a probability drawn from [least, 1]."""
    cells = int(rng.integers(4, 33))
    kept = rng.random((cells, cells)) >= rng.uniform(least, 1.0)
    return np.asarray(cv2.resize(kept.astype(np.float32), (size, size), interpolation=cv2.INTER_NEAREST), np.float32)


def _circle(size: int, rng: Generator) -> NDArray[np.float32]:
    """A circular field of view of half to all of the width."""
    radius = size / 2 * rng.uniform(0.5, 1.0)
    centre = size / 2 + rng.uniform(-1, 1, 2) * (size / 2 - radius)
    rows, columns = np.ogrid[:size, :size]
    inside = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 < radius**2
    return np.asarray(inside, dtype=np.float32)


def _loss(model: nn.Module, batch: Batch) -> Tensor:
    """MSE on purpose: the expectation of what is missing, not one plausible guess; borders do not count."""
    masked, whole, counted = batch
    rebuilt = masked + model(masked.contiguous(memory_format=torch.channels_last)).float()
    return mean_over((rebuilt - whole) ** 2, counted)


def properties(model: nn.Module, maps: Items, threshold: float, seed: int = 0) -> dict[str, float]:
    """What a prior must do on maps that it has not seen, as ``binarise`` gives them.

    Returns:
        Means over the maps: ``empty_anomalous`` and ``intact_anomalous``, the share of the field where |f| is above
        the threshold; and ``erased_iou`` between a sector of 90 to 180 degrees that was erased and what is above.
    """
    rng, found = np.random.default_rng(seed), []
    for start in range(0, len(maps), _AT_ONCE):
        some = [maps[n] for n in range(start, min(start + _AT_ONCE, len(maps)))]
        vessels = [each for each, _ in some]
        sectors = [_sector(len(each), rng) for each in vessels]
        shown = ([v * ~s for v, s in zip(vessels, sectors, strict=True)], [np.zeros_like(v) for v in vessels], vessels)
        erased, empty, intact = (anomaly(model, each) > threshold for each in shown)
        for n, (_, field) in enumerate(some):
            inside = field > 0
            both, either = erased[n] & sectors[n], erased[n] | sectors[n]
            overlap = both[inside].sum() / either[inside].sum()
            found.append((empty[n][inside].mean(), intact[n][inside].mean(), overlap))
    names = ("empty_anomalous", "intact_anomalous", "erased_iou")
    return {
        "maps": len(maps),
        **{n: float(np.mean(each)) for n, each in zip(names, zip(*found, strict=True), strict=True)},
    }


def _sector(size: int, rng: Generator) -> NDArray[np.bool_]:
    """A wedge from the middle of the field to its rim."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    away = np.arctan2(y, x) - rng.uniform(-np.pi, np.pi)
    return np.asarray(np.abs((away + np.pi) % (2 * np.pi) - np.pi) < rng.uniform(np.pi / 4, np.pi / 2))
