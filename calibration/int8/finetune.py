"""Quantization-aware fine-tuning: a fake-quantized student learns to give the maps of the float one again."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.random import default_rng
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from calibration.frames import phantoms, tensors
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.frame.prepare import cut, normalise
from edge.progress import followed
from trainer.recipe import Recipe

Tensors = Sequence[NDArray[np.float32]]

STEPS = 300
_BATCH = 8
_RATE = 2e-5
_SCORE = 1.0  # weight of the score's distance in the loss, beside 1 for that of the maps
_FRAMES = 1200  # of the run's own, at most: more are not seen in a few hundred steps
_PHANTOMS = range(2000, 2100)  # seeds of the stand-ins; those that calibrate and judge are smaller


def frames_to_learn(run: Path, recipe: Recipe, chosen: Tensors, number: int = _FRAMES) -> list[NDArray[np.float32]]:
    """Prepared frames to fine-tune on: the run's own, spoiled and whole, and those that the ranges were chosen on.

    Args:
        run: its ``frames`` hold what the student was trained on; where they were removed, synthetic eyes stand in.
        recipe: for the size and normalisation of the input.
        chosen: the calibration frames, prepared.
        number: how many beside the latter.

    Returns:
        float32 (1, 3, S, S) each; fields, where the field of view reaches, are not told apart.

    Raises:
        EdgeError: the file of the frames is damaged.
    """
    path, size = run / "frames" / "frames.safetensors", recipe.distill.size
    if not path.is_file():
        return [*chosen, *tensors(phantoms(_PHANTOMS), recipe)]
    try:
        with safe_open(path, "np") as stored:
            pictures = stored.get_slice("pictures")
            total = pictures.get_shape()[0]
            some = [pictures[int(n)] for n in np.unique(np.linspace(0, total - 1, number).astype(int))]
    except (SafetensorError, OSError) as error:
        raise EdgeError(f"{path} is damaged ({error}): remove it, and edge-train distill makes it again.") from error
    whole = Crop(0, 0, some[0].shape[0])
    return [*chosen, *(normalise(cut(p, whole, size), recipe.mean, recipe.std) for p in some)]


def finetune(quantized: nn.Module, network: nn.Module, frames: Tensors, steps: int, seed: int = 0) -> nn.Module:
    """A copy of a fake-quantized network whose weights were moved until its maps are nearer to the float one's.

    The ranges stay as they were chosen; rounding passes gradients straight through. Batch norms are folded by now, so
    a few frames at a time do no harm.

    Args:
        quantized: see ``calibration.int8.quantize.quantize``; not changed.
        network: the float one, its teacher.
        frames: float32 (1, 3, S, S) each.
        steps: of Adam, the rate a cosine to zero.
        seed: of the order of the frames.

    Raises:
        EdgeError: the loss became a number that is none.
    """
    learned = copy.deepcopy(quantized)
    weights = [p for p in learned.parameters() if p.dtype == torch.float32]
    for weight in weights:
        weight.requires_grad_(True)
    optimizer = torch.optim.Adam(weights, lr=_RATE)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    rng = default_rng(seed)
    for step in followed(range(steps), "fine-tuning INT8", steps):
        some = torch.from_numpy(
            np.concatenate([_turned(frames[n], rng) for n in rng.integers(len(frames), size=_BATCH)])
        )
        with torch.no_grad():
            wanted = network(some)
        loss = _apart(learned(some), wanted)
        if not torch.isfinite(loss):
            raise EdgeError(f"fine-tuning left the numbers at step {step}: calibrate with --finetune 0.")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        rate.step()
    return learned.eval().requires_grad_(False)


def _apart(maps: Tensor, wanted: Tensor) -> Tensor:
    """Distance of maps (N, K, g, g) and of what they sum to: an error of one sign moves the score, a mixed one not."""
    score = (maps[:, 0].mean(dim=(1, 2)) - wanted[:, 0].mean(dim=(1, 2))).abs().mean()
    return (maps - wanted).abs().mean() + _SCORE * score


def _turned(tensor: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    turned = np.rot90(tensor, int(rng.integers(4)), (2, 3))
    return np.ascontiguousarray(turned[..., ::-1] if rng.random() < 0.5 else turned)
