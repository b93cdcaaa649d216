"""Several processes that train one model together, as torchrun starts them: what they share and what the first does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from edge.errors import EdgeError

if dist.is_available():
    # Optimisers import this module, and if there is a group by then, defaults of its functions keep it for good: gloo's
    # threads would outlive ``joined``, and now and then abort the process while it exits.
    import torch.distributed.nn

Result = TypeVar("Result")
# Processes prepare the same data, some later than others; one that is gone is noticed at once, by torchrun.
_PATIENCE = timedelta(hours=2)


def world() -> int:
    """How many processes train together; 1 outside ``joined``."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if world() > 1 else 0


def local_rank() -> int:
    """The number of this process on its own machine, which is also that of its GPU."""
    return int(os.environ["LOCAL_RANK"]) if world() > 1 else 0


def follows() -> bool:
    """Whether torchrun has started this process beside a first one, which speaks for all."""
    return dist.is_available() and dist.is_torchelastic_launched() and int(os.environ["RANK"]) > 0


@contextmanager
def joined() -> Iterator[None]:
    """Join the other processes of torchrun, over NCCL where there is CUDA, else over gloo; nothing without torchrun.

    An error that all of them meet is reported once on each machine.

    Raises:
        EdgeError: a machine has fewer GPUs than processes, or another process has ended.
    """
    if not (dist.is_available() and dist.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1):
        yield
        return
    try:
        _join()
        yield
    except BaseException as error:
        if int(os.environ["LOCAL_RANK"]) > 0 and isinstance(error, Exception):
            time.sleep(30)  # process 0 has most likely met the same and says it; torchrun then ends this one at once
        if dist.is_initialized() and dist.get_backend() == "gloo":  # NCCL would wait for those that are still at work
            dist.destroy_process_group()  # gloo's threads must not outlive it, as above
        if isinstance(error, dist.DistError) or "by peer" in str(error):
            raise EdgeError(
                "another process of this training has ended: see its error, then start again to resume."
            ) from error
        raise
    dist.destroy_process_group()


def _join() -> None:
    if not torch.cuda.is_available():
        dist.init_process_group("gloo", timeout=_PATIENCE)
        return
    own, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if own >= gpus:
        raise EdgeError(
            f"{os.environ['LOCAL_WORLD_SIZE']} processes but {gpus} GPUs on this machine: "
            f"start torchrun with --nproc-per-node {gpus}."
        )
    torch.cuda.set_device(own)
    dist.init_process_group("nccl", timeout=_PATIENCE, device_id=torch.device("cuda", own))


def share_of(batch: int, what: str) -> range:
    """Places in the batch of the samples that this process learns: every world-th, so that all see all kinds.

    Raises:
        EdgeError: the batch cannot be shared evenly.
    """
    if batch % world():
        raise EdgeError(
            f"{what}: a batch of {batch} cannot be shared evenly by {world()} processes: "
            "change the batch in the recipe or --nproc-per-node."
        )
    return range(rank(), batch, world())


def average(tensors: Sequence[Tensor]) -> None:
    """Put the mean over all processes into each tensor, by one message; all processes must call it alike."""
    if world() == 1 or not tensors:
        return
    flat = torch.cat([t.detach().float().reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    flat /= world()
    with torch.no_grad():
        for tensor, mean in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
            tensor.copy_(mean.view(tensor.shape))


def by_first(work: Callable[[], Result]) -> Result:
    """Work that process 0 does while the others wait; its result, or its EdgeError, is everyone's.

    All processes must call it alike, and the work must not call it again.
    """
    if world() == 1:
        return work()
    answer: list[Any] = [None, None]
    if rank() == 0:
        try:
            answer[0] = work()
        except EdgeError as error:
            answer[1] = str(error)
    dist.broadcast_object_list(answer, 0)
    if answer[1] is not None:
        raise EdgeError(answer[1])
    result: Result = answer[0]
    return result


def same_everywhere(answer: str) -> bool:
    """Whether all processes say the same."""
    everyone = [answer] * world()
    if world() > 1:
        dist.all_gather_object(everyone, answer)
    return len(set(everyone)) == 1
