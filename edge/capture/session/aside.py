"""Frames whose capture was discarded a moment ago: their files are still there, and marked, so that no kill sends them.

``.STEM.discarded`` lies beside the files of a frame until its capture is brought back, or removed at the end of the
visit; after a kill the next start removes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge.capture.session.storage import aside_mark, remove_frame
from edge.files.atomic import sync_folder

_SUFFIX = aside_mark("")[1:]


def set_aside(folder: Path, stem: str, aside: bool) -> None:
    """Mark a frame, or take its mark away; a disk that is full has room for it.

    Raises:
        OSError: the folder cannot be written to.
    """
    mark = folder / aside_mark(stem)
    if mark.exists() != aside:
        mark.touch(0o600) if aside else mark.unlink(missing_ok=True)
        sync_folder(folder)


def stems_aside(names: Iterable[str]) -> set[str]:
    """The frames that are marked, by the names of all files of a folder."""
    return {name[1:].removesuffix(_SUFFIX) for name in names if name.startswith(".") and name.endswith(_SUFFIX)}


def remove_aside(folder: Path) -> int:
    """Remove every file of the frames that are marked, of a session that has ended or is dead.

    Returns:
        How many frames.

    Raises:
        OSError: a file could not be removed.
    """
    stems = stems_aside(path.name for path in folder.glob(aside_mark("frame-*")))
    for stem in sorted(stems):
        remove_frame(folder, stem)
    return len(stems)
