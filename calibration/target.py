"""Where a result is to be written, looked at before the work that it takes."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import EdgeError


def check_target(target: Path, model: Path | None = None) -> None:
    """Refuse before the work what could not be written after it.

    Raises:
        EdgeError: the target is a folder, the model itself, or in a folder that is missing or read-only.
    """
    if target.is_dir() or not target.parent.is_dir():
        raise EdgeError(f"{target} cannot be the bundle: give a file name in a folder that exists.")
    if not os.access(target.parent, os.W_OK):
        raise EdgeError(f"{target} cannot be written: its folder is read-only; give another one.")
    if model is not None and target.exists() and target.samefile(model):
        raise EdgeError(f"{target} is the model to start from, which is not changed: give another name.")


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it.

    Raises:
        EdgeError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeError(f"{folder} cannot be made ({error.strerror}): choose another place.") from error
