"""What ``trainer.evaluation.evaluate`` measured, as the tables that docs/benchmarks.md holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2

from edge.images import read_image
from trainer.loop.checkpoints import write
from trainer.loop.processes import by_first
from trainer.pages import put_between, render

BEGIN, END = "<!-- evaluation: written by edge-train evaluate -->", "<!-- end of evaluation -->"


def write_report(result: dict[str, Any], folder: Path) -> None:
    """Write evaluation.json and evaluation.md."""
    write(folder / "evaluation.json", (json.dumps(result, indent=1) + "\n").encode())
    write(folder / "evaluation.md", markdown(result).encode())


def put_into(page: Path, result: dict[str, Any], folder: Path) -> None:
    """Replace the text between the two evaluation marks of a Markdown page, and its picture pictures/maps.jpg.

    Args:
        page: to be changed.
        result: of ``trainer.evaluation.evaluate``.
        folder: where the pictures of the evaluation are.

    Raises:
        EdgeError: the page cannot be read, or lacks the marks.
    """
    by_first(lambda: put_between(page, BEGIN, END, markdown(result)))
    coded = cv2.imencode(".jpg", read_image(folder / "phantoms.png"), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    write(page.parent / "pictures" / "maps.jpg", coded.tobytes())


def markdown(result: dict[str, Any]) -> str:
    """All tables, one below the other; a figure that was not measured is an empty cell."""
    return render(Path(__file__).with_name("report.md"), **result)
