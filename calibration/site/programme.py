"""From a screening criterion and a site's labels to the same criterion under the site's own limits."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import yaml

from calibration.site.criterion import DRAWS
from calibration.site.estimate import Rates, doubts, out_of_fold, rates
from calibration.site.labelled import check_both_kinds, grade_labelled, origin_of, printable
from calibration.site.limits import KINDS, Measured, asked, fit_limits, measure_all, predict, undecided
from edge.criteria.criterion import LONGEST, Criterion, read_criterion, shipped_criteria
from edge.errors import EdgeError
from edge.files.output import check_output, write_output
from edge.metrics.bootstrap import bootstrap, each_class
from edge.metrics.classification import kappa
from edge.metrics.cross_validation import check_extra
from edge.metrics.labels import read_labels
from edge.modality import check_fundus
from edge.model import QualityModel

log = logging.getLogger(__name__)
_NAMES = ("adequate", "not adequate")


@dataclass(frozen=True)
class Agreement:
    """Of a criterion with labels.

    Attributes:
        rates: adequate photographs are the accepted ones.
        kappa: Cohen's.
    """

    rates: Rates
    kappa: float

    def line(self) -> str:
        """For people."""
        return f"{self.rates.line()}, kappa {self.kappa:.2f}"


@dataclass(frozen=True)
class Limit:
    """One limit.

    Attributes:
        field, requirement: which, such as ``macula`` and ``clear``.
        before, after: the fit.
        low, high: its 95 % interval by bootstrap.
    """

    field: str
    requirement: str
    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True)
class CriterionReport:
    """What ``fit_criterion`` found.

    Attributes:
        path: of the criterion that was written.
        labels: how many images are adequate, and not.
        left_out: sentences about labelled images that could not be graded.
        limits: all that the criterion asks for.
        before, after: the criterion as it was and as it was written, on these labels.
        estimate: of the fit, cross-validated; None where a class has one image only.
        doubts: what the labels do not suffice for.
    """

    path: Path
    labels: dict[str, int]
    left_out: tuple[str, ...]
    limits: tuple[Limit, ...]
    before: Agreement
    after: Agreement
    estimate: Agreement | None
    doubts: tuple[str, ...]

    def lines(self) -> list[str]:
        """For people."""
        counts = ", ".join(f"{count} {kind}" for kind, count in self.labels.items())
        return [
            f"{self.path}: fitted on {counts}; unverified, and no programme has approved it",
            *(
                f"{each.field + ' ' + each.requirement:<26}{each.before:g} -> {each.after:g} "
                f"[{each.low:.3f}, {each.high:.3f}]"
                for each in self.limits
            ),
            f"{'as it was':<26}{self.before.line()}",
            f"{'fitted, same labels':<26}{self.after.line()}",
            f"{'fitted, cross-validated':<26}{'not estimated' if self.estimate is None else self.estimate.line()}",
        ]


def fit_criterion(name: str, labels: Path, target: Path, model: Path | None, engine: str) -> CriterionReport:
    """Fit the limits that a criterion asks for, and write the file that asks for the fitted ones.

    Args:
        name: see ``read_criterion``.
        labels: CSV ``path,adequate`` or ``path,quality``, paths relative to it.
        target: the criterion to write.
        model, engine: see ``QualityModel.load``.

    Raises:
        EdgeError: the criterion, the CSV or the model cannot be read, the labels are of one class, the file cannot be
            written, or see ``check_extra``.
    """
    own = read_criterion(name)
    check_output(target, "the criterion", [Path(name), labels, model])
    check_extra()
    truth = read_labels(labels)
    with QualityModel.load(model, engine) as quality:
        check_fundus(quality.manifest, "edge-calibrate criterion")
        assessed, left_out = grade_labelled(quality, truth, labels)
    check_both_kinds([label for _, label in assessed])
    seen = measure_all(assessed)
    log.info("fitting")
    fitted = fit_limits(seen, own)
    predicted = out_of_fold(
        seen.accepted, lambda others, left_out: predict(seen.some(left_out), fit_limits(seen.some(others), own))
    )
    estimate = None if predicted is None else _agreement(predicted, seen)
    counts = dict(zip(_NAMES, (int(seen.accepted.sum()), int((~seen.accepted).sum())), strict=True))
    _write(target, own, fitted, f"{len(seen.accepted)} labels of {origin_of(labels, counts)}")
    before = _agreement(predict(seen, own), seen)
    return CriterionReport(
        target,
        counts,
        left_out,
        _limits(seen, own, fitted),
        before,
        _agreement(predict(seen, fitted), seen),
        estimate,
        (
            *undecided(seen, own),
            *_no_gain(own, before, estimate),
            *doubts(seen.accepted, estimate.rates if estimate else None, _NAMES),
        ),
    )


def _no_gain(own: Criterion, before: Agreement, estimate: Agreement | None) -> list[str]:
    """Whether the fit is no better than what it started from, on photographs that it was not made on."""
    if estimate is None or estimate.rates.balanced_accuracy.value > before.rates.balanced_accuracy.value:
        return []
    return [
        f"on photographs left out of the fit its limits agree no better ({estimate.rates.balanced_accuracy.value:.2f}) "
        f"than those of {own.name} ({before.rates.balanced_accuracy.value:.2f}): keep {own.name}."
    ]


def _agreement(predicted: np.ndarray[tuple[int], np.dtype[np.bool_]], seen: Measured) -> Agreement:
    return Agreement(rates(predicted, seen.accepted), kappa(predicted, seen.accepted))


def _limits(seen: Measured, own: Criterion, fitted: Criterion) -> tuple[Limit, ...]:
    """Each limit with its interval, each class resampled by itself."""
    before, after = _flat(own), _flat(fitted)
    low, high = bootstrap(
        lambda drawn: list(_flat(fit_limits(seen.some(drawn), own)).values()), each_class(seen.accepted), DRAWS
    )
    ends = zip(after, low, high, strict=True)
    return tuple(Limit(*place, before[place], after[place], float(a), float(b)) for place, a, b in ends)


def _flat(criterion: Criterion) -> dict[tuple[str, str], float]:
    return {(kind, name): limit for kind in KINDS for name, limit in asked(getattr(criterion, kind)).items()}


def _write(target: Path, own: Criterion, fitted: Criterion, origin: str) -> None:
    """Write a criterion that says where its numbers come from, and that is not taken for one that ships."""
    name = printable(target.stem).strip() or "fitted"
    said: dict[str, object] = {
        "name": f"{name}, fitted" if name.casefold() in shipped_criteria() else name,
        "title": f"{own.title}, under limits of a site"[:LONGEST],
        "source": f"fitted on {origin}, by edge-calibrate criterion from {own.name}: {own.source}"[:LONGEST],
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "verified": False,
        **{kind: asked(getattr(fitted, kind)) for kind in KINDS if getattr(fitted, kind) is not None},
    }
    text = "# Limits fitted to labels by edge-calibrate criterion; no programme has approved them.\n"
    text += yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=110)
    try:
        write_output(target, text.encode())
    except OSError as error:
        raise EdgeError(f"{target} cannot be written ({error.strerror}): check the folder and the disk.") from None
