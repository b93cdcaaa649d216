"""The checks that all engines share, and the error of an engine that this machine does not have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle
from edge.errors import EdgeError

Shape = tuple[int, ...]


class UnavailableError(EdgeError):
    """The runtime, the driver or the device that an engine needs is not on this machine."""


@contextmanager
def loading(name: str, remedy: str) -> Iterator[None]:
    """Load a runtime; a library that is installed but broken deserves a warning, unlike one that is missing.

    Raises:
        UnavailableError: it is not installed.
        EdgeError: it is installed but does not load.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UnavailableError(f"{name} is not installed ({error}): {remedy}") from error
    except Exception as error:  # a missing library, another Python, CUDA or numpy, or only its empty folder
        message = " ".join(str(error).split())[:200] or type(error).__name__
        raise EdgeError(f"{name} is installed but does not load ({message}): edge-doctor says what to do") from error


def check_network(bundle: Bundle, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> None:
    """Refuse a network that is not one image in, its maps out as one tensor, with the static shapes of the manifest.

    Args:
        bundle: the bundle the network came from.
        inputs: shape of each, with -1 where a dimension is open.
        outputs: likewise.

    Raises:
        EdgeError: names the bundle, the shapes found and those in the manifest.
    """
    size, grid, maps = bundle.manifest.input_size, bundle.manifest.grid, bundle.manifest.maps
    wanted = [(1, 3, size, size)], [(1, len(maps), grid, grid)]
    found = [tuple(shape) for shape in inputs], [tuple(shape) for shape in outputs]
    if found != wanted:
        raise EdgeError(
            f"the network in {bundle.path} has inputs {found[0]} and outputs {found[1]}, but its manifest says "
            f"{wanted[0]} and {wanted[1]}: make the bundle again with edge-calibrate"
        )


def check_tensor(tensor: NDArray[np.float32], size: int) -> None:
    """Raise ValueError where ``tensor`` is not float32 (1, 3, size, size)."""
    if tensor.dtype != np.float32 or tensor.shape != (1, 3, size, size):
        raise ValueError(
            f"an engine takes float32 with shape (1, 3, {size}, {size}), not {tensor.dtype} with shape {tensor.shape}"
        )
