"""An archive as a file in which any place can be read, on a disk or at an address."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

from edge.errors import EdgeError
from edge.images.limits import RefusedError
from edge.sources.shared import Shared
from edge.sources.shown import check_address
from edge.sources.systems import asked

_BLOCK = 1 << 20  # bytes asked for at a time


def open_archive(archive: str, shared: Shared) -> BinaryIO:
    """Open an archive.

    Args:
        archive: its path or address.
        shared: of the run.

    Raises:
        OSError: it cannot be read.
    """
    if "://" not in archive:
        return Path(archive).open("rb")
    return cast(BinaryIO, io.BufferedReader(_Parts(archive, shared), _BLOCK))


def length_of(file: BinaryIO) -> int:
    """How many bytes it has; its place stays."""
    at = file.tell()
    length = file.seek(0, os.SEEK_END)
    file.seek(at)
    return length


class _Parts(io.RawIOBase):
    """What lies at an address, asked for part by part, patiently."""

    def __init__(self, url: str, shared: Shared) -> None:
        self._url, self._shared, self._at = url, shared, 0
        try:
            check_address(url)
        except EdgeError as error:
            raise OSError(str(error).rstrip(".")) from None
        self._length: int = shared.once("length", url, self._found)

    def _found(self) -> int:
        size = self._ask(lambda system, path: system.info(path)).get("size")
        if not isinstance(size, int):
            raise OSError("its server does not say how large it is, so no part of it can be asked for")
        return size

    def _ask(self, work: Any) -> Any:
        try:
            return asked(self._url, self._shared, work)
        except (RefusedError, EdgeError) as error:
            raise OSError(str(error).rstrip(".")) from None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = max(0, start + place)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        """See ``io.RawIOBase``.

        Raises:
            OSError: it cannot be read, or its server gives more than was asked for.
        """
        start, end = self._at, min(self._length, self._at + len(buffer))
        if start >= end:
            return 0
        data = self._ask(lambda system, path: system.cat_file(path, start=start, end=end))
        if len(data) > end - start:
            raise OSError("its server gives no parts of a file")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
