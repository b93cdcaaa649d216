"""What a session leaves on disk, whole or not at all.

A session owns its folder: a new or empty one, or else the next free sub-folder ``session-2``, ``session-3``, ... of
the one asked for, so nothing that was there is ever overwritten. It holds

- ``STEM.png`` (full resolution, untouched), ``STEM.map.png``, ``STEM.overlay.jpg``, ``STEM.json``, with STEM like
  ``frame-000123``, for every captured frame, or for the best frame where none was captured; ``STEM.json`` comes last,
  so a set that has it is complete;
- ``session.jsonl``, one line per graded frame, and ``session.webm``.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.loop import Graded
from edge.errors import EdgeError
from edge.files.atomic import write_atomically
from edge.overlay import draw_overlay, map_picture

LINES = "session.jsonl"
VIDEO = "session.webm"
_MOST_SESSIONS = 10_000
_PICTURES = (".png", ".jpg")  # all else may say whose eye it is, and is for its owner alone


def claim_folder(wanted: Path) -> Path:
    """Make the folder of a new session and leave an empty ``session.jsonl`` in it.

    Raises:
        EdgeError: the folder cannot be made or written to.
    """
    try:
        for number in range(1, _MOST_SESSIONS):
            folder = wanted if number == 1 else wanted / f"session-{number}"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(folder.iterdir()):
                continue
            try:
                (folder / LINES).open("xb").close()
            except FileExistsError:  # another session was quicker
                continue
            return folder
    except OSError as error:
        raise EdgeError(
            f"{wanted} cannot hold a session ({error.strerror}); give another folder with --out."
        ) from error
    raise EdgeError(f"{wanted} holds {_MOST_SESSIONS} sessions; give another folder with --out.")


def write_set(folder: Path, files: dict[str, bytes]) -> None:
    """Write files that belong together, each whole, in the order given; none of them may be there before.

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
    """A file of whole lines: a line that the disk cannot take is cut off again."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._length = self._file.tell()

    def append(self, lines: Sequence[str]) -> None:
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
    """What the files of one frame are called."""
    return f"frame-{graded.frame.index:06d}"


def save_frame(folder: Path, graded: Graded, sidecar: dict[str, Any], dicom: dict[str, bytes] | None = None) -> None:
    """Write one frame: picture, map, overlay, where they are given its DICOM files, and the sidecar last.

    Of a frame that lies there already, as the best one so far, only the sidecar is written again.

    Raises:
        OSError: it could not be written; then nothing new is left of it.
    """
    files = _set_of(stem_of(graded), graded, sidecar)
    promise = f"{stem_of(graded)}.json"
    last = files.pop(promise)
    if (folder / promise).exists():
        files = {}
    write_set(folder, {**files, **(dicom or {}), promise: last})


class BestFrame:
    """The best frame of a session on disk; a better one replaces it only once it lies there whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stem: str | None = None

    def save(self, graded: Graded, sidecar: dict[str, Any]) -> None:
        """Keep a frame instead of the one kept so far.

        Raises:
            OSError: the new set could not be written; the old one is still there.
        """
        save_frame(self._folder, graded, sidecar)
        older, self._stem = self._stem, stem_of(graded)
        if older is not None and older != self._stem:
            self._remove(older)

    def give_up(self, keeping: Container[str]) -> None:
        """Remove the frame kept so far, unless its stem is among those that something else keeps."""
        older, self._stem = self._stem, None
        if older is not None and older not in keeping:
            self._remove(older)

    def _remove(self, stem: str) -> None:
        # The sidecar goes first: a set without it is not a complete one.
        for name in (f"{stem}.json", f"{stem}.overlay.jpg", f"{stem}.map.png", f"{stem}.png"):
            (self._folder / name).unlink(missing_ok=True)


def _set_of(stem: str, graded: Graded, sidecar: dict[str, Any]) -> dict[str, bytes]:
    image, assessment = graded.frame.image, graded.assessment
    # Level 1 is lossless too, several times faster than OpenCV's own choice, and a little larger.
    fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return {
        f"{stem}.png": _encode(".png", image, fast),
        f"{stem}.map.png": _encode(".png", map_picture(assessment), fast),
        f"{stem}.overlay.jpg": _encode(".jpg", draw_overlay(image, assessment), [cv2.IMWRITE_JPEG_QUALITY, 90]),
        f"{stem}.json": (json.dumps(sidecar, indent=2) + "\n").encode(),
    }


def _encode(kind: str, picture: NDArray[np.uint8], settings: Sequence[int]) -> bytes:
    done, data = cv2.imencode(kind, picture, settings)
    if not done:
        raise OSError(errno.EIO, f"OpenCV could not encode a {kind} picture")
    return bytes(data)


def is_full(error: Exception) -> bool:
    """Whether it is for want of room that something could not be written."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def why(error: OSError, folder: Path) -> str:
    """One sentence for a session that goes on although something could not be kept."""
    if is_full(error):
        return f"the disk of {folder} is full: frames are still graded, but not all of them are kept; free some space."
    return (
        f"{folder} could not be written to ({error.strerror or error}): frames are still graded, "
        "but not all of them are kept; check the disk and its permissions."
    )
