"""A row of the table."""

from __future__ import annotations

import base64
import json
import re

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.criteria.adequacy import judge
from edge.criteria.criterion import Criterion
from edge.errors import one_line
from edge.files.table import tame, whole_sentence
from edge.grading.graded_file import GradedFile, readable
from edge.grading.inputs import Input
from edge.grading.table.columns import FULL, GRID, OUTSIDE, SCHEMA, TABLE_COLUMNS, Row
from edge.grading.table.fingerprint import FileFacts

_STATED = ("camera", "site")  # columns of lists that say what these of the table do
_TIME = re.compile(r"\d{4}-\d\d(-\d\d)?([T ]\d\d:\d\d(:\d\d)?)?")


def key_text(name: str) -> str:
    """A name as the table has it: of one line, of letters that can be encoded, and no formula."""
    return tame(_one_line(readable(name)))


def row_of(
    item: Input,
    graded: GradedFile,
    facts: FileFacts | None,
    looks: str,
    criterion: Criterion | None,
    by: tuple[str, str],
    identity: bool = False,
) -> Row:
    """The row of a photograph.

    Args:
        item: what was graded.
        graded: the result.
        facts: of its file; None where it could not be read.
        looks: its perceptual hash; empty where it was not decoded.
        criterion: that it is judged by, if there is one.
        by: SHA-256 of the bundle, and the settings it was graded with.
        identity: whether the patient, study, series and instance of DICOM are written too.
    """
    row: Row = {name: "" if kind == "text" else None for name, kind in TABLE_COLUMNS.items()}
    row |= {"path": key_text(graded.shown), "model": by[0], "settings": by[1], "schema": SCHEMA, "hash": looks}
    row["site"] = graded.origin.site or _first_folder(item)
    carried = {**(graded.identity if identity else {}), **dict(item.carried)}
    row["carried"] = readable(json.dumps(carried, ensure_ascii=False, sort_keys=True)) if carried else ""
    if facts is not None:
        row |= {"size": facts.size, "modified": facts.modified, "sha256": facts.sha256}
    if graded.assessment is None:
        return row | {"error": tame(whole_sentence(_one_line(readable(graded.error))))} | _stated(dict(item.carried))
    row |= _findings(graded.assessment) | {"camera": graded.origin.camera, "taken": graded.origin.taken}
    row |= _stated(dict(item.carried))
    row |= {"width": graded.size[0], "height": graded.size[1]}
    if criterion is not None:
        adequacy = judge(graded.assessment, criterion)
        row |= {"criterion": criterion.shown, "adequate": "yes" if adequacy.adequate else "no"}
        row["requirement"] = "; ".join(map(str, adequacy.failed))
    return row


def _findings(found: Assessment) -> Row:
    """What the model says."""
    cause, focus, crop = found.cause, found.focus, found.crop
    row: Row = {
        "score": round(float(found.score), 6),
        "verdict": found.verdict,
        "cause": cause.code if cause else "",
        "place": cause.place if cause else "",
        "coverage": round(float(found.coverage), 4),
        "eye": found.eye or "",
        "field_definition": found.field_kind,
        "causes": ";".join(each.code for each in found.causes),
        "focus": None if focus is None else round(float(focus), 4),
        "map": base64.b64encode(small_map(found.map, found.field).tobytes()).decode(),
    }
    return row if crop is None else row | {"crop_x": crop.x, "crop_y": crop.y, "crop_side": crop.side}


def _stated(carried: dict[str, str]) -> Row:
    """Camera, site and time where a list says them: whoever wrote it knows more than EXIF and names of folders."""
    said: Row = {name: tame(_one_line(readable(carried[name]))) for name in _STATED if carried.get(name)}
    time = carried.get("taken", "").strip()
    return said | {"taken": time.replace(" ", "T")} if _TIME.fullmatch(time) else said


def small_map(degradation: NDArray[np.float32], field: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A map for the table.

    Args:
        degradation: float32 (grid, grid) in [0, 1].
        field: bool (grid, grid).

    Returns:
        uint8 (GRID, GRID): the mean over the field inside a cell, ``FULL`` where all is lost; ``OUTSIDE`` outside.
    """
    inside = field.astype(np.float32)
    lost, covered = (
        cv2.resize(each, (GRID, GRID), interpolation=cv2.INTER_AREA) for each in (degradation * inside, inside)
    )
    part = np.clip(lost / np.maximum(covered, 1e-6), 0, 1)
    return np.where(covered >= 0.5, np.rint(part * FULL), OUTSIDE).astype(np.uint8)


def _first_folder(item: Input) -> str:
    """The folder next below the one that was given, in which archives part what comes from several sites."""
    try:
        parts = item.path.relative_to(item.root).parts
    except ValueError:
        return ""
    return tame(_one_line(readable(parts[0]))) if len(parts) > 1 else ""


def _one_line(text: str) -> str:
    """A row is one line, so that what a killed run left can be told from a whole row."""
    return one_line(text) if not text.isprintable() else text
