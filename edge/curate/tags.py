"""A choice as tasks of a labelling tool, with what the model says as tags to be corrected: Label Studio's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edge.curate.select import Choice
from edge.errors import EdgeError, reason_of
from edge.files.atomic import replacing

_BATCH = 10_000
_TOLD = ("path", "score", "cause", "place", "camera", "site", "taken", "carried")  # beside the photograph
_CHOICES = {"quality": "verdict", "causes": "causes", "eye": "eye", "field": "field_definition"}


def write_tags(choice: Choice, out: Path, prefix: str) -> None:
    """Write tasks, one a photograph; those that could not be graded have no tags.

    Args:
        choice: of rows with all columns.
        out: a JSON file; it is replaced as a whole.
        prefix: how addresses of photographs begin in the labelling tool; without it they are the paths of the table.

    Raises:
        EdgeError: it cannot be written.
    """
    try:
        with replacing(out, like=out.stat() if out.exists() else None) as file:
            file.write(b"[")
            for number, task in enumerate(_tasks(choice, prefix)):
                file.write(b",\n" if number else b"\n")
                file.write(json.dumps(task, ensure_ascii=False, allow_nan=False).encode())
            file.write(b"\n]\n")
    except OSError as error:
        raise EdgeError(f"{out} cannot be written ({reason_of(error)}): check the folder and the disk.") from None


def _tasks(choice: Choice, prefix: str) -> Iterator[dict[str, Any]]:
    for batch in choice.table.to_batches(_BATCH):
        yield from (_task(row, prefix) for row in batch.to_pylist())


def _task(row: dict[str, Any], prefix: str) -> dict[str, Any]:
    image = prefix + quote(row["path"], safe="/:") if prefix else row["path"]
    task: dict[str, Any] = {
        "data": {"image": image, **{name: row[name] for name in _TOLD if row[name] not in ("", None)}}
    }
    if row["verdict"]:
        result = [_tag(tag, row[column].split(";")) for tag, column in _CHOICES.items() if row[column]]
        task["predictions"] = [{"model_version": row["model"][:12], "score": row["score"], "result": result}]
    return task


def _tag(name: str, chosen: list[str]) -> dict[str, Any]:
    """What one ``Choices`` of the tool shows as chosen."""
    return {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": chosen}}
