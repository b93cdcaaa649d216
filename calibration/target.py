"""Where a result is to be written, looked at before the work that it takes."""

from __future__ import annotations

from pathlib import Path

from edge.errors import EdgeError
from edge.files.output import check_output


def check_target(target: Path, *inputs: Path | None) -> None:
    """Refuse before the work what could not be written after it.

    Raises:
        EdgeError: the target is a folder, one of the inputs, or in a folder that is missing or read-only.
    """
    check_output(target, "the bundle", inputs)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it.

    Raises:
        EdgeError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EdgeError(f"{folder} cannot be made ({error.strerror}): choose another place.") from error
