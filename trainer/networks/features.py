"""Features of a frozen backbone, cached on disk, so that another adapter trains in seconds."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from trainer.loop import runs
from trainer.loop.checkpoints import disk_errors, removed_on_failure
from trainer.loop.processes import by_first
from trainer.networks.backbone import Backbone, batches, grid_of


def cached_features(
    backbone: Backbone, pictures: Sequence[NDArray[np.uint8]], size: int, folder: Path, key: str
) -> NDArray[np.float16]:
    """The features of ``backbone.extract`` in half precision, from ``folder`` where they have been computed before.

    A folder holds the features of one set of pictures by one backbone at one size; others in it are removed.

    Args:
        backbone: see ``load_backbone``; its weights are part of the file's key.
        pictures: N of any square size, uint8 BGR.
        size: pixels that they are resampled to.
        folder: made where it is missing.
        key: identifies the pictures; other pictures need another key.

    Returns:
        float16 (N, C, g, g), mapped from the disk and read-only: copy what you index before torch may write to it.

    Raises:
        EdgeError: the size is not a multiple of the patch, the disk is full, or the backbone yields no finite numbers.
    """
    grid = grid_of(backbone, size)
    shape = (len(pictures), backbone.channels, grid, grid)
    path = folder / f"features-{runs.key_of(key, backbone.name, backbone.digest, size, len(pictures))}.npy"
    by_first(lambda: None if _mapped(path, shape) is not None else _find(backbone, pictures, size, path, shape))
    found = _mapped(path, shape)
    if found is None:
        raise EdgeError(f"{path} changed while it was written: run one training at a time with this --out.")
    return found


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.float16] | None:
    """The features in a file; None where it is missing, damaged, or has another length than its header says."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        whole = isinstance(found, np.memmap) and path.stat().st_size == found.offset + found.nbytes
    except Exception:  # numpy lets out half a dozen kinds for a damaged header
        return None
    expected = (found.dtype, found.shape, found.flags.c_contiguous) == (np.float16, shape, True)
    return found if whole and expected else None


def _find(
    backbone: Backbone, pictures: Sequence[NDArray[np.uint8]], size: int, path: Path, shape: tuple[int, ...]
) -> None:
    """Write the features batch by batch under a temporary name; the complete file is renamed.

    Written, not mapped: on a full disk writing raises, but a mapped page kills the process.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with removed_on_failure(temporary):
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            for old in (*path.parent.glob("features-*.npy"), *path.parent.glob(".features-*.tmp")):
                old.unlink(missing_ok=True)
            file = temporary.open("xb")
        with file:
            with disk_errors(path):
                _reserve(file, shape)
            for some in batches(backbone, pictures, size):
                half = _half(some, backbone)
                with disk_errors(path):
                    file.write(half.tobytes())
            with disk_errors(path):
                file.flush()
                os.fsync(file.fileno())
        with disk_errors(path):
            temporary.replace(path)


def _reserve(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the header and reserve the space for the rest: a disk that is too small is reported before the work."""
    np.lib.format.write_array_header_1_0(
        file, {"descr": np.dtype(np.float16).str, "fortran_order": False, "shape": shape}
    )
    file.flush()
    os.posix_fallocate(file.fileno(), 0, file.tell() + int(np.prod(shape)) * np.dtype(np.float16).itemsize)


def _half(features: NDArray[np.float32], backbone: Backbone) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        half = features.astype(np.float16)
    if not np.isfinite(half).all():
        raise EdgeError(
            f"the backbone {backbone.name} yields features that are no finite numbers: download its weights again."
        )
    return half
