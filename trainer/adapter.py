"""Stage 2, the adapter: one 1x1 convolution on a frozen backbone (paper, section 3.2).

The prior says of each patch whether its anatomy is missing; the adapter learns to say so from the features of a
foundation model. Backbone and adapter together are the teacher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from edge.commands.cli import err
from edge.errors import EdgeError
from trainer import runs
from trainer.datasets import Square, progress
from trainer.foundation import Backbone, extract, load_backbone
from trainer.pictures import save_sheet, tint
from trainer.prior import anomaly, binarise, load_prior
from trainer.recipe import Recipe
from trainer.segmented import key_of_photographs, segmented
from trainer.training import Schedule, device, train
from trainer.vessels import load_segmenter, segment

_BATCH = 4096  # patches, as in the paper


@dataclass(frozen=True)
class Teacher:
    """Backbone + adapter."""

    backbone: Backbone
    adapter: nn.Module
    size: int

    def maps(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Degradation maps of pictures of the field: float32 (N, g, g) in [0, 1]."""
        features = torch.from_numpy(extract(self.backbone, pictures, self.size)).to(device())
        with torch.no_grad():
            return torch.sigmoid(self.adapter(features))[:, 0].cpu().numpy().astype(np.float32)


def run(recipe: Recipe, data: Path, out: Path) -> None:
    """Fit the adapter into ``out``/adapter on the pseudo-labels of the run's prior.

    Raises:
        EdgeError: the photographs are all whole or all degraded, so that nothing can be learned.
    """
    settings, folder = recipe.adapter, out / "adapter"
    key = runs.key_of(
        recipe.seed, settings, runs.read_metadata(out / "prior")["key"], key_of_photographs(recipe, data, out)
    )
    if runs.finished(folder, key):
        err.print("adapter: finished already")
        return
    squares = segmented(recipe, data, out).squares
    squares = [
        squares[n] for n in np.linspace(0, len(squares) - 1, min(settings.photographs, len(squares))).astype(int)
    ]
    pictures = [s.picture for s in squares]
    backbone = load_backbone(settings.backbone)
    features = extract(backbone, pictures, settings.size)
    wanted = prior_maps(recipe, out, squares)
    labels, counted = pseudo_labels(recipe, squares, wanted, features.shape[-1])
    if not 0 < labels[counted].mean() < 1:
        raise EdgeError("the prior calls every patch the same: add photographs of mixed quality to --data.")
    adapter, losses = _fit(features, labels, counted, recipe, folder, key)
    teacher = Teacher(backbone, adapter, settings.size)
    rows = []
    for n in np.linspace(0, len(squares) - 1, 8).astype(int):
        layers = (np.clip(wanted[n] / 0.3, 0, 1), labels[n] * counted[n], teacher.maps([pictures[n]])[0] * counted[n])
        rows.append((pictures[n], *(tint(pictures[n], layer) for layer in layers)))
    save_sheet(folder / "adapter.png", rows, ("photograph", "prior |f|", "pseudo-label", "adapter"))
    metrics = {"photographs": len(squares), "positive_share": float(labels[counted].mean()), "losses": losses}
    runs.finish(folder, adapter, recipe, key, metrics, channels=str(backbone.channels))


def load_teacher(recipe: Recipe, out: Path) -> Teacher:
    """Backbone and adapter of a run."""
    backbone = load_backbone(recipe.adapter.backbone)
    return Teacher(backbone, runs.load(out / "adapter", nn.Conv2d(backbone.channels, 1, 1)), recipe.adapter.size)


def prior_maps(recipe: Recipe, out: Path, squares: Sequence[Square]) -> NDArray[np.float32]:
    """|f| of the run's prior on the run's vessel maps: float32 (N, S, S), 0 outside the field."""
    segmenter, prior = load_segmenter(out), load_prior(out, recipe)
    found = []
    starts = range(0, len(squares), 32)
    for start in progress(starts, "what the prior misses", len(starts)):
        some = squares[start : start + 32]
        vessels = segment(segmenter, [s.picture for s in some], recipe)
        binary = [binarise(v, s.field, recipe.prior.size) for s, v in zip(some, vessels, strict=True)]
        found.append(anomaly(prior, [v for v, _ in binary]) * np.stack([f for _, f in binary]))
    return np.concatenate(found)


def pseudo_labels(
    recipe: Recipe, squares: Sequence[Square], wanted: NDArray[np.float32], grid: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Per patch: 1 where enough of its pixels are anomalous, and whether it lies in the field. Both (N, grid, grid)."""
    labels, counted = [], []
    for square, missed in zip(squares, wanted, strict=True):
        inside = cv2.resize(square.field.astype(np.float32), (grid, grid), interpolation=cv2.INTER_AREA)
        share = cv2.resize(
            (missed > recipe.adapter.anomaly).astype(np.float32), (grid, grid), interpolation=cv2.INTER_AREA
        )
        labels.append((share >= recipe.adapter.patch_share * inside).astype(np.float32))
        counted.append(inside >= 0.5)
    return np.stack(labels), np.stack(counted)


def _fit(
    features: NDArray[np.float32],
    labels: NDArray[np.float32],
    counted: NDArray[np.bool_],
    recipe: Recipe,
    folder: Path,
    key: str,
) -> tuple[nn.Module, list[float]]:
    """Class-balanced cross-entropy on patches; features standardised while fitting, which the weights then absorb."""
    patches = features.transpose(0, 2, 3, 1)[counted]
    mean, std = patches.mean(axis=0), patches.std(axis=0) + 1e-6
    x, y = torch.from_numpy((patches - mean) / std), torch.from_numpy(labels[counted])
    balance = (1 - y.mean()) / y.mean()
    linear = nn.Linear(x.shape[1], 1).to(device())
    nn.init.zeros_(linear.weight)
    steps = recipe.adapter.epochs * max(1, len(x) // _BATCH)

    def batch(rng: np.random.Generator, _: float) -> tuple[Tensor, Tensor]:
        chosen = torch.from_numpy(rng.integers(len(x), size=min(_BATCH, len(x))))
        return x[chosen], y[chosen]

    def loss(model: nn.Module, some: tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = (t.to(device()) for t in some)
        return F.binary_cross_entropy_with_logits(model(inputs)[:, 0].float(), targets, pos_weight=balance.to(device()))

    schedule = Schedule(steps, recipe.adapter.rate, recipe.seed, key)
    losses = train(linear, schedule, folder / "training.safetensors", batch, loss, "adapter")
    adapter = nn.Conv2d(x.shape[1], 1, 1)
    weight = linear.weight.detach().cpu()[0] / torch.from_numpy(std)
    with torch.no_grad():
        adapter.weight.copy_(weight[None, :, None, None])
        assert adapter.bias is not None
        # Balancing made rare degradation look as likely as not; half of that is taken back (geometric mean of the
        # two odds), so that the map of a good photograph is near 0. The order of scores hardly changes.
        shift = (weight * torch.from_numpy(mean)).sum() + 0.5 * torch.log(balance)
        adapter.bias.copy_(linear.bias.detach().cpu() - shift)
    return adapter.to(device()).eval(), losses
