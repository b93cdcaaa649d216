"""Writing into a run folder."""

from __future__ import annotations

from pathlib import Path

from edge.atomic import write_atomically
from edge.errors import EdgeError


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; folders on the way are made.

    Raises:
        EdgeError: the disk is full, or the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise EdgeError(
            f"{path} cannot be written ({error.strerror}): free some space or choose another --out."
        ) from error
