"""Stage 1, the anatomical prior: masked inpainting of vessel maps (paper, section 3.1).

From maps of good photographs with parts taken away, the network learns the expectation of what is missing. On an
unmasked map of any photograph, it then wants to add vessels where anatomy is not visible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.data.datasets import Square, find_photographs, is_held_out, load_squares
from trainer.loop import runs
from trainer.loop.training import Batch, Sample, Schedule, infer, mean_over, place, train
from trainer.networks.students import Prior
from trainer.pictures import save_sheet, tint
from trainer.recipe import PriorRecipe, Recipe
from trainer.steps.vessel_maps import Read, Segmented, key_of_photographs, phantoms, segmented
from trainer.synthesis import augment

Map = NDArray[np.float32]
_SHOWN = 0.02  # |f| above this is drawn as anomalous (the authors' threshold)
_BORDER = 0.012  # share of the side next to the rim that does not count


def run(recipe: Recipe, data: Path, out: Path, maps: Path | None = None, read: Read = segmented) -> None:
    """Train the prior into ``out``/prior: on the most complete vessel maps, on drawn ones and on phantoms.

    Args:
        recipe: its ``prior``.
        data: folder of photographs.
        out: run folder, with the segmenter where ``maps`` is None.
        maps: folder of vessel maps made by another segmenter.
        read: gives the photographs; whoever runs several steps may have them read once.
    """
    settings, folder = recipe.prior, out / "prior"
    key = runs.key_of(recipe.seed, settings, recipe.vessels.holdout_every, key_of_photographs(recipe, data, out, maps))
    if runs.finished(folder, key, "prior"):
        return
    photographs = read(recipe, data, out, maps)
    drawn = [p for p in find_photographs(data, recipe.exclude) if p.vessels]
    kept = {p.path for p in drawn if is_held_out(p, drawn, recipe.vessels.holdout_every)}
    complete = photographs.most_complete(settings.whole_share)
    whole = [n for n in complete if photographs.squares[n].path not in kept]  # nor our own map of the same eye
    by_hand = load_squares(drawn, recipe.side, "prior: reading drawn maps") if drawn else []
    held_out = [_of_square(s, settings.size) for s in by_hand if s.path in kept]
    exact = [*(s for s in by_hand if s.path not in kept), *phantoms(settings.phantoms, recipe.side)]
    learned = [_binary_map(photographs, n, settings.size) for n in whole]
    learned += [_of_square(s, settings.size) for s in exact]
    torch.manual_seed(recipe.seed)
    model = place(Prior(settings.base, settings.unshuffle))
    schedule = Schedule(settings.steps, settings.batch, settings.rate, recipe.seed, key)

    def sample(rng: Generator, progress: float, _at: float) -> Sample:
        return _sample(learned, settings, rng, progress)

    losses = train(model, schedule, folder / "training.pt", sample, _loss, "prior")
    others = sorted(set(range(len(photographs.squares))) - set(whole))
    shown = [*whole[:3], *others[:: max(1, len(others) // 5)][:5]]
    _save_picture(folder / "prior.png", model, photographs, shown, settings)
    metrics = {"maps": len(learned), "losses": losses}
    if held_out:
        metrics["held_out"] = properties(model, held_out, recipe.adapter.anomaly)
    runs.finish(folder, model, recipe, key, metrics)


def _of_square(square: Square, size: int) -> tuple[Map, Map]:
    assert square.vessels is not None
    return binarise(square.vessels, square.field, size)


def _binary_map(photographs: Segmented, n: int, size: int) -> tuple[Map, Map]:
    return binarise(photographs.vessels[n] / np.float32(255), photographs.squares[n].field, size)


def _save_picture(
    path: Path, model: nn.Module, photographs: Segmented, shown: Sequence[int], settings: PriorRecipe
) -> None:
    maps = [_binary_map(photographs, n, settings.size) for n in shown]
    rows = []
    for n, (vessels, field), missed in zip(shown, maps, anomaly(model, [v for v, _ in maps]), strict=True):
        picture = photographs.squares[n].picture
        layers = (vessels, np.clip(missed / 0.3, 0, 1) * field, (missed > _SHOWN) * field)
        rows.append((picture, *(tint(picture, layer) for layer in layers)))
    save_sheet(path, rows, ("photograph", "vessels found", "vessels missed |f|", "anomalous"))


def load_prior(out: Path, recipe: Recipe) -> Prior:
    """The prior of a run."""
    return runs.load(out / "prior", Prior(recipe.prior.base, recipe.prior.unshuffle))


def binarise(vessels: Map, field: NDArray[np.bool_], size: int) -> tuple[Map, Map]:
    """A vessel map as the prior reads it, and where it counts.

    On soft maps a masked cell is an exact zero and the rest is not, so the network would learn nothing.

    Returns:
        The map, 0 or 1, and the field without its border, where vessels end for no fault of the photograph: float32
        (size, size) both; nothing is outside the field.
    """
    small = cv2.resize(vessels.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(field.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) > 0.5
    border = 2 * round(_BORDER * size) + 1
    framed = cv2.copyMakeBorder(inside.astype(np.uint8), border, border, border, border, cv2.BORDER_CONSTANT, value=0)
    counted = cv2.erode(framed, np.ones((border, border), np.uint8))[border:-border, border:-border]
    return ((small > 0.5) & inside).astype(np.float32), counted.astype(np.float32)


def anomaly(
    model: nn.Module, maps: Sequence[Any] | NDArray[Any], read: Callable[[Any], Map] = np.asarray, what: str = ""
) -> NDArray[np.float32]:
    """A = |f(S)| of unmasked binary maps (S, S): float32 (N, S, S).

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

    return infer(strength, maps, prepare, 16, True, what)


def _sample(maps: Sequence[tuple[Map, Map]], settings: PriorRecipe, rng: Generator, progress: float) -> Sample:
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


def properties(model: nn.Module, maps: Sequence[tuple[Map, Map]], threshold: float, seed: int = 0) -> dict[str, float]:
    """What a prior must do on maps that it has not seen, as ``binarise`` gives them.

    Returns:
        Means over the maps: ``empty_anomalous`` and ``intact_anomalous``, the share of the field where |f| is above
        the threshold; and ``erased_iou`` between a sector of 90 to 180 degrees that was erased and what is above.
    """
    rng = np.random.default_rng(seed)
    vessels, fields = (np.stack(layers) for layers in zip(*maps, strict=True))
    sectors = np.stack([_sector(v.shape[0], rng) for v in vessels])
    shown = (vessels * ~sectors, np.zeros_like(vessels), vessels)
    erased, empty, intact = (list(anomaly(model, some) > threshold) for some in shown)
    inside = [f > 0 for f in fields]
    overlaps = [(a & s)[f].sum() / (a | s)[f].sum() for a, s, f in zip(erased, sectors, inside, strict=True)]
    return {
        "maps": len(maps),
        "empty_anomalous": float(np.mean([a[f].mean() for a, f in zip(empty, inside, strict=True)])),
        "intact_anomalous": float(np.mean([a[f].mean() for a, f in zip(intact, inside, strict=True)])),
        "erased_iou": float(np.mean(overlaps)),
    }


def _sector(size: int, rng: Generator) -> NDArray[np.bool_]:
    """A wedge from the middle of the field to its rim."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    away = np.arctan2(y, x) - rng.uniform(-np.pi, np.pi)
    return np.asarray(np.abs((away + np.pi) % (2 * np.pi) - np.pi) < rng.uniform(np.pi / 4, np.pi / 2))
