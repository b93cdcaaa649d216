"""Memory that a decoder process and the one that uses it share: pixels go through it instead of through a pipe."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os

SIZE = 32 << 20  # bytes: a photograph of 11 megapixels; memory is taken only as far as one has filled it
VARIABLE = "EFIQA_DECODER_AREA"  # its file descriptor in the decoder


def new_area() -> int | None:
    """A file descriptor of new memory, which nobody can make smaller; None where a system has no such thing."""
    with contextlib.suppress(AttributeError, OSError):  # not Linux, or not allowed
        area = os.memfd_create("efiqa-pixels", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(area, SIZE)
        # A damaged file may take the decoder over: what it cut off would end this process at the next look.
        fcntl.fcntl(area, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return area
    return None


def mapped(area: int | None, write: bool) -> mmap.mmap | None:
    """The memory of ``new_area``; the descriptor is closed."""
    if area is None:
        return None
    try:
        return mmap.mmap(area, SIZE, access=mmap.ACCESS_WRITE if write else mmap.ACCESS_READ)
    finally:
        os.close(area)
