"""Which eye is it? What nobody said while a visit was open can be said later: here is what is still asked of it.

A capture is asked about whose DICOM file has not left and names no eye, because the picture does not tell it, or tells
the other one than was stated. After a kill between an answer and the hand-over it is asked about once more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edge.capture.retention.own import opened
from edge.capture.retention.visits import Visit
from edge.capture.session.sidecar import capture_of, field_of, is_asked, rank_of, read_sidecar
from edge.errors import EdgeError, reason_of
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

_WIDEST = 960  # pixels of a picture that is shown
_LARGEST = 1 << 29  # bytes of one that is read


@dataclass(frozen=True)
class Question:
    """A capture of a visit that is over, and whose eye is not certain.

    Attributes:
        frame: index of its best frame, by which it is answered.
        stems: of all its frames that have a DICOM file, the best one first.
        number: of the capture in the visit; None for the best frame of a visit without captures.
        field: what that frame is centred on.
        told: the eye that the picture tells; None where it does not.
        contradiction: whether the operator had stated the other one.
    """

    frame: int
    stems: tuple[str, ...]
    number: int | None
    field: FieldKind
    told: Eye | None
    contradiction: bool


def questions_of(visit: Visit) -> list[Question]:
    """What is still asked of a visit, by the numbers of its captures; empty where its folder cannot be read."""
    asked: dict[object, list[tuple[int, str, dict[str, Any]]]] = {}
    for stem, mark in visit.marks:
        said = read_sidecar(visit.folder / f"{stem}.json")
        if is_asked(said, mark):
            shot = capture_of(said)
            asked.setdefault(stem if shot is None else shot, []).append((rank_of(said), stem, said))
    return sorted((_question(found) for found in asked.values()), key=lambda each: (each.number or 0, each.frame))


def _question(found: Iterable[tuple[int, str, dict[str, Any]]]) -> Question:
    frames = sorted(found, key=lambda each: each[:2])
    _, stem, said = frames[0]
    eye, capture = said.get("eye"), said.get("capture")
    told = eye.get("told") if isinstance(eye, dict) else None
    source = capture if isinstance(capture, dict) else eye if isinstance(eye, dict) else {}
    return Question(
        frame_of(stem),
        tuple(each for _, each, _ in frames),
        capture_of(said),
        field_of(said),
        told if told in ("right", "left") else None,
        bool(source.get("contradiction", source.get("contradicts"))),
    )


def frame_of(stem: str) -> int:
    """The index of a frame by the name of its files."""
    return int(stem.rpartition("-")[2])


def picture_of(visit: Visit, question: Question) -> bytes:
    """The picture that is asked about, as a JPEG of at most 960 pixels in width.

    Raises:
        EdgeError: it cannot be read.
    """
    name = f"{question.stems[0]}.png"
    try:
        with opened(visit.number, visit.folder) as descriptor:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
            with os.fdopen(file, "rb") as opened_file:
                data = opened_file.read(_LARGEST)
    except OSError as error:
        raise EdgeError(f"{visit.folder / name} cannot be read ({reason_of(error)}): see to the disk.") from error
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise EdgeError(f"{visit.folder / name} holds no picture: it was damaged after it had been saved.")
    if image.shape[1] > _WIDEST:
        height = max(1, round(image.shape[0] * _WIDEST / image.shape[1]))
        image = cv2.resize(image, (_WIDEST, height), interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])
