"""Features of a frozen backbone, kept on disk: found once, so that an adapter trains in seconds."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from trainer.loop import runs
from trainer.loop.processes import by_first
from trainer.networks.backbone import Backbone, batches, grid_of


def cached_features(
    backbone: Backbone, pictures: Sequence[NDArray[np.uint8]], size: int, folder: Path, key: str
) -> NDArray[np.float16]:
    """What ``foundation.extract`` finds, in half precision, from ``folder`` where it has been found before.

    A folder holds the features of one set of pictures by one backbone at one size: others in it make room.

    Args:
        backbone: see ``load_backbone``; its weights are part of what the features are kept by.
        pictures: N of any square size, uint8 BGR.
        size: pixels that they are resampled to.
        folder: made where it is missing.
        key: says which pictures; other pictures must come with another key.

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
    """The features in a file; nothing where the file is missing, damaged, or of another length than it says."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        whole = isinstance(found, np.memmap) and path.stat().st_size == found.offset + found.nbytes
    except Exception:  # numpy lets out half a dozen kinds for a damaged header
        return None
    return (
        found if whole and (found.dtype, found.shape, found.flags.c_contiguous) == (np.float16, shape, True) else None
    )


def _find(
    backbone: Backbone, pictures: Sequence[NDArray[np.uint8]], size: int, path: Path, shape: tuple[int, ...]
) -> None:
    """Write the features batch by batch under a temporary name, which a whole file then loses.

    Written, not mapped: where a disk fills up, writing raises, but a mapped page kills the process.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            for old in (*path.parent.glob("features-*.npy"), *path.parent.glob(".features-*.tmp")):
                old.unlink(missing_ok=True)
            file = temporary.open("xb")
        with file:
            with _told(path):
                _reserve(file, shape)
            for some in batches(backbone, pictures, size):
                half = _half(some, backbone)
                with _told(path):
                    file.write(half.tobytes())
            with _told(path):
                file.flush()
                os.fsync(file.fileno())
        with _told(path):
            temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _reserve(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the header and take the room for all that follows: a disk too small is said before an hour's work."""
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


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the disk refuses, as a sentence."""
    try:
        yield
    except OSError as error:
        raise EdgeError(
            f"{path} cannot be written ({error.strerror}): free some space or choose another folder."
        ) from error
