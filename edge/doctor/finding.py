"""One line of a check-up, and how the checks examine a machine."""

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
        name: of what was checked, such as ``pycuda``.
        state: ``ok``; ``warning``: works, but worse than it could; ``missing``: what needs it does not work.
        found: what was found, or what is wrong.
        remedy: how to fix it; empty where ``state`` is ``ok``.
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
    """Python code run in a process of its own: whether it works, and what it printed or why it failed."""

    works: bool
    output: str


def try_python(code: str, seconds: float = 60) -> Tried:
    """Run a line of Python in a process of its own: wheels built for another JetPack crash when they are imported.

    Args:
        code: prints the answer.
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
        last = done.stdout.strip().splitlines()[-1:]  # libraries print notes of their own before it
        return Tried(True, " ".join(last))
    if done.returncode < 0:
        return Tried(False, f"it crashes (signal {-done.returncode})")
    return Tried(False, (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200])


def library(name: str, module: str, tried: Tried, install: str, reinstall: str, lost: str = "") -> Finding:
    """Whether a library loads: a warning where it is not installed, missing where it is but fails.

    Args:
        name: of the line.
        module: its import name.
        tried: code that imports it and prints its version.
        install: the remedy where it is not installed.
        reinstall: the remedy where it fails.
        lost: what does not work without it, as the end of a sentence; empty where that is plain.
    """
    so = f", so {lost}" if lost else ""
    if tried.works:
        return ok(name, tried.output)
    if f"No module named '{module}'" in tried.output:
        return warning(name, f"not installed{so}", install)
    return missing(name, f"it does not load ({tried.output}){so}", reinstall)
