"""The visits that have ended in an ``--out`` folder, and which of their captures have reached the archive."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.capture.retention.own import DELETING, RECORDING, folders_of, opened, own_files
from edge.capture.session.aside import stems_aside
from edge.capture.session.leftovers import Recording
from edge.capture.session.sidecar import capture_of, is_asked, rank_of
from edge.capture.session.storage import LINES

_LARGEST_SIDECAR = 1 << 20  # bytes; one of ours has two or three thousand
_SETTLED_S = 2.0  # a folder that changed less than this ago is read again: its time may be that of two changes
MARKS = ("waiting", "pending", "delivered")  # of one file the first that is there counts
_LATEST = 253402300799.0  # the end of the year 9999, beyond which no date can be written
_read_before: dict[Path, dict[int, tuple[tuple[int, int], Visit | None]]] = {}


@dataclass(frozen=True)
class Visit:
    """The folder of one session.

    Attributes:
        number, folder: of the session; a higher number began later.
        begun, ended: when its oldest picture and its newest file were written, seconds since 1970 by the clock of then.
        captures: how many it holds, runners-up not counted.
        size: of its files, bytes.
        delivered: DICOM files that have reached the archive.
        waiting: DICOM files that wait to be handed over.
        pending: DICOM files that were to be handed over, and are kept back until somebody says which eye they show.
        unsent: captures without a DICOM file, and DICOM files that were never to be handed over.
        asks: captures that have not left and whose eye somebody must still say.
        marks: of its DICOM files for the archive, by the stem of their names: see ``is_asked``.
        running: whether its session has not ended, or was killed and not repaired yet.
    """

    number: int
    folder: Path
    begun: float
    ended: float
    captures: int
    size: int
    delivered: int
    waiting: int
    pending: int
    unsent: int
    asks: int = 0
    marks: tuple[tuple[str, str], ...] = ()
    running: bool = False

    @property
    def id(self) -> str:
        """Number and begin: a number may be used again once its visit is deleted, and must not name the next one."""
        return f"session-{self.number}.{_moment(self.begun):%Y%m%dT%H%M%SZ}"

    @property
    def begun_at(self) -> datetime.datetime:
        """When it began, in UTC."""
        return _moment(self.begun)

    @property
    def arrived(self) -> bool:
        """Whether everything of it has reached the archive."""
        return self.delivered > 0 and self.waiting == self.pending == self.unsent == 0


def visits_in(out: Path) -> list[Visit]:
    """The visits that have ended, oldest first; those that are being deleted are none any more."""
    return [visit for visit in all_visits(out) if not visit.running]


def all_visits(out: Path) -> list[Visit]:
    """All visits, also those that run, oldest first. Folders that did not change are not read again."""
    before, now = _read_before.get(out, {}), time.time()
    found: dict[int, tuple[tuple[int, int], Visit | None]] = {}
    fresh: dict[int, tuple[tuple[int, int], Visit | None]] = {}
    for number, folder, status in folders_of(out):
        state = status.st_ino, status.st_mtime_ns
        known = before.get(number)
        read = known if known is not None and known[0] == state else (state, _read(number, folder))
        found[number] = read
        if abs(now - status.st_mtime) > _SETTLED_S:
            fresh[number] = read
    _read_before[out] = fresh
    visits = [visit for _, (_, visit) in sorted(found.items()) if visit is not None]
    return [dataclasses.replace(each, running=each.running or each.folder in Recording.alive) for each in visits]


def _read(number: int, folder: Path) -> Visit | None:
    """One visit; None for a folder that is none, is being deleted, or cannot be read."""
    with contextlib.suppress(OSError), opened(number, folder) as descriptor:
        running = _is_there(RECORDING, descriptor)  # asked first: one that ends meanwhile may not be read whole
        files = {}
        for entry in own_files(descriptor):
            with contextlib.suppress(FileNotFoundError):  # the session goes on, or a delivery
                files[entry.name] = entry.stat(follow_symlinks=False)
        if LINES not in files or DELETING in files:
            return None
        times = [status.st_mtime for status in files.values()]
        # An answer writes other files again, and its clock may be behind: the id of a visit must not change by that.
        pictures = [status.st_mtime for name, status in files.items() if name.endswith((".png", ".jpg"))]
        aside = stems_aside(files)  # it goes, or comes back as if it had never been away
        images = sorted(name for name in files if name.endswith(".dcm") and Path(name).stem not in aside)
        marks = [next((m for m in MARKS if f".{name}.{m}" in files), "none") for name in images]
        sidecars = [name for name in files if name.endswith(".json") and Path(name).stem not in aside]
        said = {name: _sidecar(descriptor, name) for name in sidecars}
        captured = [name for name in said if _is_capture(said[name])]
        without = sum(f"{name.removesuffix('.json')}.dcm" not in files for name in captured)
        size = sum(status.st_size for status in files.values())
        delivered, waiting, pending, bare = (marks.count(each) for each in ("delivered", "waiting", "pending", "none"))
        return Visit(
            number,
            folder,
            begun=min(pictures or times),
            ended=max(times),
            captures=len(captured),
            size=size,
            delivered=delivered,
            waiting=waiting,
            pending=pending,
            unsent=bare + without,
            asks=_asks(zip(images, marks, strict=True), said),
            marks=tuple((name.removesuffix(".dcm"), mark) for name, mark in zip(images, marks, strict=True)),
            running=running or RECORDING in files,
        )
    return None


def _is_there(name: str, descriptor: int) -> bool:
    try:
        os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _sidecar(descriptor: int, name: str) -> dict[str, Any] | None:
    """What a sidecar says; None for one that cannot be read."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
        with os.fdopen(file, "rb") as opened_file:
            said = json.loads(opened_file.read(_LARGEST_SIDECAR))
    except (OSError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _is_capture(said: dict[str, Any] | None) -> bool:
    """Whether a frame was captured, and is no runner-up; one whose sidecar cannot be read might be."""
    return said is None or (said.get("capture") is not None and rank_of(said) == 1)


def _asks(images: Iterable[tuple[str, str]], said: dict[str, dict[str, Any] | None]) -> int:
    """How many captures are asked about, of DICOM files with their marks."""
    asked = set[object]()
    for image, mark in images:
        stem = image.removesuffix(".dcm")
        found = said.get(f"{stem}.json") or {}
        if is_asked(found, mark):
            shot = capture_of(found)
            asked.add(stem if shot is None else shot)
    return len(asked)


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(min(max(seconds, 0.0), _LATEST), datetime.timezone.utc)
