"""Small text files that a user names: a table of labels, the data of a patient. Pipes are read to their end."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import EdgeError

_AT_ONCE = 1 << 16


def read_given(path: Path, most_mib: int) -> bytes:
    """The content of a file, up to a limit: ``/dev/zero`` has no end.

    Args:
        path: the file; also a pipe, as of the shell's ``<(...)``.
        most_mib: the limit.

    Raises:
        EdgeError: it is larger.
        OSError: it cannot be read.
    """
    data = bytearray()
    with path.open("rb", buffering=0) as file:
        while piece := os.read(file.fileno(), _AT_ONCE):
            data += piece
            if len(data) > most_mib << 20:
                raise EdgeError(f"{path} has more than {most_mib} MiB: that is another file than was meant; check it.")
    return bytes(data)
