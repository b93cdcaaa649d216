"""What the photographs of one run share, handed on to whoever opens one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

_T = TypeVar("_T")
_MOST = 16  # of a kind: the last ones that were used


class Shared:
    """Open streams, indices of archives, servers, and how long these are waited for; for any number of threads.

    Attributes:
        ended: set at the end: what still waits then fails at once, as at Ctrl-C.
    """

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._lock = threading.RLock()
        self._kinds: dict[str, dict[Hashable, Any]] = {}

    def once(self, kind: str, key: Hashable, make: Callable[[], _T]) -> _T:
        """What was made for a key before, or is made now.

        Args:
            kind: of which only the last ones that were used are kept.
            key: tells them apart.
            make: makes one.
        """
        with self._lock:
            kept = self._kinds.setdefault(kind, {})
            found: _T = kept.pop(key) if key in kept else make()
            kept[key] = found  # the newest is last
            while len(kept) > _MOST:
                kept.pop(next(iter(kept)))
            return found

    def __enter__(self) -> Shared:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        with self._lock:
            self._kinds.clear()
