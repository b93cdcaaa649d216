"""Distillation: the teacher's maps and the paired frames into the small network that runs on the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from edge.commands.cli import err
from edge.frame import normalise
from trainer import augment, runs
from trainer.adapter import load_teacher
from trainer.datasets import Square
from trainer.networks import Segmenter, Student
from trainer.pairs import Pairs, make_pairs
from trainer.pictures import save_sheet, tint
from trainer.recipe import Recipe
from trainer.segmented import key_of_photographs, segmented
from trainer.training import Schedule, device, place, train
from trainer.vessels import load_segmenter

Batch = tuple[Tensor, ...]
_VESSEL_SHARE = 0.3  # weight of the vessel head in the loss


def run(recipe: Recipe, data: Path, out: Path) -> None:
    """Train the student into ``out``/student."""
    settings, folder = recipe.distill, out / "student"
    key = runs.key_of(
        recipe.seed, settings, runs.read_metadata(out / "adapter")["key"], key_of_photographs(recipe, data, out)
    )
    if runs.finished(folder, key):
        err.print("distill: finished already")
        return
    photographs, segmenter = segmented(recipe, data, out), load_segmenter(out)
    pairs = make_pairs(photographs, segmenter, recipe)
    maps = load_teacher(recipe, out).maps([s.picture for s in photographs.squares])
    real = _real_frames(photographs.squares, maps, settings.size)
    torch.manual_seed(recipe.seed)
    model = place(_from_segmenter(segmenter))
    losses = train(
        model,
        Schedule(settings.steps, settings.rate, recipe.seed, key),
        folder / "training.safetensors",
        lambda rng, _: _batch(pairs, real, recipe, rng),
        _loss,
        "distill",
    )
    _save_picture(folder / "student.png", model, pairs, real, recipe)
    apart = np.abs(predict(model, real.pictures[::4], recipe) - real.maps[::4])[real.fields[::4]]
    metrics = {
        "photographs": Counter(_set_of(s.path.relative_to(data)) for s in photographs.squares),
        "pairs": settings.pairs,
        "losses": losses,
        "map_mae_to_teacher": float(apart.mean()),
    }
    runs.finish(folder, model, recipe, key, metrics)


def _set_of(path: Path) -> str:
    """The folder below the data folder; never the name of a file, which may be that of a patient."""
    return path.parts[0] if len(path.parts) > 1 else "photographs"


def load_student(out: Path) -> Student:
    """The float student of a run."""
    student = runs.load(out / "student", Student())
    assert isinstance(student, Student)
    return student


def predict(
    model: nn.Module, pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], recipe: Recipe, batch: int = 32
) -> NDArray[np.float32]:
    """Degradation maps, float32 (N, S / 8, S / 8), of uint8 BGR pictures (N, S, S, 3); float32 throughout."""
    found = []
    for start in range(0, len(pictures), batch):
        some = np.concatenate([normalise(p, recipe.mean, recipe.std) for p in pictures[start : start + batch]])
        with torch.no_grad():
            found.append(torch.sigmoid(model(torch.from_numpy(some).to(device())))[:, 0].cpu().numpy())
    return np.concatenate(found)


def _from_segmenter(segmenter: nn.Module) -> Student:
    """A student whose encoder knows vessels already; from scratch it does not get there."""
    assert isinstance(segmenter, Segmenter)
    student = Student()
    student.encoder.load_state_dict(segmenter.encoder.state_dict())
    return student


def _real_frames(squares: Sequence[Square], maps: NDArray[np.float32], size: int) -> Pairs:
    """Photographs as they are, with the teacher's map resampled to the student's grid."""
    grid = size // 8
    fields = np.stack(
        [cv2.resize(s.field.astype(np.float32), (grid, grid), interpolation=cv2.INTER_AREA) >= 0.5 for s in squares]
    )
    return Pairs(
        np.stack([cv2.resize(s.picture, (size, size), interpolation=cv2.INTER_AREA) for s in squares]),
        np.stack([cv2.resize(m, (grid, grid), interpolation=cv2.INTER_LINEAR) for m in maps]),
        fields,
        np.zeros((len(squares), 1, 1), np.uint8),  # unknown: the vessel head learns from pairs only
    )


def _batch(pairs: Pairs, real: Pairs, recipe: Recipe, rng: Generator) -> Batch:
    """Images, maps, fields, vessels, and for each sample whether its vessels are known."""
    settings = recipe.distill
    rows = [_sample(pairs, real, recipe, rng, n / settings.batch) for n in range(settings.batch)]
    images, maps, fields, vessels, known = zip(*rows, strict=True)
    return (
        torch.from_numpy(np.stack(images)),
        *(torch.from_numpy(np.stack(layer)).float()[:, None] for layer in (maps, fields, vessels)),
        torch.tensor(known, dtype=torch.float32),
    )


def _sample(pairs: Pairs, real: Pairs, recipe: Recipe, rng: Generator, at: float) -> tuple[NDArray[np.float32], ...]:
    """One sample; ``at``, its place in the batch from 0 to 1, says of which kind: every batch holds the same shares."""
    settings = recipe.distill
    source, known = (real, 0.0) if at < settings.real_share else (pairs, 1.0)
    n = int(rng.integers(len(source.pictures)))
    picture, lost, field = source.pictures[n], source.maps[n], source.fields[n]
    half = settings.size // 2
    vessels = source.vessels[n] / np.float32(255) if known else np.zeros((half, half), np.float32)
    if at >= 1 - settings.empty_share:
        picture, lost, vessels = augment.without_anatomy(picture, rng), np.ones_like(lost), np.zeros_like(vessels)
    elif rng.random() < 0.5:
        picture = augment.recolour(picture, rng)
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5

    def turn(layer: NDArray[np.generic]) -> NDArray[np.generic]:
        turned = np.rot90(layer, turns)
        return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)

    image = normalise(np.asarray(turn(picture), dtype=np.uint8), recipe.mean, recipe.std)[0]
    return image, turn(lost), turn(field), turn(vessels), known  # type: ignore[return-value]


def _loss(model: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy with soft targets on the map, inside the field, and on the vessels that can be seen."""
    assert isinstance(model, Student)
    images, maps, fields, vessels, known = (t.to(device()) for t in batch)
    logits, vessel_logits = model.with_vessels(images.contiguous(memory_format=torch.channels_last))
    on_map = F.binary_cross_entropy_with_logits(logits.float(), maps, reduction="none") * fields
    on_vessels = (
        F.binary_cross_entropy_with_logits(vessel_logits.float(), vessels, reduction="none").mean(dim=(1, 2, 3)) * known
    )
    return on_map.sum() / fields.sum().clamp(min=1) + _VESSEL_SHARE * on_vessels.sum() / known.sum().clamp(min=1)


def _save_picture(path: Path, model: nn.Module, pairs: Pairs, real: Pairs, recipe: Recipe) -> None:
    rows = []
    for source, some in ((pairs, range(4)), (real, np.linspace(0, len(real.pictures) - 1, 4).astype(int))):
        chosen = list(some)
        for n, found in zip(chosen, predict(model, source.pictures[chosen], recipe), strict=True):
            picture, field = source.pictures[n], source.fields[n]
            rows.append((picture, tint(picture, source.maps[n] * field), tint(picture, found * field)))
    save_sheet(path, rows, ("frame (4 spoiled, 4 real)", "map to learn", "map of the student"))
