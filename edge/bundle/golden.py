"""``golden.npz`` of a bundle: a few frames and the network's maps of them, read as untrusted input."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from edge.bundle.archive import open_archive, read_member
from edge.bundle.manifest import Manifest
from edge.errors import EdgeError, brief

LARGEST_GOLDEN = 1 << 20  # bytes
_LONGEST_HEADER = 256  # bytes of an array's header, which numpy reads as Python literals; ours have 118


@dataclass(frozen=True, eq=False)
class GoldenMaps:
    """What a network computes, by a reference on the workstation.

    Attributes:
        frames: uint8 BGR (N, side, side, 3), the crop around the field; the side may be smaller than the tensor's.
        maps: float16 (N, K, grid, grid).
    """

    frames: NDArray[np.uint8]
    maps: NDArray[np.float16]


def pack_golden(golden: GoldenMaps) -> bytes:
    """The bytes of ``golden.npz``; the same content makes the same bytes."""
    packed = io.BytesIO()
    np.savez(packed, frames=golden.frames, maps=golden.maps)
    return packed.getvalue()


def unpack_golden(data: bytes, manifest: Manifest) -> GoldenMaps:
    """Read ``golden.npz``; nothing in it is unpickled.

    Args:
        data: at most ``LARGEST_GOLDEN`` bytes.
        manifest: of the bundle that it is in.

    Raises:
        EdgeError: it is damaged, or its shapes are not those of the manifest.
    """
    try:
        with open_archive(data) as archive:
            frames = _array(archive, "frames", np.uint8)
            maps = _array(archive, "maps", np.float16)
    except Exception as error:  # of many kinds, without a common class
        raise EdgeError(f"its golden frames are damaged ({brief(error)})") from error
    count, side = (*frames.shape, 0, 0)[:2]
    wanted = (count, side, side, 3), (count, len(manifest.maps), manifest.grid, manifest.grid)
    if not frames.size or (frames.shape, maps.shape) != wanted:
        raise EdgeError(f"its golden frames have shapes {frames.shape} and {maps.shape}, not those of the manifest")
    return GoldenMaps(frames, maps)


def _array(archive: ZipFile, name: str, kind: type[Any]) -> NDArray[Any]:
    """An array of the archive as a view of its bytes: a header that claims more data takes no memory."""
    file = io.BytesIO(data := read_member(archive, f"{name}.npy", LARGEST_GOLDEN))
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError(f"{name} is of another version")
    shape, by_columns, found = np.lib.format.read_array_header_1_0(file, max_header_size=_LONGEST_HEADER)
    if found != kind or by_columns:
        raise ValueError(f"{name} is {found}")
    return np.frombuffer(data, kind, offset=file.tell()).reshape(shape)
