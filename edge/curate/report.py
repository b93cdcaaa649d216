"""The report of a table: one HTML file that needs no other, and no network."""

from __future__ import annotations

import importlib
import json
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.curate.choose import GROUPS, PICTURES, groups_of, listed
from edge.curate.duplicates import Duplicates, find_duplicates
from edge.curate.load import Snapshot
from edge.curate.maps import read_maps
from edge.curate.summary import BINS, LIGHT, VERDICTS, Groups, dimensions_of, figures, limits_of, monthly
from edge.curate.thumbnails import Wanted, thumbnails
from edge.errors import EdgeError
from edge.findings.cause import CAUSES
from edge.grading.table.columns import FULL, GRID
from edge.progress import followed, progress
from edge.sources.elsewhere import How, place_below

_COLUMNS = [*LIGHT, "path", "place", "sha256", "hash", "model", "error", "crop_x", "crop_y", "crop_side"]
_SHOWN = ("path", "score", "verdict", "cause", "place", "camera", "site", "taken", "eye", "field_definition")
_MOST_BYTES = 40_000_000
_ERRORS = 50
HOW = How()
_MEMBERS = 6  # of a group of duplicates that are named


@dataclass
class Report:
    """A report, and what is said of it on the console.

    Attributes:
        page: the HTML.
        rows: photographs of the table.
        pictures: how many are in the page.
        missing: how many of those that were wanted could not be read.
    """

    page: bytes
    rows: int
    pictures: int = 0
    missing: int = 0


def make_report(path: Path, root: Path, pictures: bool = True, how: How = HOW) -> Report:
    """Make the report of a table.

    Args:
        path: a table of ``edge-grade --table``.
        root: the folder that its paths are relative to.
        pictures: whether photographs are in it, at most 500.
        how: those are reached that are no files.

    Raises:
        EdgeError: the table cannot be read, or the page would be too large.
    """
    with Snapshot(path) as opened, progress("reading the table", 4) as tick:
        table = _sound(opened.load(_COLUMNS))
        tick(1)
        duplicates = find_duplicates(table.column("sha256"), table.column("hash"))
        tick(2)
        dimensions = dimensions_of(table)
        data = _figures(path, table, dimensions) | {"duplicates": _counts(duplicates)}
        tick(3)
        lists = listed(table, duplicates, data["limits"])
        groups = groups_of(duplicates)
        places = _places(lists, groups) if pictures else []
        rows = np.array(list(dict.fromkeys(row for _, _, row in places)), np.int64)  # one may be in two lists
        means, maps = read_maps(opened, dimensions, rows)
        tick(4)
    for name, parts in data["dimensions"].items():
        data["dimensions"][name] = [part | {"map": each} for part, each in zip(parts, means[name], strict=True)]
    data["lists"] = {name: _records(table, found) for name, found in lists.items()}
    data["groups"] = [_records(table, group[:_MEMBERS]) | {"size": len(group)} for group in groups]
    report = Report(b"", table.num_rows)
    made = thumbnails(_wanted(table, rows, root), how)
    pictures_of = dict(zip(rows.tolist(), followed(made, "pictures", len(rows)), strict=True))
    for name, number, row in places:
        shown = data["groups"][name] if isinstance(name, int) else data["lists"][name]
        if pictures_of[row]:
            shown["pictures"][number] = [pictures_of[row], maps.get(row, "")]
    report.missing = sum(not picture for picture in pictures_of.values())
    report.pictures = len(pictures_of) - report.missing
    report.page = _page(data)
    if len(report.page) > _MOST_BYTES:
        size = len(report.page) >> 20
        raise EdgeError(f"the report of {path} has {size} MiB, too much for a browser: give --no-pictures.")
    return report


def _sound(table: Any) -> Any:
    """A table in which a score is from 0 to 1, or missing: the page counts on that, and others may have written it."""
    pc = importlib.import_module("pyarrow.compute")
    score = table.column("score")
    possible = pc.and_(pc.greater_equal(score, 0.0), pc.less_equal(score, 1.0))
    made = pc.if_else(possible, score, importlib.import_module("pyarrow").scalar(None, score.type))
    return table.set_column(table.schema.get_field_index("score"), "score", made)


def _figures(path: Path, table: Any, dimensions: dict[str, Groups]) -> dict[str, Any]:
    """All of the page that is no photograph."""
    return {
        "title": path.name,
        "table": shlex.quote(str(path)),
        "made": f"{datetime.now():%Y-%m-%d %H:%M}",
        "bins": BINS,
        "grid": GRID,
        "full": FULL,
        "verdicts": VERDICTS[:-1],
        "causes": CAUSES,
        "limits": limits_of(table),
        "dimensions": {name: figures(table, groups) for name, groups in dimensions.items()},
        "drift": {name: monthly(table, dimensions[name]) for name in ("camera", "site")},
        "models": len(table.column("model").unique()),
        "errors": _errors(table),
        "shown": _SHOWN,
    }


def _counts(duplicates: Duplicates) -> dict[str, int]:
    """How many photographs could go."""
    more = {name: getattr(duplicates, name) for name in ("exact", "near")}
    counts = {name: int((found >= 0).sum() - len(np.unique(found[found >= 0]))) for name, found in more.items()}
    return counts | {"crowded": duplicates.crowded}


def _records(table: Any, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Rows for the page: their cells, and the command that draws their map."""
    cells = table.select(_SHOWN).take(rows).to_pylist()
    return {
        "rows": [list(row.values()) for row in cells],
        "commands": [f"edge-grade {shlex.quote(row['path'])} --maps maps" for row in cells],
        "pictures": {},
    }


def _places(
    lists: dict[str, NDArray[np.int64]], groups: Sequence[NDArray[np.int64]]
) -> list[tuple[str | int, int, int]]:
    """Where the page has a picture: the list or the number of the group, the place in it, and the row of the table."""
    places: list[tuple[str | int, int, int]] = [
        (name, number, int(row)) for name, most in PICTURES.items() for number, row in enumerate(lists[name][:most])
    ]
    for name, group in enumerate(groups[:GROUPS]):
        places += [(name, number, int(row)) for number, row in enumerate(group[:2])]
    return places


def _wanted(table: Any, rows: NDArray[np.int64], root: Path) -> list[Wanted]:
    cells = table.select(["path", "crop_x", "crop_y", "crop_side"]).take(rows).to_pylist()
    crops = [(row["crop_x"], row["crop_y"], row["crop_side"]) for row in cells]
    return [
        Wanted(place_below(root, row["path"]), None if None in crop else crop)
        for row, crop in zip(cells, crops, strict=True)
    ]


def _errors(table: Any) -> list[tuple[str, int, str]]:
    """What kept photographs from being graded, without their names, how often, and the first of them."""
    failed = table.select(["error", "path"]).filter(importlib.import_module("pyarrow.compute").field("error") != "")
    found: Counter[str] = Counter()
    first: dict[str, str] = {}
    for row in failed.to_pylist():
        words = row["error"].replace(row["path"], "").strip(" :")
        found[words] += 1
        first.setdefault(words, row["path"])
    return [(words, count, first[words]) for words, count in found.most_common(_ERRORS)]


def _page(data: dict[str, Any]) -> bytes:
    """The page with its data, in which no name ends the script or begins a tag."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    page = files("edge.curate").joinpath("page.html").read_text(encoding="utf-8")
    before, after = page.split("__DATA__")
    return (before + text + after).encode("utf-8", "backslashreplace")
