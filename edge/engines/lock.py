"""One process builds an engine, the others wait for it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.engines.keep import make_own_folder
from edge.errors import EdgeError

log = logging.getLogger(__name__)


@contextlib.contextmanager
def alone(where: Callable[[], Path]) -> Iterator[None]:
    """Hold a lock file, where its folder can take one; without it, work is done twice and no more.

    Args:
        where: the file, which is gone afterwards; may raise EdgeError where there is no folder for it.
    """
    from filelock import FileLock, Timeout  # takes 50 ms, and an engine from the cache needs none

    held = None
    with contextlib.suppress(OSError, EdgeError):  # a cache that cannot be written is told of when the engine is kept
        path = where()
        make_own_folder(path.parent)
        # No soft lock where the disk knows no locks: its file would outlive a killed holder.
        lock = FileLock(path, mode=0o600, fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            log.info("another process builds this engine; waiting for it")
            lock.acquire()
        held = lock
    try:
        yield
    finally:
        if held is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is held: who waits for it sees that its file is gone, and makes another
            held.release()
