"""What a session leaves on disk: complete files or none.

A session owns its folder: a new or empty one, or else the next sub-folder ``session-2``, ``session-3``, ... of
the one asked for, so nothing that was there is ever overwritten. It holds

- ``STEM.png`` (full resolution, untouched), ``STEM.map.png``, ``STEM.overlay.jpg``, ``STEM.json``, with STEM like
  ``frame-000123``, for every captured frame, or for the best frame where none was captured; ``STEM.json`` comes last,
  so a set that has it is complete;
- ``session.jsonl``, one line per graded frame, and ``session.webm``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.graded import Graded
from edge.errors import EdgeError
from edge.files.atomic import sync_folder, write_atomically
from edge.overlay import draw_overlay, map_picture

LINES = "session.jsonl"
VIDEO = "session.webm"
_NUMBERED = re.compile(r"session-([2-9]|[1-9][0-9]{1,5})")
_MOST_LINES = 100_000  # that wait; beyond these the oldest are dropped
_KINDS = ("overlay.jpg", "map.png", "png")  # of the pictures of a frame
_PICTURES = (".png", ".jpg")  # all other files may identify the patient, and only the owner may read them


def session_number(name: str) -> int | None:
    """The number in the name of a session's sub-folder; None for any other name."""
    found = _NUMBERED.fullmatch(name)
    return None if found is None else int(found[1])


def claim_folder(wanted: Path) -> Path:
    """Create the folder of a new session with an empty ``session.jsonl`` in it.

    Its number is above all others, also where lower ones are free again: numbers tell which session was later.

    Raises:
        EdgeError: the folder cannot be created or written to.
    """
    try:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = os.listdir(wanted)  # noqa: PTH208 (names alone)
        if not names:
            with contextlib.suppress(FileExistsError):  # another session was quicker
                (wanted / LINES).open("xb").close()
                return wanted
        number = max((session_number(name) or 1 for name in names), default=1) + 1
        while session_number(f"session-{number}") is not None:
            with contextlib.suppress(FileExistsError):
                folder = wanted / f"session-{number}"
                folder.mkdir(mode=0o700)
                (folder / LINES).open("xb").close()
                return folder
            number += 1
    except OSError as error:
        raise EdgeError(
            f"{wanted} cannot hold a session ({error.strerror}); give another folder with --out."
        ) from error
    raise EdgeError(f"{wanted} has held {number - 1} sessions; give another folder with --out.")


def write_set(folder: Path, files: dict[str, bytes]) -> None:
    """Write files that belong together atomically, in the given order; none of them may exist before.

    Raises:
        OSError: one could not be written; then none of the set is left.
    """
    written: list[Path] = []
    try:
        for name, data in files.items():
            write_atomically(folder / name, data, private=not name.endswith(_PICTURES))
            written.append(folder / name)
    except OSError:
        for path in written:
            path.unlink(missing_ok=True)
        raise


class LineFile:
    """A file of complete lines: a line that the disk cannot take is cut off again.

    Lines may be added from any thread; one thread saves them.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._length = self._file.tell()
        self._waiting: deque[str] = deque(maxlen=_MOST_LINES)
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        with self._lock:
            self._waiting.append(line)

    def save(self) -> None:
        """Write the waiting lines.

        Raises:
            OSError: the disk did not take them; they keep waiting.
        """
        with self._lock:
            lines, self._waiting = self._waiting, deque(maxlen=_MOST_LINES)
        if not lines:
            return
        try:
            self.append(lines)
        except BaseException:
            with self._lock:
                self._waiting = deque([*lines, *self._waiting], maxlen=_MOST_LINES)
            raise

    def append(self, lines: Iterable[str]) -> None:
        """Append lines and wait until they are on disk.

        Raises:
            OSError: they could not be written; then none of them is left.
        """
        data = memoryview("".join(f"{line}\n" for line in lines).encode())
        length = len(data)
        try:
            while data:
                data = data[self._file.write(data) or 0 :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self._length)
            raise
        self._length += length

    def close(self) -> None:
        self._file.close()


def stem_of(graded: Graded) -> str:
    """The name of the files of one frame, without suffix."""
    return f"frame-{graded.frame.index:06d}"


def save_frame(folder: Path, graded: Graded, sidecar: dict[str, Any], dicom: dict[str, bytes]) -> None:
    """Write one frame: picture, map, overlay, its DICOM files if any, and the sidecar last.

    If the frame was saved before, as the best one so far, only ``dicom`` and the sidecar are written.

    Raises:
        OSError: it could not be written; then nothing new is left of it.
    """
    last = f"{stem_of(graded)}.json"
    pictures = {} if (folder / last).exists() else _pictures_of(graded)
    write_set(folder, {**pictures, **dicom, last: (json.dumps(sidecar, indent=2) + "\n").encode()})


def aside_mark(stem: str) -> str:
    """The name of the mark of a frame that was discarded and may come back; see ``aside``."""
    return f".{stem}.discarded"


def remove_frame(folder: Path, stem: str) -> None:
    """Remove one frame; the sidecar goes first, because a set without it is not complete, and the mark last.

    Raises:
        OSError: a file could not be removed.
    """
    (folder / f"{stem}.json").unlink(missing_ok=True)
    remove_dicom(folder, stem)
    for kind in _KINDS:
        (folder / f"{stem}.{kind}").unlink(missing_ok=True)
    (folder / aside_mark(stem)).unlink(missing_ok=True)
    sync_folder(folder)


def remove_dicom(folder: Path, stem: str) -> None:
    """Remove the DICOM file of one frame, and the mark that its visit has not ended.

    Raises:
        OSError: a file could not be removed.
    """
    for name in (f"{stem}.dcm", f".{stem}.dcm.pending"):
        (folder / name).unlink(missing_ok=True)


def rewrite(file: Path, data: bytes) -> None:
    """Replace a file that only its owner may read, in one step.

    Raises:
        OSError: it could not be written; then it is as it was.
    """
    write_atomically(file, data, private=True)


def _pictures_of(graded: Graded) -> dict[str, bytes]:
    stem, image, assessment = stem_of(graded), graded.frame.image, graded.assessment
    # Level 1 is lossless too, several times faster than OpenCV's own choice, and a little larger.
    fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return {
        f"{stem}.png": _encode(".png", image, fast),
        f"{stem}.map.png": _encode(".png", map_picture(assessment), fast),
        f"{stem}.overlay.jpg": _encode(".jpg", draw_overlay(image, assessment), [cv2.IMWRITE_JPEG_QUALITY, 90]),
    }


def _encode(kind: str, picture: NDArray[np.uint8], settings: Sequence[int]) -> bytes:
    done, data = cv2.imencode(kind, picture, settings)
    if not done:
        raise OSError(errno.EIO, f"OpenCV could not encode a {kind} picture")
    return bytes(data)


def is_full(error: Exception) -> bool:
    """Whether something could not be written because the disk is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def why(error: OSError, folder: Path) -> str:
    """One sentence for a session that continues although something could not be saved."""
    if is_full(error):
        return f"the disk of {folder} is full: frames are still graded, but not all of them are kept; free some space."
    return (
        f"{folder} could not be written to ({error.strerror or error}): frames are still graded, "
        "but not all of them are kept; check the disk and its permissions."
    )
