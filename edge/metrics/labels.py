"""What experts recorded about images: quality labels or a graded score, from a CSV, or labels from folder names."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from edge.errors import EdgeError
from edge.files.given import read_given
from edge.metrics.cross_validation import check_extra

Quality = Literal["good", "usable", "reject", "outlier"]
_T = TypeVar("_T")

QUALITY_FOLDERS: dict[str, Quality] = {
    "good": "good",
    "usable": "usable",
    "reject": "reject",
    "bad": "reject",
    "outlier": "outlier",  # not a fundus at all: counted at the thresholds, no part of good against reject
}
_WORDS: dict[str, Quality] = {
    **QUALITY_FOLDERS,
    **dict.fromkeys(("1", "1.0", "yes"), "good"),
    **dict.fromkeys(("0", "0.0", "no"), "reject"),
}
_COLUMNS = ("quality", "adequate", "score")  # the first that is there counts
_MOST_MIB = 64  # of a table
_RANKED = 3  # images that a rank correlation needs: of two, any order is perfect


@dataclass(frozen=True)
class Ratings:
    """A graded score that experts gave, on any scale.

    Attributes:
        of: ``key_of`` each image -> its score, finite; higher is better.
    """

    of: dict[Path, float]


Truth: TypeAlias = dict[Path, Quality] | Ratings


def key_of(path: Path) -> Path:
    """What a label is filed under: the real path, so that links and relative paths to one file agree."""
    return Path(os.path.realpath(path))


def read_truth(path: Path) -> Truth:
    """Read a CSV of labels, ``path,quality`` or ``path,adequate``, or of a graded score, ``path,score``.

    Paths are relative to the CSV. Quality is good, usable or reject; bad and 0 mean reject, 1 means good, and outlier
    marks a picture of no fundus. Adequate is yes, as good, or no, as reject. A score is a number, higher is better; so
    is a quality column of nothing but numbers, more than two different ones. Where several of these columns are there,
    the first in this order counts; further ones are ignored.

    Returns:
        ``key_of`` each image -> its quality; or ``Ratings``.

    Raises:
        EdgeError: the file cannot be read, lacks a column, holds an unknown quality, a score that is no finite number
            or a missing image, gives one image two labels, or is empty.
    """
    column, rows = _rows(path)
    if column == "score" or (column == "quality" and _is_graded([cell for *_, cell in rows])):
        return Ratings(_by_image(path, [(line, name, _rating(path, line, cell)) for line, name, cell in rows]))
    return _by_image(path, [(line, name, _quality(path, line, cell)) for line, name, cell in rows])


def read_labels(path: Path) -> dict[Path, Quality]:
    """``read_truth`` of a CSV that must hold labels.

    Raises:
        EdgeError: as there; or the CSV holds a graded score.
    """
    truth = read_truth(path)
    if isinstance(truth, Ratings):
        raise EdgeError(f"{path} holds a graded score, not labels: write good, usable or reject as the quality.")
    return truth


def _is_graded(cells: Sequence[str]) -> bool:
    """Whether a quality column is a graded score: no word of a label, and more numbers than the two that are labels."""
    numbers = {number for cell in cells if math.isfinite(number := _number(cell))}
    return len(numbers) > 2 and not any(cell.lower() in QUALITY_FOLDERS for cell in cells)


def _number(cell: str) -> float:
    """NaN where it is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _rating(path: Path, line: int, cell: str) -> float:
    number = _number(cell)
    if not math.isfinite(number):
        raise EdgeError(
            f"{path}, line {line}: the score '{cell}' is not a finite number; correct it, or remove the line."
        )
    return number


def _quality(path: Path, line: int, cell: str) -> Quality:
    quality = _WORDS.get(cell.lower())
    if quality is None:
        raise EdgeError(
            f"{path}, line {line}: unknown quality '{cell}'; write good, usable or reject (or good/bad, yes/no, 1/0),"
            " or for a graded score numbers alone in a column called score."
        )
    return quality


def _by_image(path: Path, rows: Iterable[tuple[int, str, _T]]) -> dict[Path, _T]:
    """The value of each line, by its image."""
    found: dict[Path, _T] = {}
    missing: list[Path] = []
    for line, name, value in rows:
        image = path.parent / name
        if not name or not _is_file(image):
            missing.append(image)
            continue
        if found.setdefault(key_of(image), value) != value:
            raise EdgeError(f"{path}, line {line}: {name} has two different labels; leave the right one.")
    if missing:
        raise EdgeError(
            f"{path} names {len(missing)} of {len(missing) + len(found)} images that do not exist, first {missing[0]};"
            " paths are relative to the CSV."
        )
    if not found:
        raise EdgeError(f"{path} holds no labels: add a line for each image below the header.")
    return found


def _is_file(path: Path) -> bool:
    """Also of names that the file system refuses, such as those that are too long."""
    try:
        return path.is_file()
    except OSError:
        return False


def _rows(path: Path) -> tuple[str, list[tuple[int, str, str]]]:
    """The column that counts, of ``_COLUMNS``; line number, path and its cell of each row."""
    try:
        with io.StringIO(read_given(path, _MOST_MIB).decode("utf-8-sig"), newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = [name.strip().lower() for name in reader.fieldnames or []]
            column = next((name for name in _COLUMNS if name in columns), "")
            lacking = [] if "path" in columns else ["path"]
            lacking += [] if column else ["quality, adequate or score"]
            if lacking:
                raise EdgeError(
                    f"{path} has no column {' and no column '.join(lacking)}: its first line must be path,quality,"
                    " path,adequate or path,score with commas."
                )
            reader.fieldnames = columns
            return column, [
                (reader.line_num, (row["path"] or "").strip(), (row[column] or "").strip())
                for row in reader
                if not _is_blank(path, reader.line_num, row)
            ]
    except FileNotFoundError:
        raise EdgeError(
            f"{path} does not exist: give a CSV with the columns path and quality, or path and score."
        ) from None
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({error.strerror}): check the path and its permissions.") from None
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise EdgeError(f"{path} is not a CSV in UTF-8 ({error}): save it as one.") from None


def _is_blank(path: Path, line: int, row: dict[str | None, Any]) -> bool:
    """Whether a line holds nothing, as spreadsheets leave some below a table.

    Raises:
        EdgeError: it holds more cells than the header, such as a number with a decimal comma: its cells would shift.
    """
    more = row.get(None) or []
    if any(cell.strip() for cell in more):
        raise EdgeError(
            f"{path}, line {line}: there are more cells than columns in the header; write numbers with a point, and put"
            " a path that holds a comma in quotes."
        )
    return not any(cell and cell.strip() for name, cell in row.items() if name is not None)


def labels_from_folders(paths: Iterable[Path]) -> dict[Path, Quality] | None:
    """Labels from the folders that images lie in, where every one is called good, usable, reject, bad or outlier.

    Returns:
        ``key_of`` each image -> its quality; None where a folder is called otherwise, or the labels are of one class.
    """
    labels: dict[Path, Quality] = {}
    for path in paths:
        quality = QUALITY_FOLDERS.get(path.absolute().parent.name.lower())
        if quality is None:
            return None
        labels[key_of(path)] = quality
    return labels if has_both_classes(list(labels.values())) else None


def has_both_classes(qualities: Sequence[Quality]) -> bool:
    """Whether there is something to separate: images to accept and images to refuse."""
    return "reject" in qualities and ("good" in qualities or "usable" in qualities)


def why_unranked(ratings: Sequence[float]) -> str:
    """Why nothing can be ranked against these graded scores, one of each image; empty where it can."""
    if len(ratings) < _RANKED:
        return f"a rank correlation needs {_RANKED} images or more, not {len(ratings)}"
    return "" if len(set(ratings)) > 1 else "all have the same graded score"


def choose_truth(csv_path: Path | None, paths: Sequence[Path]) -> Truth | None:
    """The truth to compare the grades of ``paths`` with: from the CSV, else from the folders, else None.

    Raises:
        EdgeError: see ``read_truth``; or of the images that are graded none is in the CSV, their labels are of one
            class, their graded scores give no order, or see ``edge.metrics.cross_validation.check_extra``.
    """
    if csv_path is None:
        return labels_from_folders(paths)
    truth = read_truth(csv_path)
    known: Mapping[Path, Quality | float] = truth.of if isinstance(truth, Ratings) else truth
    here = known.keys() & {key_of(path) for path in paths}
    if not here:
        raise EdgeError(f"{csv_path} labels none of the images that are graded: its paths are relative to the CSV.")
    if isinstance(truth, Ratings):
        if why := why_unranked([truth.of[key] for key in here]):
            raise EdgeError(f"{csv_path} cannot rank the graded images: {why}; add images with other graded scores.")
    elif not has_both_classes(classes := sorted({truth[key] for key in here})):
        only = " and ".join(classes)
        raise EdgeError(f"{csv_path} labels the graded images as {only} only: metrics need good or usable, and reject.")
    else:
        check_extra()
    return truth
