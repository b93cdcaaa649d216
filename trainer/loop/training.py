"""The loop that all trainings share: seeded steps, cosine rate, a checkpoint that survives a kill, progress.

One process does it all, or several share each batch (``trainer.loop.processes``).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.ahead import ahead
from edge.errors import EdgeError
from edge.progress import followed, progress
from trainer.loop.checkpoints import read_checkpoint, write_checkpoint
from trainer.loop.processes import average, by_first, local_rank, share_of
from trainer.loop.stopping import held_signals

log = logging.getLogger(__name__)

Batch = tuple[Tensor, ...]
Sample = tuple[NDArray[Any] | np.generic | float, ...]
Net = TypeVar("Net", bound=nn.Module)


class Items(Protocol):
    """A list, an array, or rows on the disk."""

    def __len__(self) -> int: ...
    def __getitem__(self, n: int, /) -> Any: ...


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: ``steps`` of AdamW, the rate warmed up over 5 % and then a cosine to zero."""

    steps: int
    batch: int
    rate: float
    seed: int
    key: str  # of everything that the result depends on; a checkpoint with another key is not resumed
    every: int = 100  # steps between checkpoints


def device() -> torch.device:
    """CUDA where there is one, of several processes each its own GPU; else the CPU."""
    return torch.device("cuda", local_rank()) if torch.cuda.is_available() else torch.device("cpu")


def place(model: Net) -> Net:
    """The model on ``device()``, its weights in the order that convolutions like."""
    placed: Net = cast("Any", model).to(device(), memory_format=torch.channels_last)
    return placed


def infer(
    network: Callable[[Tensor], Tensor],
    items: Items,
    prepare: Callable[[Sequence[Any]], NDArray[np.float32]],
    batch: int,
    half: bool = False,
    what: str = "",
) -> NDArray[np.float32]:
    """Outputs of ``infer_each`` in one array; takes the same arguments."""
    return np.stack(list(infer_each(network, items, prepare, batch, half, what)))


def infer_each(
    network: Callable[[Tensor], Tensor],
    items: Items,
    prepare: Callable[[Sequence[Any]], NDArray[np.float32]],
    batch: int,
    half: bool = False,
    what: str = "",
) -> Iterator[NDArray[np.float32]]:
    """The output of a network on ``device()`` for each item, without gradients, float32.

    Args:
        network: a batch of inputs -> a batch of outputs.
        items: pictures, maps or features, in memory or on the disk.
        prepare: items of one batch -> float32 inputs (N, C, H, W).
        batch: items at a time.
        half: compute in bfloat16 where that is accurate enough.
        what: label of the progress bar; no bar without one.
    """
    starts = range(0, len(items), batch)
    for start in followed(starts, what, len(starts)) if what else starts:
        some = [items[n] for n in range(start, min(start + batch, len(items)))]
        inputs = torch.from_numpy(prepare(some))
        with torch.no_grad(), torch.autocast(device().type, torch.bfloat16, enabled=half):
            found = network(inputs.to(device())).float().cpu().numpy()
        yield from found


def mean_over(values: Tensor, counted: Tensor) -> Tensor:
    """Mean of what counts, 0 where nothing does; ``counted`` is 0 or 1."""
    return (values * counted).sum() / counted.sum().clamp(min=1)


def train(
    model: Net,
    schedule: Schedule,
    checkpoint: Path,
    make_sample: Callable[[Generator, float, float], Sample],
    loss_of: Callable[[Net, Batch], Tensor],
    what: str,
) -> list[float]:
    """Train a model in place, from its checkpoint if there is one.

    A sample depends on the seed, the number of the step and its place in the batch alone, so a resumed training sees
    what an undisturbed one would have seen.

    Args:
        model: on ``device()``; left in evaluation mode.
        schedule: see ``Schedule``.
        checkpoint: file to write to and to resume from.
        make_sample: builds one sample, a tuple of arrays, from random numbers, the share of the steps done, and its
            place in the batch, from 0 to below 1; runs in a thread.
        loss_of: scalar loss of a batch: the samples' arrays stacked, float32, on ``device()``.
        what: label of the progress bar.

    Returns:
        The mean loss of every stretch of ``schedule.every`` steps, over all processes.

    Raises:
        KeyboardInterrupt: a signal asked to stop; the checkpoint holds all steps done.
        EdgeError: the loss is not a number, the checkpoint cannot be read or written, or the batch cannot be shared.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=schedule.rate, weight_decay=1e-2)
    places = share_of(schedule.batch, what)
    step, losses, recent = _resume(model, optimizer, schedule.key, checkpoint)
    model.train()
    stopped = 0
    with held_signals() as asked, progress(what, schedule.steps, step) as tick:
        for number, batch in _batches(make_sample, schedule, places, step):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate * _warm_cosine(number, schedule.steps)
            with torch.autocast(device().type, torch.bfloat16):
                loss = loss_of(model, batch)
            mean, stop = _learn(model, optimizer, loss, asked.number > 0)
            recent.append(mean)
            if not math.isfinite(mean):
                raise EdgeError(
                    f"{what}: the loss or its gradient is not a number at step {number}: "
                    + (f"start again to go on from {checkpoint}, or remove it and " if checkpoint.is_file() else "")
                    + "lower the rate in the recipe."
                )
            done = number + 1
            if done % schedule.every == 0 or done == schedule.steps:
                losses.append(float(np.mean(recent)))
                recent = []
            if not recent or stop:
                # Gradients are the same in all processes and so are weights, but each has seen other samples: the
                # running statistics of batch norm differ until they are averaged. They play no part in training.
                average([b for b in model.buffers() if b.is_floating_point()])
                write_checkpoint(checkpoint, schedule.key, done, (losses, recent), model, optimizer)
            tick(done, recent[-1] if recent else losses[-1])
            if stop:
                stopped = done
                break
    if stopped:
        log.info("%s: saved at step %d of %d; the same command resumes there", what, stopped, schedule.steps)
        asked.pass_on()
    model.eval()
    return losses


def _learn(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, asked: bool) -> tuple[float, bool]:
    """One step on the mean gradient of all processes.

    DistributedDataParallel would wrap ``forward`` alone and hide the model's class, and losses here call other methods
    too. The networks are small: one message with all gradients and the loss costs little and hides nothing.

    Returns:
        The mean loss over all processes, not a number where it or a gradient is not, and then no step was taken; and
        whether any of them was asked to stop.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    mean = loss.detach()
    stop = torch.full_like(mean, float(asked))
    average([mean, stop, *(p.grad for p in model.parameters() if p.grad is not None)])
    length = nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    if not torch.isfinite(length):
        return math.nan, False
    if math.isfinite(mean):
        optimizer.step()
    return float(mean), bool(stop > 0)


def _warm_cosine(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    return (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _batches(
    make_sample: Callable[[Generator, float, float], Sample], schedule: Schedule, places: Sequence[int], start: int
) -> Iterator[tuple[int, Batch]]:
    """Step number and this process's places of the batch; the next two are built while this one is learned."""

    def make(number: int) -> Batch:
        samples = [
            make_sample(np.random.default_rng((schedule.seed, number, n)), number / schedule.steps, n / schedule.batch)
            for n in places
        ]
        return tuple(torch.from_numpy(np.stack(layer).astype(np.float32)) for layer in zip(*samples, strict=True))

    steps = range(start, schedule.steps)
    with ThreadPoolExecutor(2) as pool, closing(ahead(pool, make, steps, 3)) as batches:
        for number, batch in zip(steps, batches, strict=True):
            yield number, tuple(layer.to(device()) for layer in batch.result())


def _resume(
    model: nn.Module, optimizer: torch.optim.Optimizer, key: str, path: Path
) -> tuple[int, list[float], list[float]]:
    """See ``read_checkpoint``; the model as process 0 has it, from the checkpoint or as it began."""
    found = read_checkpoint(path, key, model, optimizer)
    if found is None:
        model.load_state_dict(by_first(lambda: {k: v.cpu() for k, v in model.state_dict().items()}))
    return found or (0, [], [])
