"""From a bundle and a site's labels to the same network under the site's own criterion."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from calibration.site.criterion import Aim, fit, judge
from calibration.site.estimate import Rates, cross_validated, doubts, rates, threshold_interval
from calibration.site.labelled import grade_labelled, origin_of
from calibration.site.verdicts import without_fits
from edge.bundle.bundle import Golden, Region, Thresholds, read_bundle, write_bundle
from edge.engines.choose import open_engine
from edge.engines.verify import golden_score
from edge.files.output import check_output
from edge.metrics.cross_validation import check_extra
from edge.metrics.labels import Quality, read_labels
from edge.model import QualityModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SiteReport:
    """What ``fit_site`` found.

    Attributes:
        path: of the bundle that was written.
        labels: how many images of each quality.
        left_out: sentences about labelled images that could not be graded.
        pooling, thresholds: of the new bundle.
        pooling_changed: whether the labels asked for other weights.
        usable_interval: 95 %, of ``thresholds.usable``.
        before: rates of the bundle as it was, on these labels.
        estimate: cross-validated rates of the new ones; None where a class has one image only.
        doubts: warnings that there are too few labels.
    """

    path: Path
    labels: dict[Quality, int]
    left_out: tuple[str, ...]
    pooling: dict[Region, float]
    thresholds: Thresholds
    pooling_changed: bool
    usable_interval: tuple[float, float]
    before: Rates
    estimate: Rates | None
    doubts: tuple[str, ...]

    def lines(self) -> list[str]:
        """For people."""
        counts = ", ".join(f"{count} {quality}" for quality, count in self.labels.items())
        weights = ", ".join(f"{region} {weight:g}" for region, weight in self.pooling.items())
        low, high = self.usable_interval
        after = "not estimated" if self.estimate is None else self.estimate.line()
        return [
            f"{self.path}: fitted on {counts}",
            f"weights             {weights} ({'fitted' if self.pooling_changed else 'as they were'})",
            f"usable from         {self.thresholds.usable:.3f} [{low:.3f}, {high:.3f}]",
            f"good from           {self.thresholds.good:.3f}",
            f"bundle as it was    {self.before.line()}",
            f"cross-validated     {after}",
        ]


def fit_site(model: Path, labels: Path, target: Path, aim: Aim, engine: str) -> SiteReport:
    """Fit pooling weights and thresholds to labels, and write the bundle that decides by them.

    Args:
        model: the bundle; its network is kept byte for byte.
        labels: CSV ``path,quality``, paths relative to it.
        target: the bundle to write.
        aim: of the threshold ``usable``.
        engine: see ``QualityModel.load``.

    Raises:
        EdgeError: the bundle or the CSV cannot be read, the labels are of one class, the bundle cannot be written, or
            see ``check_extra``.
    """
    check_output(target, "the bundle", [model, labels])
    check_extra()
    truth = read_labels(labels)
    bundle = read_bundle(model)
    with QualityModel(bundle, open_engine(bundle, engine, None)) as quality:
        assessed, left_out = grade_labelled(quality, truth, labels)
    judged = judge(assessed, bundle.manifest)
    own = bundle.manifest.thresholds
    log.info("fitting")
    fitted = fit(judged, own, aim)
    estimate = cross_validated(judged, own, aim)
    counts: dict[Quality, int] = {q: judged.qualities.count(q) for q in dict.fromkeys(judged.qualities)}
    manifest = dataclasses.replace(
        bundle.manifest,
        pooling=judged.poolings[fitted.pooling],
        thresholds=fitted.thresholds,
        thresholds_from=_origin(labels, counts, aim),
        metrics=_metrics(bundle.manifest.metrics, fitted.pooling > 0, estimate),
    )
    with QualityModel(dataclasses.replace(bundle, manifest=manifest), open_engine(bundle, engine, None)) as quality:
        golden = tuple(Golden(g.seed, golden_score(quality.engine, manifest, g.seed)) for g in manifest.golden)
    write_bundle(target, dataclasses.replace(manifest, golden=golden), bundle.onnx, bundle.golden)
    return SiteReport(
        target,
        counts,
        left_out,
        manifest.pooling,
        fitted.thresholds,
        fitted.pooling > 0,
        threshold_interval(judged, fitted.pooling, own.usable, aim),
        rates(judged.scores[0] >= own.usable, judged.accepted),
        estimate,
        tuple(doubts(judged.accepted, estimate)),
    )


def _origin(labels: Path, counts: dict[Quality, int], aim: Aim) -> str:
    """What fitted the thresholds, on which labels and when."""
    wanted = "for balanced accuracy" if aim.fixed == "balance" else f"at {aim.fixed} {aim.rate:g}"
    of_each = {str(quality): count for quality, count in counts.items()}
    return f"edge-calibrate thresholds {wanted}, {datetime.now(timezone.utc):%Y-%m-%d}, on {origin_of(labels, of_each)}"


def _metrics(before: dict[str, float], pooling_changed: bool, estimate: Rates | None) -> dict[str, float]:
    """Figures of the new bundle: those of other thresholds no longer hold, nor those of scores under other weights."""
    of_scores = [name for name in before if "AUROC" in name or "score" in name]
    kept = {n: value for n, value in without_fits(before).items() if not (pooling_changed and n in of_scores)}
    if estimate is not None:
        kept["site balanced accuracy, cross-validated"] = round(estimate.balanced_accuracy.value, 6)
    return kept
