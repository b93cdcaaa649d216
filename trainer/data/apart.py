"""Which photographs never train: those in folders that are kept for evaluation, by whatever name they are reached."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.errors import EdgeError

BY_CHANCE = "sha256<"  # in a list of folders

log = logging.getLogger(__name__)


def size_of(path: Path) -> int:
    """Bytes of a file; 0 of one that is not there, such as a link to nothing, which fails alone when it is read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def in_folders(path: Path, names: Sequence[str], linked: bool = True) -> bool:
    """Whether a file lies in a folder of one of these names, wherever in its path it stands.

    Args:
        path: of the file, with its folders as they really are.
        names: of folders, ``SET`` or ``SET/PART``, in whatever case: some disks and archives do not keep it.
        linked: of a link, look also at the folder of the file that it leads to.
    """
    folders = [path.parent, *([Path(os.path.realpath(path)).parent] if linked and path.is_symlink() else [])]
    return any(f"/{name.strip('/')}/".casefold() in f"{at.as_posix()}/".casefold() for name in names for at in folders)


def named(source: str, names: Sequence[str]) -> bool:
    """Whether a list of folders names a source, in whatever case."""
    return source.casefold() in {name.strip("/").casefold() for name in names}


def number_in(name: str) -> int:
    """N of ``sha256<N``.

    Raises:
        EdgeError: it is no number of 0 to 255.
    """
    if not re.fullmatch(BY_CHANCE + "[0-9]{1,3}", name) or (number := int(name.removeprefix(BY_CHANCE))) > 255:
        raise EdgeError(f"exclude names {name}, which is {BY_CHANCE} and no number of 0 to 255: fix it in the recipe.")
    return number


def without_copies(paths: Iterable[Path], apart: Sequence[Path]) -> set[Path]:
    """Those of some files that are no copy, byte by byte, of one that is kept apart; the log names each copy once."""
    if not apart:
        return set(paths)
    sizes: dict[int, list[Path]] = {}
    for path in apart:
        sizes.setdefault(size_of(path), []).append(path)
    kept = set()
    for path in paths:
        others = sizes.get(size_of(path), ())
        copied = next((other for other in others if size_of(path) and _digest(path) == _digest(other)), None)
        if copied is None:
            kept.add(path)
        else:
            _say(path, copied)
    return kept


def _digest(path: Path) -> str:
    """SHA-256 of a file; of one that cannot be read something of its own, since nobody can say whose copy it is."""
    try:
        about = path.stat()
        return _digest_of(path, about.st_size, about.st_mtime_ns)
    except OSError:
        return str(path)


@functools.lru_cache(100_000)  # each step looks for the photographs anew
def _digest_of(path: Path, _size: int, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@functools.cache
def _say(path: Path, other: Path) -> None:
    log.info("left out: %s is a copy of %s, which is kept for evaluation", path, other)
