"""What the parity of all forms says, as lines for a terminal, Markdown, JSON and a sheet of the worst frames."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.parity.measure import RAW_SCORE, FormsParity, ParityRow
from edge.metrics.classification import Figure
from edge.metrics.parity import Parity
from trainer.loop.checkpoints import write
from trainer.pictures import save_sheet, tint

_HEAD = ("form", "map MAE", "map max", "score rho", "score max", "flips", "from", "map MAE", "allowed")


def lines(parity: FormsParity) -> list[str]:
    """A table: each form beside the float network in torch, and beside the form that it was made from."""
    rows = [_HEAD, *(_cells(row) for row in parity.rows)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [
        *table,
        "raw frame to score, trainer (torch, OpenCV steps) beside device (bundle on OpenVINO): "
        f"{parity.raw_mean:.4f} apart on average, at most {parity.raw_max:.4f}; {parity.raw_far} of "
        f"{len(parity.names)} frames more than {RAW_SCORE:g}; frame steps {parity.grey_max:.2f} grey levels at most",
    ]


def _cells(row: ParityRow) -> tuple[str, ...]:
    far, near = row.beside_float, row.beside_before
    return (
        row.form,
        f"{far.map_mae:.5f}",
        f"{far.map_max:.4f}",
        f"{far.rank_correlation:.5f}",
        f"{far.score_max:.4f}",
        f"{far.verdict_flips} of {far.frames}",
        row.before,
        f"{near.map_mae:.5f}",
        f"{row.most:g}" + ("" if row.fits else " (not met)"),
    )


def as_dict(parity: FormsParity) -> dict[str, Any]:
    """The same for machines, with the frames that are worst."""
    return {
        "forms": [
            {
                "form": row.form,
                "beside float, torch": figures(row.beside_float),
                "made from": row.before,
                "beside that": figures(row.beside_before),
                "stage": row.stage,
                "allowed map_mae": row.most,
                "fits": row.fits,
            }
            for row in parity.rows
        ],
        "raw frame": {
            "frames": len(parity.names),
            "score_mean": parity.raw_mean,
            "score_max": parity.raw_max,
            "frames beyond": parity.raw_far,
            "grey levels": parity.grey_max,
            "worst": parity.raw_worst,
            "allowed": RAW_SCORE,
        },
        "worst frames": [{"name": w.name, "map_mae": w.map_mae} for w in parity.worst],
    }


def figures(parity: Parity) -> dict[str, float | int | None]:
    """One parity for JSON: NaN, as of a constant score, is no JSON."""
    return {k: None if v != v else v for k, v in dataclasses.asdict(parity).items()}


def auroc_lines(differences: Mapping[str, Mapping[str, Figure]]) -> list[str]:
    """AUROC of INT8 less that of float on each labelled set, with its paired interval."""
    return [
        f"AUROC {name} {question}: INT8 less float32 {change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]"
        for name, questions in differences.items()
        for question, change in questions.items()
    ]


def write_parity(
    folder: Path, sets: Mapping[str, FormsParity], differences: Mapping[str, Mapping[str, Figure]] | None = None
) -> None:
    """``parity.md``, ``parity.json`` and, of the worst frames of every set, ``parity.png``.

    Args:
        folder: where to.
        sets: frames by name.
        differences: ``{labelled set: {question: AUROC of INT8 less float}}``; left out where nothing is labelled.

    Raises:
        EdgeError: the folder cannot be written to.
    """
    text = ["# Parity of every form of the student", ""]
    for name, parity in sets.items():
        text += [f"## {name}: {len(parity.names)} frames", "", "```", *lines(parity), "```", "", "Worst frames:", ""]
        text += [f"- {w.name}: map mean abs difference {w.map_mae:.4f}" for w in parity.worst] + [""]
    if differences:
        text += ["## Labelled photographs", "", "```", *auroc_lines(differences), "```", ""]
    write(folder / "parity.md", "\n".join(text).encode("utf-8", "backslashreplace"))
    said = {name: as_dict(parity) for name, parity in sets.items()}
    if differences:
        said["AUROC, INT8 less float"] = {
            name: {question: dataclasses.asdict(change) for question, change in questions.items()}
            for name, questions in differences.items()
        }
    write(folder / "parity.json", (json.dumps(said, indent=1) + "\n").encode("utf-8", "backslashreplace"))
    worst = [w for parity in sets.values() for w in parity.worst]
    save_sheet(
        folder / "parity.png",
        [
            (
                _titled(w.picture, f"{w.map_mae:.4f}"),
                tint(w.picture, w.maps[0]),
                tint(w.picture, w.maps[1]),
                tint(w.picture, np.clip(4 * np.abs(w.maps[0] - w.maps[1]), 0, 1)),
            )
            for w in worst
        ],
        ("frame, map mean abs diff", "float, torch", "INT8, openvino", "difference, four times"),
    )


def _titled(picture: NDArray[np.uint8], words: str) -> NDArray[np.uint8]:
    shown = picture.copy()
    for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(shown, words, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thick, cv2.LINE_AA)
    return shown
