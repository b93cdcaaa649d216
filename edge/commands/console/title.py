"""The arguments of a command as other users of this machine see them in ``ps``."""

from __future__ import annotations

import contextlib
import sys

from edge.camera.address import without_secrets


def hide_secrets() -> None:
    """Remove users, passwords and tokens from the list of processes, where setproctitle is installed.

    They are visible for a moment before that: the environment is the place for them.
    """
    shown = [without_secrets(argument) for argument in sys.orig_argv]
    if shown == sys.orig_argv:
        return
    with contextlib.suppress(ImportError):
        import setproctitle

        name = setproctitle.getthreadtitle()  # what pkill looks for
        setproctitle.setproctitle(" ".join(shown))
        setproctitle.setthreadtitle(name)
