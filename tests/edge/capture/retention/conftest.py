"""A disk of a program's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.fixture
def own_disk(tmp_path: Path) -> Callable[[str, str], str]:
    """Runs a program with a small file system of its own, given its folder and ours; returns what it prints."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed: NO FULL DISK WAS TRIED")

    def run(program: str, options: str) -> str:
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = f"mount -t tmpfs -o {options} tmpfs {disk}"
        if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
            pytest.skip("this system does not let a user mount a file system of his own: NO FULL DISK WAS TRIED")
        inner = f'{mount} && exec "$0" -c "$1" {disk} {Path(__file__).parent}'
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", inner, sys.executable, program],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
