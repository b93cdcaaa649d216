"""The teacher, backbone and adapter, and what the backbone sees on everything that is taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainer.loop import runs
from trainer.loop.rows import Rows
from trainer.loop.training import Items, infer
from trainer.networks.backbone import Backbone, extract, load_backbone
from trainer.networks.features import cached_features
from trainer.networks.students import Adapter, Together
from trainer.recipe import Recipe
from trainer.steps.frames import Frames, frames_key
from trainer.steps.vessel_maps import Photographs, key_of_photographs

TOGETHER = "together"  # the teacher that is the mean of all adapters of the recipe


@dataclass(frozen=True)
class Teacher:
    """Backbone + adapter."""

    backbone: Backbone
    adapter: nn.Module
    size: int

    def maps(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Degradation maps of pictures of the field: float32 (N, g, g) in [0, 1]."""
        return self.of_features(extract(self.backbone, pictures, self.size))

    def of_features(self, features: Items) -> NDArray[np.float32]:
        """The same from features, N times (C, g, g)."""

        def prepare(some: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
            return np.stack(some).astype(np.float32)

        return infer(lambda some: torch.sigmoid(self.adapter(some))[:, 0], features, prepare, 64)


def load_teacher(recipe: Recipe, out: Path, kind: str = "", backbone: Backbone | None = None) -> Teacher:
    """Backbone and adapter of a run; the adapter that the recipe calls its teacher, or another; ``together``: all."""
    backbone, kind = backbone or load_backbone(recipe.adapter.backbone), kind or recipe.adapter.teacher
    adapters = [
        runs.load(out / "adapter" / each, Adapter(backbone.channels, convolutional=each != "linear"))
        for each in kinds_of(recipe, kind)
    ]
    return Teacher(backbone, adapters[0] if len(adapters) == 1 else Together(adapters), recipe.adapter.size)


def kinds_of(recipe: Recipe, kind: str) -> tuple[str, ...]:
    """The adapters that a teacher is made of."""
    return recipe.adapter.kinds if kind == TOGETHER else (kind,)


def features_of_photographs(
    recipe: Recipe, data: Path, out: Path, backbone: Backbone, photographs: Photographs, maps: Path | None = None
) -> Rows:
    """Features of all photographs, float16 (C, g, g) each, kept on disk for the next adapter."""
    key = key_of_photographs(recipe, data, out, maps)
    return cached_features(backbone, photographs.pictures, recipe.adapter.size, out / "features" / "photographs", key)


def features_of_frames(recipe: Recipe, data: Path, out: Path, backbone: Backbone, frames: Frames) -> Rows:
    """Features of all frames of the run, kept on disk."""
    key = frames_key(recipe, data, out)
    return cached_features(backbone, frames.rows["picture"], recipe.adapter.size, out / "features" / "frames", key)
