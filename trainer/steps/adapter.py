"""Stage 2: small networks on a frozen backbone learn to see what the prior misses (paper, section 3.2).

The backbone and one of these adapters are the teacher. Four kinds, all on the same features:

- ``linear``: a 1x1 convolution, class-balanced cross-entropy on the prior's pseudo-labels (EFIQA).
- ``cnn``: a small convolutional network, the same loss.
- ``pu``: the same network, non-negative positive-unlabelled loss: only "degraded" is believed (EFIQA-CP).
- ``paired``: the same network, on frames spoiled on purpose, whose truth is known, beside pseudo-labels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from edge.errors import EdgeError
from trainer.loop import runs
from trainer.loop.rows import Rows
from trainer.loop.training import Batch, Sample, Schedule, mean_over, place, train
from trainer.networks.backbone import Backbone, load_backbone
from trainer.networks.published import import_linear
from trainer.networks.students import Adapter
from trainer.pictures import save_sheet, tint
from trainer.recipe import Recipe
from trainer.steps.frames import make_frames
from trainer.steps.pseudo_labels import prior_maps, pseudo_labels, to_grid
from trainer.steps.teacher import Teacher, features_of_frames, features_of_photographs, kinds_of
from trainer.steps.vessel_maps import Photographs, key_of_photographs, segmented

log = logging.getLogger(__name__)

KINDS = ("linear", "cnn", "pu", "paired")
_PATCHES = 4096  # in a batch of the linear adapter, as in the paper; rounded so that 8 processes can share its maps
_MAPS = 32  # in a batch of the others
_REAL = 0.3  # share of real photographs with pseudo-labels in a batch of the paired adapter


@dataclass(frozen=True, eq=False)
class AdapterTrainingSet:
    """What an adapter learns from.

    Attributes:
        features: (C, g, g) each, on the disk or in memory.
        targets: float32 (N, g, g) in [0, 1].
        counted: bool (N, g, g), whether they count.
        numbers: N, of the features that the targets belong to; None where they belong to all in turn.
    """

    features: Rows | NDArray[Any]
    targets: NDArray[np.float32]
    counted: NDArray[np.bool_]
    numbers: NDArray[np.int64] | None = None

    @property
    def share(self) -> float:
        """Of the patches that count: degraded ones."""
        return float(self.targets[self.counted].mean())

    def sample(self, rng: Generator) -> Sample:
        n = int(rng.integers(len(self.targets)))
        features = self.features[n if self.numbers is None else int(self.numbers[n])]
        return np.asarray(features, np.float32), self.targets[n][None], self.counted[n][None]


def run(recipe: Recipe, data: Path, out: Path, maps: Path | None = None) -> None:
    """Fit the adapters into ``out``/adapter/KIND on the pseudo-labels of the run's prior.

    Args:
        recipe: its ``adapter`` names the kinds.
        data: folder of photographs.
        out: run folder, with the prior.
        maps: folder of vessel maps made by another segmenter; None for ours.

    Raises:
        EdgeError: an unknown kind, or the photographs are all whole or all degraded, so that nothing can be learned.
    """
    settings = recipe.adapter
    teachers = kinds_of(recipe, settings.teacher)
    unknown = [kind for kind in (*settings.kinds, *teachers) if kind not in KINDS]
    if unknown or not teachers or not set(teachers) <= set(settings.kinds):
        raise EdgeError(
            f"the recipe's adapter.kinds are some of {', '.join(KINDS)}, and its teacher is one of those kinds, or all "
            f"of them together, not {unknown[0] if unknown else settings.teacher}: fix the recipe."
        )
    keys = {kind: key_of(recipe, data, out, kind, maps) for kind in settings.kinds}
    wanted = [kind for kind in settings.kinds if not _is_finished(out / "adapter" / kind, keys[kind])]
    if not wanted:
        log.info("adapter: finished already")
        return
    photographs = segmented(recipe, data, out, maps)
    backbone = load_backbone(settings.backbone)
    features = features_of_photographs(recipe, data, out, backbone, photographs, maps)
    missed = prior_maps(recipe, out, photographs)
    real = AdapterTrainingSet(features, *pseudo_labels(recipe, missed, features.shape[-1]))
    if not 0 < real.share < 1:
        raise EdgeError("the prior calls every patch the same: add photographs of mixed quality to --data.")
    spoiled = frames_with_truth(recipe, data, out, backbone) if "paired" in wanted else None
    for kind in wanted:
        adapter, losses = _fit(kind, real, spoiled, recipe, out / "adapter" / kind, keys[kind])
        teacher = Teacher(backbone, adapter, settings.size)
        _save_picture(out / "adapter" / kind / f"{kind}.png", recipe, out, photographs, real, teacher)
        metrics = {"photographs": len(photographs), "positive_share": real.share, "losses": losses}
        runs.finish(out / "adapter" / kind, adapter, recipe, keys[kind], metrics, channels=str(backbone.channels))


def _is_finished(folder: Path, key: str) -> bool:
    """Whether an adapter needs no training: it is finished, or was imported in place of one."""
    if (folder / runs.WEIGHTS).is_file() and "imported" in runs.read_metadata(folder):
        return True
    return runs.finished(folder, key)


def import_weights(recipe: Recipe, data: Path, out: Path, weights: Path) -> None:
    """A published linear adapter into ``out``/adapter/linear, in place of training one.

    Args:
        recipe: its ``adapter.teacher`` is ``linear``, so that the student learns from it.
        data: not used.
        out: run folder.
        weights: see ``trainer.networks.published``.

    Raises:
        EdgeError: the recipe wants another teacher, the file does not fit the backbone, or a linear adapter of other
            weights is there already.
    """
    if recipe.adapter.teacher != "linear":
        raise EdgeError(
            f"published weights are a linear adapter, but the recipe's teacher is {recipe.adapter.teacher}: "
            "set adapter.teacher to linear."
        )
    channels = load_backbone(recipe.adapter.backbone).channels
    adapter = Adapter(channels, convolutional=False)
    adapter.last = import_linear(weights, channels)
    key, folder = runs.key_of(weights.read_bytes().hex()), out / "adapter" / "linear"
    if runs.finished(folder, key):
        log.info("adapter: imported already")
        return
    runs.finish(folder, adapter, recipe, key, {"weights": weights.name}, imported=weights.name)


def key_of(recipe: Recipe, data: Path, out: Path, kind: str, maps: Path | None = None) -> str:
    """What an adapter depends on."""
    photographs = key_of_photographs(recipe, data, out, maps)
    more = (recipe.frames, recipe.side) if kind == "paired" else ()
    settings = replace(recipe.adapter, kinds=(kind,), teacher="")  # whichever others are trained
    return runs.key_of(recipe.seed, settings, runs.read_metadata(out / "prior")["key"], photographs, *more)


def frames_with_truth(recipe: Recipe, data: Path, out: Path, backbone: Backbone) -> AdapterTrainingSet:
    """The frames whose truth is known, on the grid of the backbone."""
    frames = make_frames(recipe, data, out)
    features = features_of_frames(recipe, data, out, backbone, frames)
    known = np.flatnonzero([bool(there) for there in frames.rows["has_truth"]])
    truth, fields = (
        to_grid((layers[int(n)].astype(np.float32) for n in known), features.shape[-1])
        for layers in (frames.rows["truth"], frames.rows["field"])
    )
    return AdapterTrainingSet(features, truth, fields >= 0.5, known)


def _fit(
    kind: str, real: AdapterTrainingSet, spoiled: AdapterTrainingSet | None, recipe: Recipe, folder: Path, key: str
) -> tuple[nn.Module, list[float]]:
    torch.manual_seed(recipe.seed)
    settings, balance = recipe.adapter, (1 - real.share) / real.share
    numbers = range(0, len(real.features), len(real.features) // 200 + 1)
    some = np.stack([real.features[n] for n in numbers])
    model = place(Adapter(some.shape[1], convolutional=kind != "linear", like=some))
    losses_of: dict[str, Callable[[nn.Module, Batch], Tensor]] = {
        "linear": lambda model, batch: _cross_entropy(model, batch, torch.tensor(balance)),
        "cnn": lambda model, batch: _cross_entropy(model, batch, torch.tensor(balance)),
        "pu": lambda model, batch: _positive_unlabelled(model, batch, settings.positives),
        # On photographs, the balance of the paper, half of it taken back; the truth of spoiled frames needs none.
        "paired": lambda model, batch: _cross_entropy(model, batch, batch[3] * (balance**0.5 - 1) + 1),
    }

    def sample(rng: Generator, _: float, at: float) -> Sample:
        on_photographs = spoiled is None or kind != "paired" or at < _REAL
        chosen = real if spoiled is None or on_photographs else spoiled
        return *chosen.sample(rng), np.full((1, 1, 1), on_photographs)

    maps = 8 * max(1, round(_PATCHES / real.targets[0].size / 8)) if kind == "linear" else _MAPS
    schedule = Schedule(settings.steps, maps, settings.rate, recipe.seed, key)
    losses = train(model, schedule, folder / "training.pt", sample, losses_of[kind], f"adapter {kind}")
    if kind in ("linear", "cnn"):
        # Balancing made rare degradation look as likely as not; half of that is taken back (geometric mean of the
        # two odds), so that the map of a good photograph is near 0. The order of scores hardly changes.
        model.shift(-0.5 * float(np.log(balance)))
    return model, losses


def _cross_entropy(model: nn.Module, batch: Batch, balance: Tensor) -> Tensor:
    """Over the patches that count, degraded ones weighted by ``balance``; targets may be soft."""
    features, targets, counted, _ = batch
    weight, logits = balance.to(targets.device), model(features).float()
    each = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight, reduction="none")
    return mean_over(each, counted)


def _positive_unlabelled(model: nn.Module, batch: Batch, positives: float) -> Tensor:
    """Non-negative risk (EFIQA-CP): pi E_P[softplus(-z)] + max(0, E_U[softplus(z)] - pi E_P[softplus(z)])."""
    features, targets, counted, _ = batch
    logits = model(features).float()
    degraded, unknown, risk = targets * counted, (1 - targets) * counted, F.softplus(logits)
    missed = positives * mean_over(F.softplus(-logits), degraded)
    return missed + (mean_over(risk, unknown) - positives * mean_over(risk, degraded)).clamp(min=0)


def _save_picture(
    path: Path, recipe: Recipe, out: Path, photographs: Photographs, real: AdapterTrainingSet, teacher: Teacher
) -> None:
    rows, chosen = [], [int(n) for n in np.linspace(0, len(photographs) - 1, 8)]
    missed = prior_maps(recipe, out, [photographs[n] for n in chosen])
    for n, (strength, _) in zip(chosen, missed, strict=True):
        found, picture = teacher.of_features(real.features[n][None])[0], photographs.pictures[n]
        layers = (np.clip(strength / 0.3, 0, 1), real.targets[n] * real.counted[n], found * real.counted[n])
        rows.append((picture, *(tint(picture, layer) for layer in layers)))
    save_sheet(path, rows, ("photograph", "prior |f|", "pseudo-label", "adapter"))
