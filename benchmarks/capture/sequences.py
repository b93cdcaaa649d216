"""The sequences on which guidance and trigger are judged: frames in order of time, with the truth where it is known.

A *play* is one sequence: a phantom in a shaky hand, a photograph shown in the same hand, or a recording of a camera
(a video, or a folder of frames) with the truth in a CSV of the same name in the same folder, where one was written.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.camera.folder import FolderCamera
from edge.camera.protocol import Camera
from edge.camera.recording.video import VideoCamera
from edge.errors import EdgeError
from edge.field.find import find_field
from edge.frame.prepare import cut
from edge.guidance.hint import OF_A_FRAME
from edge.images import SUFFIXES, find_images, read_image
from edge.phantom.photograph import Photograph
from edge.phantom.sequence import Sequence

Kind = Literal["phantom", "photograph", "recording"]
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".mjpeg", ".mjpg")
FRAMES = 300
_PICTURE = 1024  # side at most of the square that a photograph becomes; more than a camera of 720 lines shows of it
CAUSES = ("clear", *(code for code in OF_A_FRAME if code != "hold"))


@dataclass(frozen=True)
class Play:
    """One sequence to be played.

    Attributes:
        kind: its source.
        name: for people: a seed, or the name of a file or folder.
        seed: of eye and hand, where it is not a recording.
        path: the photograph, or the recording.
        slow: longer episodes of every cause, where it is not a recording.
        fps: of a folder of frames, or of a phantom.
        frames: how many a phantom or a photograph gives.
    """

    kind: Kind
    name: str
    seed: int = 0
    path: Path | None = None
    slow: bool = False
    fps: float = 30.0
    frames: int = FRAMES


@dataclass(frozen=True, eq=False)
class Shown:
    """One frame of a play.

    Attributes:
        image: uint8 BGR, shape (H, W, 3).
        index: from 0.
        t: seconds since the first frame.
        truth: true quality in [0, 1], None where unknown.
        cause: the dominant degradation, ``clear`` without one, None where unknown.
    """

    image: NDArray[np.uint8]
    index: int
    t: float
    truth: float | None
    cause: str | None


def phantom_plays(seeds: range, slow: bool, fps: float, frames: int = FRAMES) -> list[Play]:
    """Synthetic eyes, one for each seed."""
    return [Play("phantom", f"seed {seed}", seed, None, slow, fps, frames) for seed in seeds]


def photograph_plays(folder: Path, slow: bool, fps: float, frames: int = FRAMES) -> list[Play]:
    """Photographs of a folder, each in a shaky hand of its own.

    Raises:
        EdgeError: there is none.
    """
    paths = find_images([folder])
    return [Play("photograph", path.name, n, path, slow, fps, frames) for n, path in enumerate(paths)]


def recorded_plays(folder: Path, fps: float) -> list[Play]:
    """Recordings in a folder: its videos and its sub-folders of frames; the folder itself where it holds frames.

    Raises:
        EdgeError: it is not a folder, or has no recording in it.
    """
    if not folder.is_dir():
        raise EdgeError(
            f"{folder} is not a folder: give one that holds recordings, each a video or a folder of frames."
        )
    found = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
    paths = [p for p in found if (p.is_dir() and _holds_frames(p)) or p.suffix.lower() in VIDEOS]
    if not paths and _holds_frames(folder):
        paths = [folder]
    if not paths:
        raise EdgeError(f"{folder} holds no recording: put videos, or folders of frames, into it.")
    return [Play("recording", p.name, path=p, fps=fps) for p in paths]


def play(wanted: Play) -> Iterator[Shown]:
    """The frames of a play, one after the other.

    Raises:
        EdgeError: its file cannot be read, shows no retina (a photograph), or its truth file is invalid.
    """
    if wanted.kind == "recording":
        yield from _recording(wanted)
        return
    retina = None if wanted.path is None else _photograph(wanted.path)
    scene = Sequence(wanted.seed, wanted.frames, wanted.fps, slow=wanted.slow, retina=retina)
    for index in range(len(scene)):
        frame = scene.render(index)
        yield Shown(frame.image, index, index / wanted.fps, frame.truth, frame.cause)


def _photograph(path: Path) -> Photograph:
    """A photograph cut to its field."""
    image = read_image(path)
    field = find_field(image)
    if field is None:
        raise EdgeError(f"{path} shows no retina: replay photographs that do.")
    height, width = image.shape[:2]
    return Photograph(cut(image, field.crop, min(field.crop.side, _PICTURE)), field.mask, field.crop, (width, height))


def _recording(wanted: Play) -> Iterator[Shown]:
    assert wanted.path is not None
    truths = read_truth(wanted.path.with_name(f"{wanted.path.name if wanted.path.is_dir() else wanted.path.stem}.csv"))
    camera: Camera = FolderCamera(wanted.path, wanted.fps) if wanted.path.is_dir() else VideoCamera(wanted.path)
    try:
        fps = camera.fps or wanted.fps
        while (frame := camera.read()) is not None:
            truth, cause = truths.get(frame.index, (None, None))
            yield Shown(frame.image, frame.index, frame.index / fps, truth, cause)
    finally:
        camera.close()


def read_truth(path: Path) -> dict[int, tuple[float | None, str | None]]:
    """The truth of a recording: a CSV with ``frame`` (from 0), ``truth`` (0 to 1), ``cause``; cells may be empty.

    Returns:
        By frame; empty where there is no such file.

    Raises:
        EdgeError: a column is missing or a value is invalid.
    """
    if not path.exists():
        return {}
    truths: dict[int, tuple[float | None, str | None]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"frame", "truth"} <= set(rows.fieldnames or ()):
                raise EdgeError(f"{path} lacks a column: its first line must be frame,truth,cause.")
            for row in rows:
                truths[_frame_number(row["frame"], path)] = _truth(row["truth"], path), _cause(row.get("cause"), path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EdgeError(f"{path} cannot be read as CSV ({error}): save it as UTF-8.") from error
    return truths


def _frame_number(text: str | None, path: Path) -> int:
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        raise EdgeError(f"{path} names a frame {text!r}: frames are whole numbers from 0.")
    return int(text)


def _truth(text: str | None, path: Path) -> float | None:
    if text is None or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise EdgeError(f"{path} has a truth {text!r}: it is a number from 0 to 1, or empty.")
    return value


def _cause(text: str | None, path: Path) -> str | None:
    cause = (text or "").strip() or None
    if cause is not None and cause not in CAUSES:
        raise EdgeError(f"{path} has a cause {cause!r}: it is one of {', '.join(CAUSES)}, or empty.")
    return cause


def _holds_frames(folder: Path) -> bool:
    """Also True for a folder without permission, so that playing it reports the error."""
    try:
        return any(p.suffix.lower() in SUFFIXES for p in folder.iterdir() if p.is_file())
    except OSError:
        return True
