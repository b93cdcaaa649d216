"""Which folders and files of an ``--out`` folder a session wrote; everything else is foreign, and never removed.

A visit is the folder of one session: ``OUT`` itself, number 1, or ``OUT/session-N``. Numbers rise, so they give the
order of visits whatever the clock says.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from edge.capture.session.storage import LINES, VIDEO, session_number

DELETING = ".deleting"  # what ``session.jsonl`` is called once its visit is to be deleted
RECORDING = ".recording"
changing = threading.Lock()  # held while files of a visit that is over are written or removed: by one at a time
_FRAME = r"frame-[0-9]{6,}"
_OWN = re.compile(
    rf"{re.escape(LINES)}|{re.escape(VIDEO)}|\.session\.part\.webm|\.recording|\.handing-over|\.deleting"
    rf"|{_FRAME}\.(png|map\.png|overlay\.jpg|json|dcm)|\.{_FRAME}\.(dcm\.(pending|waiting|delivered)|discarded)"
    rf"|\.(\.?{_FRAME}\.[a-z.]+|recording)\.[0-9a-f]{{8}}\.tmp"
)


def is_own(name: str) -> bool:
    """Whether a session gives a file this name."""
    return _OWN.fullmatch(name) is not None


def folders_of(out: Path) -> Iterator[tuple[int, Path, os.stat_result]]:
    """Number, path and ``lstat`` of all folders that may be visits; links and folders of other names are none."""
    with contextlib.suppress(OSError):
        yield 1, out, out.stat()  # the user may have given a link as --out
    with contextlib.suppress(OSError), os.scandir(out) as entries:
        for entry in entries:
            number = session_number(entry.name)
            if number is None:
                continue
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    yield number, out / entry.name, entry.stat(follow_symlinks=False)


@contextlib.contextmanager
def opened(number: int, folder: Path) -> Iterator[int]:
    """A descriptor of a folder: what is done through it stays in it, whatever its name comes to mean meanwhile.

    Raises:
        OSError: it is not there, or a link (but for ``--out`` itself).
    """
    follow = 0 if number == 1 else os.O_NOFOLLOW
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | follow)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def own_files(descriptor: int) -> list[os.DirEntry[str]]:
    """The regular files of an open folder that a session wrote; links are never among them."""
    with os.scandir(descriptor) as entries:
        return [entry for entry in entries if is_own(entry.name) and entry.is_file(follow_symlinks=False)]
