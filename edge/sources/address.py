"""Which kind of place a text names."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.sources.members import MARK
from edge.sources.shown import without_secrets

ZIPS, TARS, LISTS = (".zip",), (".tar", ".tar.gz", ".tgz"), (".csv", ".parquet")
_URL = re.compile(r"([a-z][a-z0-9+.:-]*):/{2}", re.IGNORECASE)
Kind = Literal["local", "zip", "tar", "list", "url", "dicomweb"]


@dataclass(frozen=True)
class Place:
    """What a text names.

    Attributes:
        kind: ``local`` is a file, a folder or a pattern.
        text: all of it, or the archive before ``!/``.
        inside: what stands behind that.
    """

    kind: Kind
    text: str
    inside: str = ""


def place_of(text: str) -> Place:
    """The place that a text names; a file or a folder of that name goes before everything else."""
    if scheme := _URL.match(text):
        dicomweb = scheme[1].lower() in ("dicomweb+https", "dicomweb+http")
        if dicomweb:
            return Place("dicomweb", text)
        archive, mark, inside = text.partition(MARK)
        kind = _kind(archive) if without_secrets(text) == text and not glob.has_magic(archive) else "local"
        if kind == "local" or (mark and kind == "list"):
            return Place("url", text)
        return Place(kind, archive, inside)
    archive, mark, inside = text.partition(MARK)
    if mark and not exists(text) and (kind := _kind(archive)) in ("zip", "tar"):
        return Place(kind, archive, inside)
    return Place("local" if _is_folder(text) else _kind(text), text)


def files_among(texts: Sequence[str]) -> list[Path]:
    """The archives and lists among what was given, which no output may overwrite."""
    places = [place for place in map(place_of, texts) if "://" not in place.text]
    named = [place.text for place in places if place.kind in ("zip", "tar", "list")]
    return [Path(hit) for name in named for hit in ([name] if exists(name) else glob.glob(name, recursive=True))]  # noqa: PTH207


def _kind(path: str) -> Kind:
    lower = path.lower()
    if lower.endswith(ZIPS):
        return "zip"
    return "tar" if lower.endswith(TARS) else "list" if lower.endswith(LISTS) else "local"


def exists(path: str) -> bool:
    """Whether there is a file, a folder or a link of this name."""
    try:
        return os.path.lexists(path)
    except ValueError:  # a zero byte
        return False


def _is_folder(path: str) -> bool:
    try:
        return os.path.isdir(path)  # noqa: PTH112 (a text)
    except ValueError:
        return False
