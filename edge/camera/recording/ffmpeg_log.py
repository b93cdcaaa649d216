"""What FFmpeg says while it works for one thread, and nothing of that on anybody's terminal.

FFmpeg has one log for all threads: a film is written while a recording is read. PyAV's own way back to silence
(level None) would hit a message of another thread that is under way; silence here is the level of panic.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

_changing = threading.Lock()
_wanted: Counter[int] = Counter()  # levels, by how many threads listen at them
logging.getLogger("libav").addHandler(logging.NullHandler())  # what another thread's work says meanwhile
logging.getLogger("libav").propagate = False


@contextlib.contextmanager
def ffmpeg_says(av: Any, level: int) -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg writes to its log in this thread meanwhile, as level, who and what.

    Args:
        av: the module.
        level: of PyAV's, up to which to listen.
    """
    _listen(av, level, 1)
    try:
        with av.logging.Capture() as said:
            yield said
    finally:
        _listen(av, level, -1)


def _listen(av: Any, level: int, more: int) -> None:
    with _changing:
        _wanted[level] += more
        av.logging.set_level(max((each for each, threads in _wanted.items() if threads), default=av.logging.PANIC))
