"""What is written into a run folder, by process 0 alone: files, and the checkpoint of a training under way."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from edge.errors import EdgeError
from edge.files.output import write_output
from trainer.loop.processes import by_first


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; folders on the way are made. All processes call it, the first one writes.

    Raises:
        EdgeError: the disk is full, or the folder cannot be written to; in all processes alike.
    """
    by_first(lambda: _write(path, data))


def write_tensors(path: Path, arrays: Mapping[str, NDArray[np.generic]], key: str) -> None:
    """Arrays too large to be held twice, straight into a safetensors file, whole or not at all; process 0 writes.

    Raises:
        EdgeError: the disk is full, or the folder cannot be written to.
    """

    def work() -> None:
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(dict(arrays), temporary, {"key": key})
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        except KeyboardInterrupt:
            temporary.unlink(missing_ok=True)
            raise
        except (OSError, SafetensorError) as error:
            temporary.unlink(missing_ok=True)
            raise EdgeError(f"{path} cannot be written ({error}): free some space or choose another folder.") from error

    by_first(work)


def check_room(path: Path, size: int) -> None:
    """Refuse work whose result would not fit on the disk.

    Raises:
        EdgeError: fewer than ``size`` bytes are free where ``path`` is to be.
    """

    def work() -> None:
        there = next(folder for folder in path.absolute().parents if folder.is_dir())
        free = shutil.disk_usage(there).free
        if free < size:
            raise EdgeError(
                f"{path} needs about {size / 2**30:.1f} GiB and the disk has {free / 2**30:.1f} free: "
                "free some space or choose another folder."
            )

    by_first(work)


def tensors_key(path: Path) -> str:
    """The key that ``write_tensors`` stored; empty where the file is missing or damaged."""
    try:
        with safe_open(path, "np") as stored:
            return str((stored.metadata() or {}).get("key", ""))
    except (SafetensorError, OSError):
        return ""


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name."""
    with safe_open(path, "np") as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118


def remove(path: Path) -> None:
    """Remove a file that may be there. All processes call it, the first one removes."""
    by_first(lambda: path.unlink(missing_ok=True))


def write_checkpoint(
    path: Path, key: str, step: int, losses: Sequence[float], model: nn.Module, optimizer: Optimizer
) -> None:
    """Write a training under way; one that could not be gone on from never takes the place of the last good one.

    Args:
        path: of the checkpoint.
        key: of everything that the training depends on.
        step: steps done.
        losses: of the steps done.
        model, optimizer: whose state is kept.

    Raises:
        EdgeError: a weight is not a number, or see ``write``.
    """

    def work() -> None:
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        for n, state in optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{n}.{k}": torch.as_tensor(v) for k, v in state.items()}
        stored = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        check_finite(path, stored)
        said = {"key": key, "step": str(step), "losses": json.dumps(losses), "crc": _crc(stored)}
        _write(path, save(stored, said))

    by_first(work)


def read_checkpoint(path: Path, key: str, model: nn.Module, optimizer: Optimizer) -> tuple[int, list[float]] | None:
    """Take up the training that process 0 finds, in all processes: steps done and their losses; None without one.

    Raises:
        EdgeError: the checkpoint is damaged, or was made from other things; it is left as it is.
    """
    found = by_first(lambda: _read(path, key) if path.is_file() else None)
    if found is None:
        return None
    step, losses, tensors = found
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("adam."):
            _, number, what = name.split(".")
            state.setdefault(int(number), {})[what] = tensor
    try:
        model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    except (RuntimeError, ValueError) as error:
        raise EdgeError(f"{path} is of another network: remove it to start this training afresh.") from error
    return step, losses


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_output(path, data)
    except OSError as error:
        raise EdgeError(
            f"{path} cannot be written ({error.strerror}): free some space or choose another folder."
        ) from error


def _read(path: Path, key: str) -> tuple[int, list[float], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as stored:
            said = stored.metadata() or {}
            tensors = {k: stored.get_tensor(k) for k in stored.keys()}  # noqa: SIM118
        if said.get("crc", (crc := _crc(tensors))) != crc:  # a checkpoint from before there was one has none
            raise ValueError("its weights are not those that were written")
        found = int(said["step"]), list(json.loads(said["losses"])), tensors
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise EdgeError(f"{path} is damaged ({reason}): remove it to start this training afresh.") from error
    if said.get("key") != key:
        raise EdgeError(
            f"{path} belongs to another recipe or other photographs: use another --out, or remove it to start afresh."
        )
    return found


def _crc(tensors: Mapping[str, Tensor]) -> str:
    """Of all bytes: safetensors itself only sees to it that they are all there."""
    crc = 0
    for name in sorted(tensors):
        crc = zlib.crc32(tensors[name].numpy().tobytes(), crc)
    return str(crc)
