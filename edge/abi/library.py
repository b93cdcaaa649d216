"""Find the compiled library, and turn its statuses into exceptions."""

from __future__ import annotations

import ctypes
import logging
from pathlib import Path

import edge.abi as here
from edge.abi.structures import ABI_VERSION, OUT_OF_MEMORY, declare

log = logging.getLogger(__name__)
NAME = "libefiqa_edge.so"


def _load() -> ctypes.CDLL | None:
    """The library beside this module; None where no compiler was at hand when efiqa-edge was installed."""
    # Of an editable install the package is in two places: the sources, and what was built.
    for folder in here.__path__:
        path = Path(folder) / NAME
        if not path.is_file():
            continue
        try:
            library = ctypes.CDLL(str(path))
            if int(library.efiqa_abi_version()) == ABI_VERSION:
                declare(library)
                return library
        except (OSError, AttributeError) as error:
            log.warning("%s does not load (%s), so slower steps take its place: install efiqa-edge again", path, error)
            continue
        log.warning("%s is of another version, so slower steps take its place: install efiqa-edge again", path)
    return None


LIBRARY = _load()


def version() -> str | None:
    """Version of the library; None without one."""
    return None if LIBRARY is None else str(LIBRARY.efiqa_version().decode())


def check(library: ctypes.CDLL, status: int) -> None:
    """Raise what a status stands for.

    Raises:
        ValueError: an argument was refused.
        MemoryError: the memory ran out.
    """
    if status:
        words = library.efiqa_sentence(status).decode()
        raise MemoryError(words) if status == OUT_OF_MEMORY else ValueError(words)
