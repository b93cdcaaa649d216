"""Small text files that a user names: a table of labels, what is known of a patient. A pipe is waited for, as usual."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import EdgeError

_AT_ONCE = 1 << 16


def read_given(path: Path, most_mib: int) -> bytes:
    """All that is in a file, unless it is far more than such a file can hold: ``/dev/zero`` has no end.

    Args:
        path: it; a pipe may be one, as of the shell's ``<(...)``.
        most_mib: how large it may be.

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
