"""Thresholds for many cameras: fitted on labelled sets together, and tried on each camera that the fit did not see."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from calibration.site.labelled import printable
from calibration.site.thresholds import KEEP, PASSED, UNFITTED, Scored, fit_thresholds
from calibration.site.verdicts import Verdicts, figures, leave_out, verdicts, verdicts_table, without_fits
from edge.bundle.bundle import Thresholds, read_bundle, write_bundle
from edge.engines.choose import open_engine
from edge.errors import EdgeError
from edge.files.output import check_output
from edge.grading import Input, grade_files
from edge.metrics.labels import Quality
from edge.modality import check_fundus
from edge.model import QualityModel
from trainer.evaluation.sets import LabelledSet, find_labelled, read_list

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CamerasReport:
    """What ``fit_cameras`` found.

    Attributes:
        path: of the bundle that was written.
        thresholds: of the new bundle.
        thresholds_from: what they were fitted for and on, as its manifest says it.
        left_out: what each set gets from thresholds that were fitted on the others; see ``leave_out``.
        together: what each set gets from those of the new bundle.
    """

    path: Path
    thresholds: Thresholds
    thresholds_from: str
    left_out: tuple[Verdicts, ...]
    together: tuple[Verdicts, ...]

    def text(self) -> str:
        """For people, in Markdown."""
        fitted = self.thresholds
        return "\n\n".join(
            (
                f"Usable from {fitted.usable:.3f}, good from {fitted.good:.3f}: {self.thresholds_from}.",
                "Each set left out of the fit in turn:" if self.left_out else "Too few sets to leave one out.",
                *([verdicts_table(self.left_out)] if self.left_out else []),
                "All of them in the fit:",
                verdicts_table(self.together),
            )
        )


def fit_cameras(model: Path, data: Path, table: Path, target: Path, engine: str = "auto") -> CamerasReport:
    """Fit the thresholds of a bundle to labelled sets of several cameras, and write the bundle that decides by them.

    Network and weights stay as they are. Of the list only the half that chooses is looked at.

    Args:
        model: the bundle.
        data: folder with labelled sets, see ``find_labelled``, and with the photographs of the list.
        table: the list, see ``read_list``.
        target: the bundle to write.
        engine: see ``QualityModel.load``.

    Raises:
        EdgeError: bundle, labels or list cannot be read, no good photograph or no reject is among what can be graded,
            or the bundle cannot be written.
    """
    check_output(target, "the bundle", [model, table])
    bundle = read_bundle(model)
    check_fundus(bundle.manifest, "edge-calibrate cameras")
    if not data.is_dir():
        raise EdgeError(f"{data} is not a folder: give --data a folder of labelled photographs.")
    labelled, listed = find_labelled(data), read_list(table, data, "chooses")
    _check_kinds((quality for each in (*labelled, *listed) for quality in each.qualities), data, table)
    plain = dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, thresholds=UNFITTED))
    with QualityModel(plain, open_engine(bundle, engine, None)) as quality:
        sets = [score_set(quality, each) for each in (*labelled, *listed)]
    _check_kinds((quality for each in sets for quality in each.qualities), data, table)
    fitted, left_out = fit_thresholds(sets), leave_out(sets)
    origin = described(sets, table if listed else None)
    manifest = dataclasses.replace(
        bundle.manifest,
        thresholds=fitted,
        thresholds_from=f"edge-calibrate cameras, {datetime.now(timezone.utc):%Y-%m-%d}, {origin}",
        metrics=without_fits(bundle.manifest.metrics) | figures(left_out),
    )
    write_bundle(target, manifest, bundle.onnx, bundle.golden)
    together = tuple(verdicts(each, fitted) for each in sets)
    return CamerasReport(target, fitted, manifest.thresholds_from, left_out, together)


def _check_kinds(qualities: Iterable[Quality], data: Path, table: Path) -> None:
    seen = set(qualities)
    if "good" not in seen or not seen & {"reject", "outlier"}:
        raise EdgeError(
            f"{data} holds no readable photographs that are labelled good, or none that are labelled reject: sort some "
            f"into folders good and bad, write a labels.csv, or put those there that {table.name} names."
        )


def score_set(model: QualityModel, labelled: LabelledSet) -> Scored:
    """The scores of a set, from the file to the score; what cannot be graded is named in the log and left out."""
    log.info("grading %s", labelled.name)
    scores: list[float] = []
    qualities: list[Quality] = []
    for graded, said in zip(grade_files(model, [Input(p) for p in labelled.paths]), labelled.qualities, strict=True):
        if graded.assessment is None:
            log.info("left out: %s", graded.error)
            continue
        scores.append(graded.assessment.score)
        qualities.append(said)
    return Scored(printable(labelled.name), np.array(scores), qualities)


def described(sets: Sequence[Scored], table: Path | None) -> str:
    """What thresholds were fitted for, and on which sets, for the manifest; a list by its SHA-256."""
    counts = "; ".join(f"{s.name} ({len(s.of('good'))} clear, {len(s.of('reject', 'outlier'))} useless)" for s in sets)
    words = (
        f"to refuse as many useless photographs as possible, by the mean of the sets, and at most {1 - KEEP:.0%} of "
        f"the clear ones of each, and to call at most {PASSED:.0%} of the others good, on {counts}"
    )
    if table is None:
        return words
    digest = hashlib.sha256(table.read_bytes()).hexdigest()[:12]
    return f"{words}: labels, and the half of {printable(table.name)} (SHA-256 {digest}) that chooses"
