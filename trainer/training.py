"""The loop that all trainings share: seeded steps, cosine rate, a checkpoint that survives a kill, a progress bar."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.random import Generator
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from edge.commands.cli import err
from edge.errors import EdgeError
from trainer.files import write

Batch = TypeVar("Batch")
Net = TypeVar("Net", bound=nn.Module)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: ``steps`` of AdamW, the rate warmed up over 5 % and then a cosine to zero."""

    steps: int
    rate: float
    seed: int
    key: str  # of everything that the result depends on; a checkpoint with another key is not resumed
    every: int = 100  # steps between checkpoints


def device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def place(model: Net) -> Net:
    """The model on ``device()``, its weights in the order that convolutions like."""
    placed: Net = cast("Any", model).to(device(), memory_format=torch.channels_last)
    return placed


def train(
    model: nn.Module,
    schedule: Schedule,
    checkpoint: Path,
    make_batch: Callable[[Generator, float], Batch],
    loss_of: Callable[[nn.Module, Batch], Tensor],
    what: str,
) -> list[float]:
    """Train a model in place, from its checkpoint if there is one.

    A batch depends on the seed and the number of the step alone, so a resumed training sees what an undisturbed
    one would have seen.

    Args:
        model: on ``device()``; left in evaluation mode.
        schedule: see ``Schedule``.
        checkpoint: file to write to and to resume from.
        make_batch: builds one batch from random numbers and the share of the steps done; runs in a thread.
        loss_of: scalar loss of a batch.
        what: words for the progress bar.

    Returns:
        The mean loss of every stretch of ``schedule.every`` steps.

    Raises:
        EdgeError: the loss is not a number, or the checkpoint cannot be written.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=schedule.rate, weight_decay=1e-2)
    step, losses = _resume(model, optimizer, schedule, checkpoint)
    model.train()
    recent: list[float] = []
    with _Bar(what, schedule.steps, step) as advance:
        for number, batch in _batches(make_batch, schedule, step):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate * _warm_cosine(number, schedule.steps)
            with torch.autocast(device().type, torch.bfloat16):
                loss = loss_of(model, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            recent.append(float(loss.detach()))
            if not math.isfinite(recent[-1]):
                raise EdgeError(
                    f"{what}: the loss is not a number at step {number}; "
                    f"lower the rate in the recipe ({checkpoint} holds the last good state)."
                )
            if (number + 1) % schedule.every == 0 or number + 1 == schedule.steps:
                losses.append(float(np.mean(recent)))
                recent = []
                _save(model, optimizer, schedule, checkpoint, number + 1, losses)
            advance(recent[-1] if recent else losses[-1])
    model.eval()
    return losses


def _warm_cosine(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    return (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _batches(
    make_batch: Callable[[Generator, float], Batch], schedule: Schedule, start: int
) -> Iterator[tuple[int, Batch]]:
    """Step number and batch; the next two are built while this one is learned."""
    with ThreadPoolExecutor(2) as pool:

        def ask(number: int) -> Future[Batch]:
            return pool.submit(make_batch, np.random.default_rng((schedule.seed, number)), number / schedule.steps)

        ahead = [ask(n) for n in range(start, min(start + 2, schedule.steps))]
        for number in range(start, schedule.steps):
            batch = ahead.pop(0).result()
            if number + 2 < schedule.steps:
                ahead.append(ask(number + 2))
            yield number, batch


class _Bar:
    """A progress bar with the loss beside it; a plain line now and then where there is no terminal."""

    def __init__(self, what: str, steps: int, done: int) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.4f}"),
        )
        self.progress = Progress(*columns, console=err, disable=not err.is_terminal)
        self.task = self.progress.add_task(what, total=steps, completed=done, loss=math.nan)
        self.what, self.steps, self.done = what, steps, done

    def __enter__(self) -> Callable[[float], None]:
        self.progress.start()
        return self.advance

    def advance(self, loss: float) -> None:
        self.done += 1
        self.progress.update(self.task, advance=1, loss=loss)
        if not err.is_terminal and (self.done % max(1, self.steps // 10) == 0):
            err.print(f"{self.what}: step {self.done} of {self.steps}, loss {loss:.4f}")

    def __exit__(self, *_: object) -> None:
        self.progress.stop()


def _save(
    model: nn.Module, optimizer: torch.optim.Optimizer, schedule: Schedule, path: Path, step: int, losses: list[float]
) -> None:
    from safetensors.torch import save

    tensors = {f"model.{k}": v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    for n, state in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{n}.{k}": torch.as_tensor(v).detach().cpu().contiguous().clone() for k, v in state.items()}
    said = {"step": str(step), "key": schedule.key, "losses": json.dumps(losses)}
    write(path, save(tensors, said))


def _resume(
    model: nn.Module, optimizer: torch.optim.Optimizer, schedule: Schedule, path: Path
) -> tuple[int, list[float]]:
    if not path.is_file():
        return 0, []
    try:
        with safe_open(path, "pt") as stored:
            said = stored.metadata()
            tensors = {k: stored.get_tensor(k) for k in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise EdgeError(f"{path} is damaged ({error}): remove it to start this training afresh.") from error
    if said.get("key") != schedule.key:
        raise EdgeError(
            f"{path} belongs to another recipe or other photographs: use another --out, or remove it to start afresh."
        )
    model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("adam."):
            _, number, key = name.split(".")
            state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(said["step"]), list(json.loads(said["losses"]))
