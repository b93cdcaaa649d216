"""What a sidecar says of the eye of its frame, and what it says once somebody has named that eye after the visit."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, get_args

from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

_LARGEST = 1 << 20  # bytes; one of ours has two or three thousand
ANSWERED = "answered"  # the eye that was named after the visit


def read_sidecar(path: Path) -> dict[str, Any]:
    """The content of a sidecar; empty where it cannot be read."""
    with contextlib.suppress(OSError, ValueError, RecursionError), path.open("rb") as file:
        said = json.loads(file.read(_LARGEST))
        if isinstance(said, dict):
            return said
    return {}


def eye_is_certain(said: dict[str, Any]) -> bool:
    """Whether neither the operator must say which eye a frame shows, nor anything contradicts."""
    try:
        if said.get(ANSWERED) is not None:
            return True
        capture, eye = said.get("capture"), said["eye"]
        if capture is not None:
            return capture["laterality"] is not None and not capture["contradiction"]
        return (eye["stated"] or eye["told"]) is not None and not eye["contradicts"]
    except (KeyError, TypeError, AttributeError):
        return False


def is_asked(said: dict[str, Any], mark: str) -> bool:
    """Whether somebody must still say which eye a frame shows.

    Args:
        said: its sidecar.
        mark: of its DICOM file for the archive: ``pending``, ``waiting``, ``delivered`` or ``none``.
    """
    if mark == "pending" and said.get(ANSWERED) is not None:
        return True
    return mark in ("pending", "none") and not eye_is_certain(said)


def capture_of(said: dict[str, Any]) -> int | None:
    """The number of the capture that a frame is of; None for the best frame of a visit without any."""
    capture = said.get("capture")
    number = capture.get("shot") if isinstance(capture, dict) else None
    return number if isinstance(number, int) else None


def rank_of(said: dict[str, Any]) -> int:
    """The rank of a frame in its capture, from 1."""
    capture = said.get("capture")
    rank = capture.get("rank") if isinstance(capture, dict) else None
    return rank if isinstance(rank, int) else 1


def field_of(said: dict[str, Any]) -> FieldKind:
    """What a frame is centred on; ``other`` where its sidecar is of a version that did not say so."""
    capture = said.get("capture")
    found = said.get("field_definition") or (capture.get("field") if isinstance(capture, dict) else None)
    kinds: tuple[FieldKind, ...] = get_args(FieldKind)
    return next((kind for kind in kinds if kind == found), "other")


def with_capture(said: dict[str, Any], stated: Eye | None, capture: dict[str, Any]) -> dict[str, Any]:
    """The content of a sidecar once the operator has changed its capture: the eye that was stated, and all of it."""
    told = said["eye"]["told"]
    eye = {**said["eye"], "stated": stated, "contradicts": None not in (stated, told) and stated != told}
    return {**said, "eye": eye, "capture": capture}


def with_answer(said: dict[str, Any], eye: Eye) -> dict[str, Any]:
    """The content of a sidecar once somebody has said after the visit which eye its frame shows."""
    before, capture = said.get("eye"), said.get("capture")
    changed = {**said, ANSWERED: eye}
    if isinstance(before, dict):
        changed["eye"] = {**before, "stated": eye, "contradicts": before.get("told") not in (None, eye)}
    if isinstance(capture, dict):
        changed["capture"] = {**capture, "laterality": eye, "contradiction": False}
    return changed
