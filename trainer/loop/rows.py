"""Rows on the disk: what grows with the number of photographs is written once and read one row at a time.

They are read, not mapped: the pages of a mapped file count as memory of the process.
"""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, overload

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from edge.errors import EdgeError
from trainer.loop.checkpoints import check_room, disk_errors, removed_on_failure
from trainer.loop.processes import by_first

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a ``.npy`` file, each read when it is asked for, by any number of threads; see ``rows_in``.

    ``rows[n]`` is an array of the caller's own; of a structured dtype, ``rows[name]`` are the rows of one layer.

    Attributes:
        path: of the file.
        dtype, shape: of one row.
        number: of rows.
        offset: bytes before the first one.
        stride: bytes from one row to the next.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: Shape
    number: int
    offset: int
    stride: int

    def __len__(self) -> int:
        return self.number

    @overload
    def __getitem__(self, n: int) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, n: str) -> Rows: ...
    def __getitem__(self, n: int | str) -> NDArray[Any] | Rows:
        """One row, or the rows of one layer.

        Raises:
            EdgeError: the file was removed or cut since it was opened.
        """
        if isinstance(n, str):
            assert self.dtype.fields is not None
            dtype, at = self.dtype.fields[n][:2]
            return replace(self, dtype=dtype.base, shape=dtype.shape, offset=self.offset + at)
        if not 0 <= n < self.number:
            raise IndexError(n)
        row = np.empty(_bytes(self.dtype, self.shape), np.uint8)
        try:
            file = os.open(self.path, os.O_RDONLY)
            try:
                read = os.preadv(file, [row.data], self.offset + n * self.stride)
            finally:
                os.close(file)
        except OSError as error:
            raise EdgeError(f"{self.path} cannot be read ({error.strerror}): start again to make it anew.") from error
        if read != len(row):
            raise EdgeError(f"{self.path} was cut while it was in use: run one training at a time with this --out.")
        return row.view(self.dtype).reshape(self.shape)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[n] for n in range(self.number))


def rows_in(
    path: Path, dtype: np.dtype[Any], shape: Shape, most: int, make: Callable[[], Iterable[NDArray[Any]]]
) -> Rows:
    """The rows of a file, which are made where it is missing or damaged; all processes call it alike.

    Args:
        path: ``FOLDER/NAME-KEY.npy``; files there of the same name and other keys are removed.
        dtype, shape: of one row.
        most: rows at most; room for so many is reserved, so that a disk that is too small is reported before the work.
        make: called by all processes; process 0 alone goes through the rows that it returns.

    Raises:
        EdgeError: the disk is full, or the folder cannot be written to.
    """
    if by_first(lambda: opened(path, dtype, shape) is None):
        rows = make()
        by_first(lambda: _write(path, dtype, shape, most, rows))
    found = opened(path, dtype, shape)
    if found is None:
        raise EdgeError(f"{path} changed while it was written: run one training at a time with this --out.")
    return found


def opened(path: Path, dtype: np.dtype[Any], shape: Shape = ()) -> Rows | None:
    """The rows of a file; None where it is missing or damaged, or holds others or none."""
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            (number, *of_row), turned, found = npy.read_array_header_1_0(file)
            offset, size = file.tell(), os.fstat(file.fileno()).st_size
    except Exception:  # numpy lets out half a dozen kinds for a damaged header
        return None
    stride = _bytes(dtype, shape)
    expected = (version, found, tuple(of_row), turned) == ((1, 0), dtype, shape, False)
    whole = number > 0 and size == offset + number * stride
    return Rows(path, dtype, shape, number, offset, stride) if expected and whole else None


def _bytes(dtype: np.dtype[Any], shape: Shape) -> int:
    return dtype.itemsize * math.prod(shape)


def _write(path: Path, dtype: np.dtype[Any], shape: Shape, most: int, rows: Iterable[NDArray[Any]]) -> None:
    """Write row after row under a temporary name; the complete file is renamed."""
    temporary, name = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp"), path.stem.rpartition("-")[0]
    with removed_on_failure(temporary):
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            for old in (*path.parent.glob(f"{name}-*.npy"), *path.parent.glob(f".{name}-*.tmp")):
                old.unlink(missing_ok=True)
        check_room(path, most * _bytes(dtype, shape))
        with disk_errors(path):
            file = temporary.open("xb")
        with file:
            with disk_errors(path):
                _write_header(file, dtype, (most, *shape))
                begin = file.tell()
                os.posix_fallocate(file.fileno(), 0, begin + most * _bytes(dtype, shape))
            number = 0
            for number, row in enumerate(rows, 1):  # noqa: B007 - counted for below
                with disk_errors(path):
                    file.write(np.asarray(row, dtype).tobytes())
            with disk_errors(path):
                file.flush()
                file.truncate(begin + number * _bytes(dtype, shape))
                file.seek(0)
                _write_header(file, dtype, (number, *shape))
                os.fsync(file.fileno())
        with disk_errors(path):
            temporary.replace(path)


def _write_header(file: BinaryIO, dtype: np.dtype[Any], shape: Shape) -> None:
    """As long for any number of rows: numpy leaves room for it to grow."""
    about = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, about)
    file.flush()
