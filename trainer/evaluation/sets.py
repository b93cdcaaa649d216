"""Photographs with quality labels: in folders, in a labels.csv, or in a list that two readers marked. No torch here."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.errors import EdgeError
from edge.files.given import read_given
from edge.images import walk_images
from edge.metrics.labels import QUALITY_FOLDERS, Quality, Ratings, has_both_classes, labels_from_folders, read_truth

log = logging.getLogger(__name__)

CLEAR_LIST = Path(__file__).parents[1] / "lists" / "clear.csv"
Half = Literal["chooses", "reports"]
_MARKS: dict[str, Quality] = {"clear": "good", "between": "usable", "useless": "reject"}
_READERS = ("mark1", "mark2")
_MOST_MIB = 8  # of a list


@dataclass(frozen=True)
class LabelledSet:
    """Photographs with quality labels, in a fixed order; ``name`` is the path of their folder below the data folder."""

    name: str
    paths: list[Path]
    qualities: list[Quality]


def find_labelled(data: Path) -> list[LabelledSet]:
    """Sets below a folder: folders named good and bad beside each other, and files labels.csv of ``path,quality``.

    A set that does not hold both good or usable photographs and rejects cannot measure anything and is left out.

    Raises:
        EdgeError: a labels.csv is damaged.
    """
    found = []
    for good in sorted(data.rglob("good")):
        if (good.parent / "bad").is_dir():
            folders = {each for each in good.parent.iterdir() if each.name.lower() in QUALITY_FOLDERS}
            named = [path for path in walk_images(good.parent, lambda _: None) if path.parent in folders]
            found.append((good.parent, labels_from_folders(named) or {}))
    for table in sorted(data.rglob("labels.csv")):
        truth = read_truth(table)
        if isinstance(truth, dict):  # ratings rank photographs and call none of them good
            found.append((table.parent, truth))
    return [
        LabelledSet(_name(folder, data), list(labels), list(labels.values()))
        for folder, labels in found
        if has_both_classes(list(labels.values()))
    ]


def find_rated(data: Path) -> dict[str, Ratings]:
    """Sets with a graded score of their photographs: files labels.csv of ``path,score`` below a folder.

    Raises:
        EdgeError: a labels.csv is damaged.
    """
    tables = {_name(table.parent, data): read_truth(table) for table in sorted(data.rglob("labels.csv"))}
    return {name: truth for name, truth in tables.items() if isinstance(truth, Ratings)}


def read_list(table: Path, data: Path, half: Half) -> list[LabelledSet]:
    """One half of a list ``path,mark1,mark2``, a set for each first folder of its paths.

    Marks are clear (good), between (usable) and useless (reject); only what both readers say counts. Paths are relative
    to ``data``; photographs that are not there are left out, and the log says how many.

    Raises:
        EdgeError: the list cannot be read, lacks a column, holds another mark, or names a photograph twice.
    """
    sets: dict[str, LabelledSet] = {}
    missing = 0
    for name, quality in _agreed(table).items():
        if half_of(name) != half:
            continue
        if not (data / name).is_file():
            missing += 1
            continue
        camera = name.split("/", 1)[0]
        into = sets.setdefault(camera, LabelledSet(camera, [], []))
        into.paths.append(data / name)
        into.qualities.append(quality)
    if missing:
        log.info("left out: %d photographs that %s names and %s does not hold", missing, table.name, data)
    return list(sets.values())


def half_of(name: str) -> Half:
    """Whether a photograph of a list chooses thresholds or reports: by the first byte of the SHA-256 of its path."""
    return "reports" if hashlib.sha256(name.encode()).digest()[0] % 2 else "chooses"


def _agreed(table: Path) -> dict[str, Quality]:
    """What both readers say, by the path as it is written."""
    try:
        text = read_given(table, _MOST_MIB).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EdgeError(f"{table} cannot be read as a list ({error}): give a CSV of path,mark1,mark2.") from None
    if not rows or not {"path", *_READERS} <= rows[0].keys():
        raise EdgeError(f"{table} is no list of marks: its first line must be path,mark1,mark2, with lines below it.")
    for line, row in enumerate(rows, 2):
        if not row["path"] or not all(row[reader] in _MARKS for reader in _READERS):
            raise EdgeError(f"{table}, line {line}: it needs a path and two marks of {', '.join(_MARKS)}; correct it.")
    if twice := [path for path, times in Counter(row["path"] for row in rows).items() if times > 1]:
        raise EdgeError(f"{table} names {twice[0]} twice: keep the line that holds.")
    return {row["path"]: _MARKS[row["mark1"]] for row in rows if row["mark1"] == row["mark2"]}


def _name(folder: Path, data: Path) -> str:
    within = folder.relative_to(data).as_posix()
    return data.resolve().name if within == "." else within
