"""Lower the priority of background threads."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

_NICENESS = 5


def give_way() -> None:
    """Lower the priority of the calling thread, so that grading comes first: on Linux niceness is per thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
