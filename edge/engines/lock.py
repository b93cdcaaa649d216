"""One process builds an engine, the others wait for it."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.engines.keep import make_own_folder, open_own
from edge.errors import EdgeError

try:
    import fcntl
except ImportError:  # not on Windows, where two builds of one engine may run side by side
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)


@contextlib.contextmanager
def alone(where: Callable[[], Path]) -> Iterator[None]:
    """Hold a lock file, where its folder can take one; without it, work is done twice and no more.

    Args:
        where: the file, which is gone afterwards; may raise EdgeError where there is no folder for it.
    """
    held = None
    try:
        if fcntl is not None:
            held = _lock(where())
    except (OSError, EdgeError):
        pass  # a cache that cannot be written is told of when the engine is to be kept
    try:
        yield
    finally:
        if held is not None:
            file, path = held
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(file)  # and with it the lock


def _lock(path: Path) -> tuple[int, Path]:
    """Take a lock file; one that its last holder removed while we waited for it is no lock any more."""
    make_own_folder(path.parent)
    while True:
        file = open_own(path, os.O_RDWR | os.O_CREAT)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("another process builds this engine; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(file).st_ino == path.stat().st_ino:
                    return file, path
        except BaseException:
            os.close(file)
            raise
        os.close(file)
