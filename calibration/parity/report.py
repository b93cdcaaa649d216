"""The parity of all forms as lines for a terminal, Markdown, JSON and a sheet of the worst frames."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.parity.measure import RAW_SCORE, FormsParity, ParityRow, Worst
from edge.metrics.classification import Figure
from edge.metrics.parity import Parity
from trainer.loop.checkpoints import write
from trainer.pictures import save_sheet, tint

_HEAD = ("form", "map MAE", "map max", "score rho", "score max", "flips", "from", "map MAE", "allowed")


def lines(parity: FormsParity) -> list[str]:
    """A table: each form compared with the float network in torch, and with the form that it was made from."""
    raw = _raw_frame(parity)
    rows = [_HEAD, *(_cells(row) for row in parity.rows)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [
        *table,
        "raw frame to score, trainer (torch, OpenCV steps) beside device (bundle on OpenVINO): "
        f"{raw['score_mean']:.4f} apart on average, at most {raw['score_max']:.4f}; {raw['frames beyond']} of "
        f"{raw['frames']} frames more than {RAW_SCORE:g}; frame steps {parity.grey_max:.2f} grey levels at most",
    ]


def _raw_frame(parity: FormsParity) -> dict[str, Any]:
    return {
        "frames": len(parity.names),
        "score_mean": float(parity.raw_apart.mean()),
        "score_max": float(parity.raw_apart.max()),
        "frames beyond": int((parity.raw_apart > RAW_SCORE).sum()),
        "grey levels": parity.grey_max,
        "worst": parity.raw_worst,
        "allowed": RAW_SCORE,
    }


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
    """The same for machines, with the worst frames."""
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
        "raw frame": _raw_frame(parity),
        "worst frames": [{"name": w.name, "map_mae": w.map_mae} for w in parity.worst],
    }


def figures(parity: Parity) -> dict[str, float | int | None]:
    """One parity for JSON, which has no NaN, as of a constant score."""
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
        folder: to write to.
        sets: what was measured, by the name of the set of frames.
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
    report: dict[str, Any] = {name: as_dict(parity) for name, parity in sets.items()}
    if differences:
        report["AUROC, INT8 less float"] = differences
    coded = json.dumps(report, indent=1, default=dataclasses.asdict) + "\n"
    write(folder / "parity.json", coded.encode("utf-8", "backslashreplace"))
    heads = ("frame, map mean abs diff", "float, torch", "INT8, openvino", "difference, four times")
    save_sheet(folder / "parity.png", [_row(worst) for parity in sets.values() for worst in parity.worst], heads)


def _row(worst: Worst) -> list[NDArray[np.uint8]]:
    """The frame with its difference written on it, both maps, and four times what they differ by."""
    titled = worst.picture.copy()
    for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        words = f"{worst.map_mae:.4f}"
        cv2.putText(titled, words, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thick, cv2.LINE_AA)
    layers = (*worst.maps, np.clip(4 * np.abs(worst.maps[0] - worst.maps[1]), 0, 1))
    return [titled, *(tint(worst.picture, layer) for layer in layers)]
