"""Labelled photographs, graded: what every fit to a site's labels starts from."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.assessment import Assessment
from edge.errors import EdgeError
from edge.grading import Input, grade_files
from edge.metrics.labels import Quality
from edge.model import QualityModel

log = logging.getLogger(__name__)


def grade_labelled(
    quality: QualityModel, truth: Mapping[Path, Quality], labels: Path
) -> tuple[list[tuple[Assessment, Quality]], tuple[str, ...]]:
    """Grade what a CSV names.

    Args:
        quality: the model.
        truth: of ``read_labels``.
        labels: the CSV, for the message.

    Returns:
        What could be graded with its label, and sentences about the rest.

    Raises:
        EdgeError: nothing could be graded.
    """
    log.info("grading %s labelled images", len(truth))
    graded = ((g.assessment, g.error) for g in grade_files(quality, [Input(path) for path in truth]))
    both = list(zip(graded, truth.values(), strict=True))  # no frames: hundreds would not fit into memory
    assessed = [(assessment, label) for (assessment, _), label in both if assessment is not None]
    left_out = tuple(error for (assessment, error), _ in both if assessment is None)
    if not assessed:
        raise EdgeError(f"none of the images that {labels} names can be graded, the first because: {left_out[0]}")
    return assessed, left_out


def check_both_kinds(qualities: Sequence[Quality]) -> None:
    """Refuse labels that nothing can be fitted to.

    Raises:
        EdgeError: they are of one class.
    """
    if len({quality in ("good", "usable") for quality in qualities}) < 2:
        raise EdgeError(
            f"all {len(qualities)} labelled images are {' or '.join(sorted(set(qualities))) or 'missing'}: a criterion "
            "needs images to accept (good, usable) and images to refuse (reject, outlier); label both kinds."
        )


def origin_of(labels: Path, counts: Mapping[str, int]) -> str:
    """A CSV by its name, how many of each kind it holds, and its SHA-256: enough to find the labels again."""
    of_each = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    digest = hashlib.sha256(labels.read_bytes()).hexdigest()[:12]
    return f"{printable(labels.name)} ({of_each}; SHA-256 {digest})"


def printable(name: str) -> str:
    """A name of a file in one line that any reader can hold."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)
