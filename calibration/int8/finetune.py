"""Quantization-aware fine-tuning: a fake-quantized student learns to reproduce the maps of the float one."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from calibration.frames import evenly, phantoms, tensors
from calibration.int8.quantize import Tensors
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.frame.prepare import cut, normalise
from edge.progress import followed
from trainer.recipe import Recipe
from trainer.steps.frames import frames_of

STEPS = 300
_BATCH = 8
_RATE = 2e-5
_SCORE = 1.0  # weight of the score's distance in the loss; that of the maps has 1
_FRAMES = 1200  # of the run's own, at most: a few hundred steps do not reach more
_PHANTOMS = range(2000, 2100)  # seeds of these synthetic eyes; those that calibrate and judge are smaller


def frames_to_learn(run: Path, recipe: Recipe, chosen: Tensors) -> list[NDArray[np.float32]]:
    """Prepared frames to fine-tune on: the run's own, spoiled and clean, and those that the ranges were chosen on.

    Args:
        run: its ``frames`` hold what the student was trained on; where they were removed, synthetic eyes replace them.
        recipe: for the size and normalisation of the input.
        chosen: the calibration frames, prepared.

    Returns:
        float32 (1, 3, S, S) each.

    Raises:
        EdgeError: the file of the frames is damaged.
    """
    frames, older = frames_of(run, recipe), run / "frames" / "frames.safetensors"
    if frames is not None:
        some = [frames.rows["picture"][n] for n in evenly(range(len(frames)), _FRAMES)]
    elif older.is_file():
        some = _of_an_earlier_version(older)
    else:
        return [*chosen, *(tensors(phantoms(_PHANTOMS), recipe) if recipe.modality == "fundus" else [])]
    whole, size = Crop(0, 0, some[0].shape[0]), recipe.distill.size
    return [*chosen, *(normalise(cut(p, whole, size), recipe.mean, recipe.std) for p in some)]


def _of_an_earlier_version(path: Path) -> list[NDArray[np.uint8]]:
    """Some of the frames as runs kept them before they lay in rows."""
    try:
        with safe_open(path, "np") as stored:
            pictures = stored.get_slice("pictures")
            return [pictures[n] for n in evenly(range(pictures.get_shape()[0]), _FRAMES)]
    except (SafetensorError, OSError) as error:
        raise EdgeError(f"{path} is damaged ({error}): remove it, and synthetic eyes take its place.") from error


def finetune(quantized: nn.Module, network: nn.Module, frames: Tensors, steps: int) -> nn.Module:
    """A copy of a fake-quantized network whose weights are trained so that its maps are nearer to the float one's.

    The ranges stay as they were chosen; rounding passes gradients straight through. Batch norms are folded already, so
    small batches do no harm.

    Args:
        quantized: see ``calibration.int8.quantize.quantize``; not changed.
        network: the float one, its teacher.
        frames: float32 (1, 3, S, S) each.
        steps: of Adam, the rate a cosine to zero.

    Raises:
        EdgeError: the loss is not a finite number.
    """
    learned = copy.deepcopy(quantized)
    weights = [p for p in learned.parameters() if p.dtype == torch.float32]
    for weight in weights:
        weight.requires_grad_(True)
    optimizer = torch.optim.Adam(weights, lr=_RATE)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    rng = np.random.default_rng(0)
    for step in followed(range(steps), "fine-tuning INT8", steps):
        batch = [_turned(frames[n], rng) for n in rng.integers(len(frames), size=_BATCH)]
        some = torch.from_numpy(np.concatenate(batch))
        with torch.no_grad():
            wanted = network(some)
        loss = _apart(learned(some), wanted)
        if not torch.isfinite(loss):
            raise EdgeError(f"the loss of fine-tuning is not finite at step {step}: calibrate with --finetune 0.")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        rate.step()
    return learned.eval().requires_grad_(False)


def _apart(maps: Tensor, wanted: Tensor) -> Tensor:
    """Distance of maps (N, K, g, g) and of their means: an error of one sign moves the score, a mixed one does not."""
    score = (maps[:, 0].mean(dim=(1, 2)) - wanted[:, 0].mean(dim=(1, 2))).abs().mean()
    return (maps - wanted).abs().mean() + _SCORE * score


def _turned(tensor: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    turned = np.rot90(tensor, int(rng.integers(4)), (2, 3))
    return np.ascontiguousarray(turned[..., ::-1] if rng.random() < 0.5 else turned)
