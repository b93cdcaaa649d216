"""Which photographs never train: those in folders that are kept for evaluation, by whatever name they are reached."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge.errors import EdgeError

BY_CHANCE = "sha256<"  # in a list of folders
_PART = 1 << 16  # bytes

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
    """Those of some files that are no copy, byte by byte, of one that is kept apart; the log says how many are."""
    sizes: dict[int, list[Path]] = {}
    for path in apart:
        sizes.setdefault(size_of(path), []).append(path)
    parts: dict[int, dict[bytes, list[Path]]] = {}  # of few sizes, and of these only some bytes are read
    kept, copies = set(), []
    for path in paths:
        size = size_of(path)
        if size and size in sizes and size not in parts:
            parts[size] = {}
            for other in sizes[size]:
                parts[size].setdefault(_part_of(other, size), []).append(other)
        alike = parts[size].get(_part_of(path, size), []) if size in parts else []
        original = next((other for other in alike if _same(path, other)), None)
        if original is None:
            kept.add(path)
        else:
            copies.append((path, original))
    if copies:
        path, original = copies[0]
        log.info("left out: %d copies of photographs for evaluation, such as %s of %s", len(copies), path, original)
    return kept


def _part_of(path: Path, size: int) -> bytes:
    """From the middle of a file, where photographs differ; of one that cannot be read something of its own."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, size // 2 - _PART // 2))
            return hashlib.sha256(file.read(_PART)).digest()
    except OSError:
        return str(path).encode("utf-8", "surrogateescape")


def _same(path: Path, other: Path) -> bool:
    try:
        with path.open("rb") as one, other.open("rb") as two:
            while (some := one.read(1 << 20)) == two.read(1 << 20):
                if not some:
                    return True
    except OSError:
        pass  # whoever reads it says so
    return False
