"""Teach ``edge.findings.cause_network`` what took a part of a frame, from frames that were spoiled on purpose.

No quality label is used, and none of the photographs that are kept for evaluation:

    edge-train causes --data PHOTOGRAPHS
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge.errors import EdgeError
from edge.findings import cause_network
from edge.findings.cause import CAUSES
from edge.findings.cause_network import INSIDE, Weights
from edge.progress import followed
from trainer.networks.causes import CauseLayers
from trainer.steps.cause_frames import degraded, finished, frame_loss
from trainer.steps.cause_samples import Facts, Shares, Sizes, gather

_PARTS, _STEPS, _BATCH = 18, 1500, 64
_RATE = 1.5e-3  # of learning
_LEAST_WEIGHT = 0.2  # of a cell that nothing took


def teach(
    facts: Facts, shares: Shares, sizes: Sizes, seed: int = 0, steps: int = _STEPS, start: Weights | None = None
) -> dict[str, Facts]:
    """Weights of the network: each cell by what took it, and each frame by what took most of it and what took a part.

    Args:
        facts, shares, sizes: of ``gather``.
        seed: of weights and of what is drawn.
        steps: of training.
        start: weights to go on from; None to begin anew.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = CauseLayers()
    if start is not None:
        network.start_from(start)
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in followed(range(steps), "teaching causes", steps):
        drawn = rng.integers(0, len(facts), _BATCH)
        down, across = (int(step) for step in rng.choice([-1, 1], 2))
        seen, truth = (
            torch.from_numpy(np.ascontiguousarray(each[drawn][:, :, ::down, ::across], np.float32))
            for each in (facts, shares)
        )
        seen = seen + 0.02 * torch.randn_like(seen) * seen[:, INSIDE : INSIDE + 1]
        cells, main, present = network(seen)
        loss = _loss(cells, main, present, truth, torch.from_numpy(np.asarray(sizes[drawn], np.float32)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return network.weights()


def _loss(cells: Tensor, main: Tensor, present: Tensor, truth: Tensor, sizes: Tensor) -> Tensor:
    """Loss of logits: of cells (N, grid / 2, grid / 2, 8), and of each cause in the frame (N, 7) twice."""
    taken, field = truth[:, : len(CAUSES)], truth[:, len(CAUSES)]
    target = torch.cat([taken, (field - taken.sum(1)).clamp(min=0)[:, None]], 1).permute(0, 2, 3, 1)
    weight = _LEAST_WEIGHT + taken.sum(1)
    of_cells = -(target * torch.log_softmax(cells, 3)).sum(3) * weight
    return of_cells.sum() / (weight * field).sum() + frame_loss(main, present, sizes)


def renew(photographs: Path, seed: int = 0, bundle: Path | None = None, leave_out: Path | None = None) -> str:
    """Spoil, gather, teach the weights of edge/findings/causes.npz further, and write them.

    Args:
        photographs: a folder of photographs of retinas.
        seed: of everything that is drawn.
        bundle: the model; None for the one that ships.
        leave_out: a CSV whose column ``path`` names photographs, relative to that folder, of whose patients none may
            teach; None for none.

    Returns:
        How many frames it learned from.

    Raises:
        EdgeError: that CSV cannot be read.
    """
    left_out = [] if leave_out is None else _paths_in(leave_out)
    parts = [gather(photographs, seed + part, bundle=bundle, left_out=left_out) for part in range(_PARTS)]
    facts, shares, sizes = (np.concatenate(each) for each in zip(*parts, strict=True))
    target = Path(cause_network.__file__).with_name("causes.npz")
    with np.load(target, allow_pickle=False) as arrays:
        weights = teach(facts, shares, sizes, seed, start=dict(arrays))
    weights = finished(weights, (facts, sizes), degraded(photographs, seed, bundle, left_out), seed)
    np.savez(target, **weights)  # type: ignore[arg-type]
    return f"{len(facts)} frames"


def _paths_in(table: Path) -> list[Path]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            return [Path(row["path"]) for row in csv.DictReader(lines)]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise EdgeError(
            f"{table} cannot be read as a list of photographs ({error}): give a CSV with the column path."
        ) from None
