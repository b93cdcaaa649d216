"""Quality labels that an expert gave: from a CSV, or from the names of the folders that images lie in."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from edge.errors import EdgeError

Quality = Literal["good", "usable", "reject", "outlier"]

_FOLDERS: dict[str, Quality] = {
    "good": "good",
    "usable": "usable",
    "reject": "reject",
    "bad": "reject",
    "outlier": "outlier",  # not a fundus at all: counted at the thresholds, no part of good against reject
}
_WORDS: dict[str, Quality] = {**_FOLDERS, "1": "good", "0": "reject"}


def key_of(path: Path) -> Path:
    """What a label is filed under: the real path, so that links and relative paths to one file agree."""
    return Path(os.path.realpath(path))


def read_labels(path: Path) -> dict[Path, Quality]:
    """Read a labels CSV with a header that has ``path`` and ``quality``.

    Paths are relative to the CSV. Quality is good, usable or reject; bad and 0 mean reject, 1 means good, and outlier
    marks a picture of no fundus. Further columns are ignored.

    Returns:
        ``key_of`` each image -> its quality.

    Raises:
        EdgeError: the file cannot be read, lacks a column, names an unknown quality or a missing image, labels one
            image in two ways, or is empty.
    """
    labels: dict[Path, Quality] = {}
    missing: list[Path] = []
    for line, name, word in _rows(path):
        quality = _WORDS.get(word.strip().lower())
        if quality is None:
            raise EdgeError(
                f"{path}, line {line}: unknown quality '{word}'; write good, usable or reject (or good/bad, or 1/0)."
            )
        image = path.parent / name
        if not name or not image.is_file():
            missing.append(image)
            continue
        if labels.setdefault(key_of(image), quality) != quality:
            raise EdgeError(f"{path}, line {line}: {name} has two different labels; leave the right one.")
    if missing:
        raise EdgeError(
            f"{path} names {len(missing)} of {len(missing) + len(labels)} images that do not exist, first {missing[0]};"
            " paths are relative to the CSV."
        )
    if not labels:
        raise EdgeError(f"{path} holds no labels: add lines of path,quality below the header.")
    return labels


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """Line number, path and quality of each row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = [name.strip().lower() for name in reader.fieldnames or []]
            lacking = [name for name in ("path", "quality") if name not in columns]
            if lacking:
                raise EdgeError(
                    f"{path} has no column {' and no column '.join(lacking)}: its first line must be path,quality"
                    " with commas."
                )
            reader.fieldnames = columns
            return [(reader.line_num, row["path"] or "", row["quality"] or "") for row in reader]
    except FileNotFoundError:
        raise EdgeError(f"{path} does not exist: give a CSV with the columns path and quality.") from None
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({error.strerror}): check the path and its permissions.") from None
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise EdgeError(f"{path} is not a CSV in UTF-8 ({error}): save it as one.") from None


def labels_from_folders(paths: Iterable[Path]) -> dict[Path, Quality] | None:
    """Labels from the folders that images lie in, where every one is called good, usable, reject, bad or outlier.

    Returns:
        ``key_of`` each image -> its quality; None where a folder is called otherwise, or the labels are of one class.
    """
    labels: dict[Path, Quality] = {}
    for path in paths:
        quality = _FOLDERS.get(path.absolute().parent.name.lower())
        if quality is None:
            return None
        labels[key_of(path)] = quality
    return labels if has_both_classes(list(labels.values())) else None


def has_both_classes(qualities: Sequence[Quality]) -> bool:
    """Whether there is something to separate: images to accept and images to refuse."""
    return "reject" in qualities and ("good" in qualities or "usable" in qualities)


def choose_labels(csv_path: Path | None, paths: Sequence[Path]) -> dict[Path, Quality] | None:
    """The labels to hold the grades of ``paths`` against: of the CSV, else of the folders, else None.

    Raises:
        EdgeError: see ``read_labels``; or the images that are graded have no labels, or those of one class only.
    """
    if csv_path is None:
        return labels_from_folders(paths)
    labels = read_labels(csv_path)
    here = [labels[key] for path in paths if (key := key_of(path)) in labels]
    if not here:
        raise EdgeError(f"{csv_path} labels none of the images that are graded: its paths are relative to the CSV.")
    if not has_both_classes(here):
        only = " and ".join(sorted(set(here)))
        raise EdgeError(f"{csv_path} labels the graded images as {only} only: metrics need good or usable, and reject.")
    return labels
