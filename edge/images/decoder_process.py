"""One decoder process, which decodes one file after the other, as seen from the process that uses it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.images.area import VARIABLE, mapped, new_area
from edge.images.limits import MOST_PIXELS, SECONDS, START_SECONDS, RefusedError
from edge.images.origin import UNSTATED, Origin

# Modules are found where this process finds them, and nowhere else: not in the current folder, and however this package
# was installed.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from edge.images.worker import main; main()"
_PIPE = 1 << 20  # bytes; a photograph of screen size then passes in one or two reads


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that was read.

    Attributes:
        frame: uint8 BGR, shape (H, W, 3).
        reaches: how many bits (10, 12 or 14) its brightest sample needs, where samples have 16 and it is not specified
            how many of them count; None otherwise.
        eye: ``R`` or ``L``, where a DICOM file says which one it shows.
        origin: camera, institution and time, by what the file says.
        identity: patient, study, series and instance, where it is DICOM; not to be written unasked.
        full: width and height of all its pixels, where the frame has fewer.
    """

    frame: NDArray[np.uint8]
    reaches: int | None = None
    eye: str | None = None
    origin: Origin = UNSTATED
    identity: Mapping[str, str] = field(default_factory=dict, repr=False)
    full: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all its pixels."""
        return self.full or (self.frame.shape[1], self.frame.shape[0])

    @property
    def scale(self) -> int:
        """How many of all its pixels, along a side, one of the frame stands for."""
        return 1 if self.full is None else round(max(self.full) / max(self.frame.shape[:2]))


class TooSlowError(Exception):
    """A file took too long to decode, and its decoder was ended."""


class CrashedError(Exception):
    """The decoder ended while it decoded a file."""


class GoneError(Exception):
    """The decoder had ended before the request."""


class DecoderProcess:
    """A child process running ``edge.images.worker``; one file at a time."""

    def __init__(self) -> None:
        root = str(Path(__file__).parents[2])
        paths = [path for path in sys.path if path]
        program = [sys.executable, "-I", "-c", _PROGRAM, *(paths if root in paths else [root, *paths])]
        environment = {
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }  # threads take memory
        area = new_area()
        # A session of its own, so that Ctrl-C at the terminal does not reach it.
        try:
            self._process = subprocess.Popen(
                program,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=environment if area is None else {**environment, VARIABLE: str(area)},
                pass_fds=() if area is None else (area,),
                start_new_session=True,
            )
        finally:
            self._area = mapped(area, write=False)
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._killing = threading.Lock()
        self._ready = False
        self.usable = True
        with contextlib.suppress(AttributeError, OSError):  # not Linux, or no more than the usual 64 KiB
            fcntl.fcntl(self._answers.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)

    def decode(self, request: dict[str, Any], large: threading.Lock) -> Picture:
        """Have one file decoded.

        Args:
            request: ``path``, ``bits``, ``least``; see ``edge.images.worker``.
            large: held while a large picture is decoded.

        Raises:
            RefusedError: the file is not read; the decoder goes on.
            TooSlowError, CrashedError, GoneError: the decoder cannot be used again.
        """
        self._start()
        deadline = time.monotonic() + SECONDS
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
        except (OSError, ValueError):
            raise GoneError from None
        answer = self._answer(deadline)
        if "large" not in answer:
            return self._frame(answer, deadline)
        left = deadline - time.monotonic()
        with large:
            deadline = time.monotonic() + left  # the wait for the other picture does not count
            try:
                self._requests.write(b"go\n")
            except (OSError, ValueError):
                raise CrashedError from None
            return self._frame(self._answer(deadline), deadline)

    def _start(self) -> None:
        """Wait, the first time, until it has loaded its libraries."""
        if self._ready:
            return
        try:
            self._answer(time.monotonic() + START_SECONDS)
        except (CrashedError, TooSlowError):
            raise GoneError from None
        self._ready = True

    def _frame(self, answer: dict[str, Any], deadline: float) -> Picture:
        height, width = int(answer["height"]), int(answer["width"])
        if not 0 < height * width <= MOST_PIXELS:
            raise CrashedError
        if answer.get("here") and self._area is not None and height * width * 3 <= len(self._area):
            frame = np.frombuffer(self._area, np.uint8, height * width * 3).reshape(height, width, 3).copy()
        else:
            frame = np.empty((height, width, 3), np.uint8)
            self._fill(frame.reshape(-1).data, deadline)
        origin = Origin(**answer.get("origin", {}))
        identity, full = answer.get("identity", {}), answer.get("full")
        return Picture(
            frame, answer.get("reaches"), answer.get("eye"), origin, identity, (full[0], full[1]) if full else None
        )

    def _answer(self, deadline: float) -> dict[str, Any]:
        """One answer, without the pixels that follow it; raises RefusedError where it refuses the file."""
        length = bytearray(4)
        self._fill(memoryview(length), deadline)
        body = bytearray(min(int.from_bytes(length, "big"), 1 << 16))
        self._fill(memoryview(body), deadline)
        try:
            answer: dict[str, Any] = json.loads(body)
        except ValueError:
            raise CrashedError from None
        if "refused" in answer:
            self.usable = bool(answer.get("usable", True))
            raise RefusedError(str(answer["refused"]))
        return answer

    def _fill(self, buffer: memoryview, deadline: float) -> None:
        """Fill the buffer from the pipe, waiting up to the deadline."""
        try:
            pipe = self._answers.fileno()
            poll = select.poll()
            poll.register(pipe, select.POLLIN)
            done = 0
            while done < len(buffer):
                if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    raise TooSlowError
                got = os.readv(pipe, [buffer[done:]])
                if not got:
                    raise CrashedError
                done += got
        except (OSError, ValueError):  # closed by another thread, which ends all reading
            raise CrashedError from None

    def kill(self) -> None:
        """End it, whatever it is doing; a thread that waits for its answer sees it end."""
        self.usable = False
        with self._killing:
            if self._process.returncode is None:
                self._process.kill()
                self._process.wait()

    def close(self) -> None:
        """End it and close its pipes; only for the thread that reads from them."""
        self.kill()
        self._close_pipes()

    def forget(self) -> None:
        """In a forked process: drop it, so that it ends with the process that started it."""
        self.usable = False
        self._process.returncode = 0  # not a child of this process
        self._close_pipes()

    def _close_pipes(self) -> None:
        if self._area is not None:
            self._area.close()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()
