"""How much room the disk of a folder has left."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LOW_MIB = 1024.0  # the operator is warned below this
RESERVE_MIB = 128.0  # three frames of 12 megapixels with their DICOM may no longer fit below this
_FEWEST_FILES = 64  # a capture with its runners-up has up to 15, and marks
Level = Literal["ok", "low", "full"]


@dataclass(frozen=True)
class Space:
    """The room on a disk.

    Attributes:
        free_mib, total_mib: what this user may still write, and the size of the file system.
        level: ``ok``; ``low``, below 1 GiB; ``full``, below 128 MiB or almost without free inodes: captures are still
            saved as long as they fit.
    """

    free_mib: float
    total_mib: float
    level: Level


def free_space(out: Path) -> Space:
    """The room on the disk of a folder, which need not exist yet.

    Raises:
        OSError: the disk cannot be asked.
    """
    at = out.absolute()
    while not at.exists() and at != at.parent:
        at = at.parent
    disk = os.statvfs(at)
    free = disk.f_bavail * disk.f_frsize / 2**20
    no_names = disk.f_files > 0 and disk.f_favail < _FEWEST_FILES  # some file systems count none: 0 of 0
    level: Level = "full" if no_names or free < RESERVE_MIB else "low" if free < LOW_MIB else "ok"
    return Space(free, disk.f_blocks * disk.f_frsize / 2**20, level)
