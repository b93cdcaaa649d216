"""Capture FFmpeg's log messages for one thread, and keep them off the terminal.

FFmpeg has one log for all threads: a video is written while a recording is read. PyAV's own way to silence it
(level None) is not safe while another thread logs; here silence is the level PANIC.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

_changing = threading.Lock()
_wanted: Counter[int] = Counter()  # how many threads listen at each level
logging.getLogger("libav").addHandler(logging.NullHandler())  # messages of other threads' work
logging.getLogger("libav").propagate = False


@contextlib.contextmanager
def ffmpeg_messages(av: Any, level: int) -> Iterator[list[tuple[int, str, str]]]:
    """Collect what FFmpeg logs in this thread, as level, component and text.

    Args:
        av: the module.
        level: the PyAV log level up to which to collect.
    """
    _listen(av, level, 1)
    try:
        with av.logging.Capture() as messages:
            yield messages
    finally:
        _listen(av, level, -1)


def _listen(av: Any, level: int, more: int) -> None:
    with _changing:
        _wanted[level] += more
        av.logging.set_level(max((each for each, threads in _wanted.items() if threads), default=av.logging.PANIC))
