"""Files in a run folder, written by process 0 alone, and the checkpoint of a training in progress."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from edge.errors import EdgeError, first_line
from edge.files.output import write_output
from trainer.loop.processes import by_first


def write(path: Path, data: bytes) -> None:
    """Write a file atomically, with its parent folders. All processes call it, process 0 writes.

    Raises:
        EdgeError: the disk is full, or the folder cannot be written to; in all processes alike.
    """
    by_first(lambda: _write(path, data))


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Write an .npz as ``write`` does.

    Raises:
        EdgeError: see ``write``.
    """
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    write(path, packed.getvalue())


def check_room(path: Path, size: int) -> None:
    """Refuse work whose result would not fit on the disk.

    Raises:
        EdgeError: fewer than ``size`` bytes are free where ``path`` is to be.
    """
    there = next(folder for folder in path.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(there).free
    if free < size:
        raise EdgeError(
            f"{path} needs about {size / 2**30:.1f} GiB and the disk has {free / 2**30:.1f} free: "
            "free some space or choose another folder."
        )


def remove(path: Path) -> None:
    """Remove a file that may be there. All processes call it, the first one removes."""
    by_first(lambda: path.unlink(missing_ok=True))


def write_checkpoint(
    path: Path,
    key: str,
    step: int,
    losses: tuple[Sequence[float], Sequence[float]],
    model: nn.Module,
    optimizer: Optimizer,
) -> None:
    """Save a training in progress; a state that cannot be resumed never replaces the last good one.

    Args:
        path: of the checkpoint.
        key: of everything that the training depends on.
        step: steps done.
        losses: the mean of each whole stretch of steps, and those of the steps since.
        model, optimizer: whose state is kept.

    Raises:
        EdgeError: a weight is not a number, or see ``write``.
    """

    def work() -> None:
        weights, adam = model.state_dict(), optimizer.state_dict()
        moments = {f"adam.{n}.{k}": torch.as_tensor(v) for n, state in adam["state"].items() for k, v in state.items()}
        check_finite(path, {f"model.{k}": v for k, v in weights.items()} | moments)
        stored = io.BytesIO()
        lost = {"losses": list(losses[0]), "recent": list(losses[1])}
        torch.save({"key": key, "step": step, **lost, "model": weights, "optimizer": adam}, stored)
        _write(path, stored.getvalue())

    by_first(work)


def read_checkpoint(
    path: Path, key: str, model: nn.Module, optimizer: Optimizer
) -> tuple[int, list[float], list[float]] | None:
    """Resume the training that process 0 finds, in all processes; None without one.

    Returns:
        Steps done, the mean loss of each whole stretch of them, and the losses of the steps since.

    Raises:
        EdgeError: the checkpoint is damaged, or was made from other things; it is left as it is.
    """
    found = by_first(lambda: _read(path, key) if path.is_file() else None)
    if found is None:
        return None
    step, losses, recent, weights, adam = found
    try:
        model.load_state_dict(weights)
        optimizer.load_state_dict(adam)
    except (RuntimeError, ValueError) as error:
        raise EdgeError(f"{path} is of another network: remove it to start this training again.") from error
    return step, losses, recent


def check_finite(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """See that weights can be used.

    Raises:
        EdgeError: one of them is not a number.
    """
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise EdgeError(
                f"{path} is not written ({name} holds what is not a number): "
                + ("start again to go on from the one before, or remove it and " if path.is_file() else "")
                + "lower the rate in the recipe."
            )


def _write(path: Path, data: bytes) -> None:
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_output(path, data)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Report in one sentence what the disk refuses.

    Raises:
        EdgeError: in place of an error of the disk.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise EdgeError(f"{path} cannot be written ({reason}): free some space or choose another folder.") from error


@contextmanager
def removed_on_failure(temporary: Path) -> Iterator[None]:
    """Leave nothing of a temporary file where the work fails or is interrupted."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _read(path: Path, key: str) -> tuple[int, list[float], list[float], dict[str, Any], dict[str, Any]]:
    try:
        data = io.BytesIO(path.read_bytes())
        with zipfile.ZipFile(data) as members:  # torch itself does not look at the checksums that it wrote
            if (changed := members.testzip()) is not None:
                raise ValueError(f"{changed} is not what was written")
        data.seek(0)
        stored = torch.load(data, map_location="cpu", weights_only=True)
        recent = stored.get("recent", [])  # of no step in the checkpoints of an earlier version
        of, found = stored["key"], (stored["step"], stored["losses"], recent, stored["model"], stored["optimizer"])
    except Exception as error:  # what torch raises depends on what is in a stranger's file
        # Not in torch's own words: they advise to load it without weights_only.
        reason = "it is no checkpoint" if isinstance(error, UnpicklingError) else first_line(error).rstrip(".")
        raise EdgeError(f"{path} is damaged ({reason}): remove it to start this training again.") from error
    if of != key:
        raise EdgeError(
            f"{path} belongs to another recipe or other photographs: use another --out, or remove it to start again."
        )
    return found
