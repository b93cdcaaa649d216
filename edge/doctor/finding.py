"""One line of a check-up, and how the checks read a machine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "warning", "missing"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: of the thing, such as ``pycuda``.
        state: ``ok``; ``warning``: works, but worse than it could; ``missing``: what needs it does not work.
        found: what is there, or what is wrong.
        remedy: the one thing to do; empty where ``state`` is ``ok``.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Finding:
    """It works."""
    return Finding(name, "ok", found)


def warning(name: str, found: str, remedy: str) -> Finding:
    """It works, but worse than it could."""
    return Finding(name, "warning", found, remedy)


def missing(name: str, found: str, remedy: str) -> Finding:
    """What needs it does not work."""
    return Finding(name, "missing", found, remedy)


def text_of(path: Path) -> str:
    """A small text file such as those of /proc and /sys, without the zero bytes of a device tree; "" without one."""
    try:
        return path.read_bytes()[: 1 << 24].decode(errors="replace").replace("\0", " ").strip()
    except OSError:
        return ""


@dataclass(frozen=True)
class Tried:
    """A Python expression tried in a process of its own: ``works``, and what it printed or why it failed."""

    works: bool
    said: str


def try_python(code: str, seconds: float = 60) -> Tried:
    """Run a line of Python where a library that crashes takes nobody with it: wheels of another JetPack do.

    Args:
        code: prints what is to be known.
        seconds: after which it counts as failed.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, errors="replace", timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return Tried(False, f"no answer in {seconds:.0f} s")
    except OSError as error:
        return Tried(False, str(error))
    if done.returncode == 0:
        said = done.stdout.strip().splitlines()[-1:]  # libraries print notes of their own before it
        return Tried(True, " ".join(said))
    if done.returncode < 0:
        return Tried(False, f"it crashes (signal {-done.returncode})")
    return Tried(False, (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200])
