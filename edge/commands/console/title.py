"""What other users of this machine see of a command: its arguments, as ``ps`` shows them."""

from __future__ import annotations

import contextlib
import sys

from edge.camera.address import without_secrets


def hide_secrets() -> None:
    """Take users, passwords and tokens out of the list of processes, where setproctitle can be had.

    Until then, for a moment, they could be seen: the environment is the place for them.
    """
    shown = [without_secrets(argument) for argument in sys.orig_argv]
    if shown == sys.orig_argv:
        return
    with contextlib.suppress(ImportError):
        import setproctitle

        name = setproctitle.getthreadtitle()  # what pkill looks for
        setproctitle.setproctitle(" ".join(shown))
        setproctitle.setthreadtitle(name)
