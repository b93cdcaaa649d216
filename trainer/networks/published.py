"""Adapters that others have published as bare numpy numbers."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edge.errors import EdgeError
from trainer.loop.training import place

_WEIGHT, _BIAS = ("weight", "w", "coef_"), ("bias", "b", "intercept_")
_SAVE = "save the adapter's numbers alone, with numpy.save or numpy.savez"
_LARGEST = 16 << 20  # bytes of a file or of an array in it; a linear adapter has some thousand numbers


def import_linear(path: Path, channels: int) -> nn.Conv2d:
    """A linear adapter from a ``.npy`` or ``.npz`` file: logit of a patch = weight x features + bias.

    Args:
        path: a ``.npy`` of (C + 1,) or (1, C + 1), the bias last; or a ``.npz`` with ``weight`` (also ``w``,
            ``coef_``) of (C,), (1, C) or (1, C, 1, 1), and ``bias`` (also ``b``, ``intercept_``), one number.
        channels: C, of the backbone that the adapter was made for.

    Returns:
        A 1x1 convolution (C -> 1), float32, in evaluation mode, on ``device()``.

    Raises:
        EdgeError: the file is missing, damaged, pickled or no numpy file, or holds other numbers than these.
    """
    arrays = _read(path)
    if isinstance(arrays, dict):
        weight, bias = (_one_of(names, arrays, path) for names in (_WEIGHT, _BIAS))
    else:
        if arrays.shape not in ((channels + 1,), (1, channels + 1)):
            raise _wrong_length(path, f"an array of {arrays.shape}", channels)
        weight, bias = arrays.reshape(-1)[:-1], arrays.reshape(-1)[-1:]
    if weight.shape not in ((channels,), (1, channels), (1, channels, 1, 1)) or bias.size != 1:
        raise _wrong_length(path, f"a weight of {weight.shape} and a bias of {bias.shape}", channels)
    adapter = nn.Conv2d(channels, 1, 1)
    with torch.no_grad():
        adapter.weight.copy_(torch.from_numpy(_finite(weight, path).reshape(1, channels, 1, 1)))
        adapter.bias.copy_(torch.from_numpy(_finite(bias, path).reshape(1)))  # type: ignore[union-attr]
    return place(adapter).eval()


def _read(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The array of a ``.npy``, or the arrays of a ``.npz`` by name. Nothing is unpickled."""
    try:
        data = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
    except OSError as error:
        raise EdgeError(
            f"{path} cannot be read ({error.strerror}): name a .npy or .npz file of a linear adapter."
        ) from error
    try:
        if data.startswith(b"\x93NUMPY"):
            return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        if data.startswith(b"PK") and _inflated(data) <= _LARGEST:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                return {name: np.asarray(stored[name]) for name in stored.files if name in (*_WEIGHT, *_BIAS)}
    except Exception as error:  # numpy and zipfile let out a dozen kinds for a damaged file
        raise EdgeError(f"{path} is damaged or holds pickled objects: {_SAVE}.") from error
    raise EdgeError(f"{path} is no numpy file of a few thousand numbers: {_SAVE}.")


def _inflated(data: bytes) -> int:
    """Bytes that the members of a zip claim to be once read."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sum(member.file_size for member in archive.infolist())


def _one_of(names: tuple[str, ...], arrays: dict[str, NDArray[Any]], path: Path) -> NDArray[Any]:
    found = [name for name in names if name in arrays]
    if len(found) != 1:
        raise EdgeError(
            f"{path} must hold one array named {', '.join(names[:-1])} or {names[-1]}: it has {len(found)}."
        )
    return arrays[found[0]]


def _wrong_length(path: Path, held: str, channels: int) -> EdgeError:
    return EdgeError(
        f"{path} holds {held}, but the backbone has {channels} channels ({channels} weights and one bias): "
        "name the backbone that the adapter was made for."
    )


def _finite(numbers: NDArray[Any], path: Path) -> NDArray[np.float32]:
    if numbers.dtype.kind not in "fiu":
        raise EdgeError(f"{path} holds {numbers.dtype}, not real numbers: save the adapter as float32.")
    with np.errstate(over="ignore"):
        found = np.asarray(numbers, np.float32)
    if not np.isfinite(found).all():
        raise EdgeError(f"{path} holds numbers that are not finite: it is damaged, or its training failed.")
    return found
