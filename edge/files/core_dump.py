"""Core dumps: files with all the memory of a program that crashed, and so with whatever it must not write down."""

from __future__ import annotations

import contextlib


def write_no_core_dumps() -> None:
    """From now on neither this process nor those that it starts leave one, where the system has such limits."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
