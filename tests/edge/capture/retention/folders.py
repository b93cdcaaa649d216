"""Folders as sessions leave them, made fast: the names are real, the pictures are not."""

from __future__ import annotations

import json
import os
from pathlib import Path

from edge.capture.retention.own import RECORDING

FOREIGN = ("notes.txt", "frame-000001.txt", "my-frame-000001.png", ".hidden.tmp", "frame-000001.png.swp")


def put_visit(
    out: Path,
    number: int,
    marks: tuple[str | None, ...] = (),
    *,
    bare: int = 0,
    ended: float | None = None,
    size: int = 10,
) -> Path:
    """A visit of which each capture has a DICOM file with a mark (or None), and ``bare`` further ones have no DICOM."""
    folder = out if number == 1 else out / f"session-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORDING).touch()  # as a session does: another thread may clean while this one writes
    (folder / "session.jsonl").write_text("{}\n")
    (folder / "session.webm").write_bytes(b"x" * size)
    for shot, mark in enumerate((*marks, *("no DICOM",) * bare), 1):
        for rank in (1, 2):
            stem = f"frame-{shot * 10 + rank:06d}"
            for kind in ("png", "map.png", "overlay.jpg"):
                (folder / f"{stem}.{kind}").write_bytes(b"x")
            sidecar = {"score": 0.9, "capture": {"shot": shot, "rank": rank, "of": 2, "by": "auto", "eye": 1}}
            (folder / f"{stem}.json").write_text(json.dumps(sidecar))
        stem = f"frame-{shot * 10 + 1:06d}"
        if mark != "no DICOM":
            (folder / f"{stem}.dcm").write_bytes(b"x")
            if mark is not None:
                (folder / f".{stem}.dcm.{mark}").touch()
    if ended is not None:
        for path in folder.iterdir():
            if path.is_file():
                os.utime(path, (ended, ended))
    (folder / RECORDING).unlink()
    return folder


def put_foreign(folder: Path) -> set[str]:
    """What no session wrote, also under names that look like one's; returns the names."""
    for name in FOREIGN:
        (folder / name).write_text("foreign")
    (folder / "frame-000099.png").symlink_to(folder / "notes.txt")
    (folder / "frame-000098.png").mkdir()
    (folder / "frame-000098.png" / "inside").write_text("foreign")
    (folder / ".frame-000097.dcm.waiting").symlink_to("/nowhere")
    return {*FOREIGN, "frame-000099.png", "frame-000098.png", ".frame-000097.dcm.waiting"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()
