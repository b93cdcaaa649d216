"""Speak to a DICOM node in a process of its own, which is ended when its time is over.

pynetdicom waits without an end for a name server or for a peer that takes no data, on a thread that keeps the program
from ending, and takes whatever length a peer announces. A process has neither problem, and its messages, which quote
what the peer sent, are read by nobody.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.archive.refusal import ArchiveRefusedError

MOST_ITEMS = 200  # of a worklist
LONGEST_S = 3600.0  # then the process ends itself, should the one that asks have died
_LOOK_S = 0.25  # how soon an earlier deadline is noticed
_LONGEST_ANSWER = 4 << 20  # bytes
# Modules are found where this process finds them, and nowhere else.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from edge.capture.archive.dimse_worker import main; main()"


def ask(request: dict[str, Any], until: Callable[[], float]) -> dict[str, Any]:
    """Have a request carried out.

    Args:
        request: see ``edge.capture.archive.dimse_worker``.
        until: the deadline by ``time.monotonic``; called repeatedly, because it may become earlier.

    Returns:
        The answer; its texts are the peer's, and unchecked.

    Raises:
        OSError: the node cannot be reached, closes the connection, or is too slow.
        ArchiveRefusedError: it refuses, or its answer is not valid.
    """
    limit = max(1.0, until() - time.monotonic() + 2 * _LOOK_S)
    with _started() as process, contextlib.ExitStack() as ending:
        ending.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps({**request, "seconds": min(limit, LONGEST_S)}).encode())
            process.stdin.close()
        body = _read(process.stdout.fileno(), until)
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):  # it was ended by its limit of memory, or of time
        raise ArchiveRefusedError("its answer is not DICOM, or does not end")
    if "failed" in answer:
        raise OSError(str(answer["failed"]))
    if "refused" in answer:
        raise ArchiveRefusedError(str(answer["refused"]))
    return answer


def _started() -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[3])
    paths = [path for path in sys.path if path]
    # A session of its own, so that Ctrl-C at the terminal does not reach it.
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _PROGRAM, *(paths if root in paths else [root, *paths])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},  # threads take memory
        start_new_session=True,
    )


def _read(pipe: int, until: Callable[[], float]) -> bytes:
    """All that comes until the end."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    body = b""
    while (left := until() - time.monotonic()) > 0:
        if not poll.poll(min(left, _LOOK_S) * 1000):
            continue
        piece = os.read(pipe, 1 << 16)
        body += piece
        if not piece:
            return body
        if len(body) > _LONGEST_ANSWER:
            raise ArchiveRefusedError("its answer does not end")
    raise TimeoutError("it is not done in time")
