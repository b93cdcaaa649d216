"""Free space and its levels, on disks that are really that small."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.capture.retention.space import free_space

LEVELS = """
import json, os, pathlib, sys
from edge.capture.retention.space import free_space
disk = pathlib.Path(sys.argv[1])
levels = []
for left in (1100, 900, 120):
    os.truncate(os.open(disk / "ballast", os.O_CREAT | os.O_RDWR), 0)
    size = os.statvfs(disk).f_bavail * 4096 - left * 2**20
    with (disk / "ballast").open("wb") as ballast: os.posix_fallocate(ballast.fileno(), 0, size)
    space = free_space(disk / "not" / "yet")
    levels.append([space.level, round(space.free_mib), round(space.total_mib)])
(disk / "ballast").unlink()
try:
    for number in range(10**6): (disk / str(number)).touch(exist_ok=False)
except OSError: pass
levels.append([free_space(disk).level])
print(json.dumps(levels))
"""


def test_levels_of_a_disk_that_fills(own_disk: Callable[..., str]) -> None:
    levels = json.loads(own_disk(LEVELS, "size=1300m,nr_inodes=500"))
    assert levels == [["ok", 1100, 1300], ["low", 900, 1300], ["full", 120, 1300], ["full"]]


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    space, disk = free_space(tmp_path / "a" / "b"), os.statvfs(tmp_path)
    assert space.total_mib == pytest.approx(disk.f_blocks * disk.f_frsize / 2**20)
    assert 0 < space.free_mib <= space.total_mib
